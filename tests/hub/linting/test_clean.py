"""Folders as libraries write them: nothing above info is said of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from badnets.hub import lint
from tests.hub.linting.model_folders import safetensors, write
from tests.hub.linting.test_lint import MISSING
from tests.models.hub_toys import TRANSFORMERS, timm_folder, transformers_folder

_TINY = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
_TEXT = {"vocab_size": 50, "num_attention_heads": 2, **_TINY}
LANGUAGE = {
    "Bert": "BertForSequenceClassification",
    "Roberta": "RobertaForMaskedLM",
    "Electra": "ElectraForSequenceClassification",
    "Llama": "LlamaForCausalLM",
    "Mistral": "MistralForCausalLM",
    "Qwen2": "Qwen2ForCausalLM",
}
ADAPTER = {
    "auto_mapping": None,
    "base_model_name_or_path": "some/base",
    "inference_mode": True,
    "lora_alpha": 16,
    "peft_type": "LORA",
    "revision": None,
    "target_modules": ["q_proj", "v_proj"],
    "task_type": "CAUSAL_LM",
}


def said(folder: Path) -> set[str]:
    report = lint(folder)
    assert report.counts["error"] == report.counts["warning"] == 0, report.findings
    return {one.rule for one in report.findings}


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_image_classifiers_of_transformers(tmp_path: Path, kind: str) -> None:
    transformers_folder(tmp_path, kind)
    assert said(tmp_path) == MISSING


@pytest.mark.parametrize("kind", LANGUAGE)
def test_language_models_of_transformers(tmp_path: Path, kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{kind}Config")(**_TEXT)
    model = getattr(transformers, LANGUAGE[kind])(config)
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert said(tmp_path) == MISSING


OF_TIMM = (
    "convnext", "vit", "resnet", "byobnet", "efficientnet", "nfnet", "mambaout", "vit2",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_TIMM)
def test_folders_of_timm(tmp_path: Path, name: str) -> None:
    timm_folder(tmp_path, f"test_{name}")
    assert said(tmp_path) <= MISSING | {"base-model-unpinned"}


@pytest.mark.parametrize("task", ["CAUSAL_LM", "SEQ_CLS"])
def test_an_adapter_as_peft_writes_it(tmp_path: Path, task: str) -> None:
    card = "---\nbase_model: some/base\nlibrary_name: peft\n---\n# Model card\n"
    files = {"adapter_config.json": json.dumps({**ADAPTER, "task_type": task}), "README.md": card}
    write(tmp_path, {**files, "adapter_model.safetensors": safetensors()})
    assert said(tmp_path) == MISSING | {"base-model-unpinned"}


@pytest.fixture(scope="module")
def saved_by_torch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """Return what is said of files that torch wrote, by name."""
    folder = tmp_path_factory.mktemp("torch")
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()
    optimizer = torch.optim.AdamW(network.parameters())
    save: Any = torch.save  # noqa: TID251  as others do
    save(network.state_dict(), folder / "state.pt")
    save(network.half().state_dict(), folder / "half.pth", _use_new_zipfile_serialization=False)
    save({"model": network.state_dict(), "optimizer": optimizer.state_dict()}, folder / "all.ckpt")
    save([torch.rand(2).to_sparse(), torch.Size([1]), torch.bfloat16], folder / "odd.bin")
    save(network, folder / "module.pt")
    found: dict[str, set[str]] = {path.name: set() for path in folder.iterdir()}
    for one in lint(folder).findings:
        found.get(Path(one.path).name, set()).add(one.rule)
    yield {name: rules - {"no-checksum"} for name, rules in found.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, {"pickle-weights"}) for name in ("state.pt", "half.pth", "all.ckpt", "odd.bin")),
        ("module.pt", {"pickle-code"}),
    ],
)
def test_files_of_torch(saved_by_torch: dict[str, set[str]], name: str, expected: set[str]) -> None:
    assert saved_by_torch[name] == expected
