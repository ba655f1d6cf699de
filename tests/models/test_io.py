"""From a subject to a bundle and back, and every bundle that is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from badnets.bundles import (
    Architecture,
    Bundle,
    BundleConfig,
    Claims,
    MadeBy,
    read_bundle,
    write_bundle,
)
from badnets.core.errors import BundleError, OutputError
from badnets.data import DataSet
from badnets.models import Subject, load_subject, save_subject, untrained
from tests.models.toys import CLASSES, SHAPE, halves, plain_input, weights_of

CLAIMS = Claims.of(made_by=MadeBy.of(tool="somebody", version="1"))
Tensors = dict[str, Tensor]


@pytest.fixture
def subject(toys: DataSet) -> Subject:
    return untrained("tiny", SHAPE, CLASSES, seed=7)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gu-mnist", (1, 28, 28)),
        ("torchvision.squeezenet1_1", (1, 32, 32)),
        ("timm.test_convnext", (3, 32, 32)),
        ("timm.test_vit_relpos", (3, 160, 160)),  # part of its state is not in its tensors
    ],
)
def test_a_network_comes_back_bit_for_bit(
    name: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    made = untrained(name, shape, ("yes", "no", "perhaps"), seed=1)
    bundle = save_subject(made, tmp_path / "bundle")
    loaded = load_subject(tmp_path / "bundle")
    assert (loaded.architecture, loaded.input, loaded.classes) == (name, made.input, made.classes)
    mine, theirs = made.network.state_dict(), loaded.network.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(made.logits(images), loaded.logits(images))
    again = save_subject(loaded, tmp_path / "again", claims=bundle.claims)
    assert again.digest == bundle.digest, "the same network must give the same bytes"


def test_loading_leaves_the_global_generator_alone(subject: Subject, tmp_path: Path) -> None:
    save_subject(subject, tmp_path / "bundle")
    before = torch.random.get_rng_state()
    load_subject(tmp_path / "bundle")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_memory_format_and_claims_do_not_change_the_tensors(
    subject: Subject, tmp_path: Path
) -> None:
    plain = save_subject(subject, tmp_path / "plain", claims=CLAIMS)
    subject.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = save_subject(subject, tmp_path / "last", claims=CLAIMS)
    assert last.digest == plain.digest and last.claims == CLAIMS


def test_a_name_that_is_taken_is_kept_unless_it_may_be_replaced(
    subject: Subject, tmp_path: Path
) -> None:
    first = save_subject(subject, tmp_path / "bundle")
    with pytest.raises(OutputError, match="exists already"):
        save_subject(subject, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").digest == first.digest
    other = untrained("tiny", SHAPE, CLASSES, seed=8)
    save_subject(other, tmp_path / "bundle", replace=True)
    assert torch.equal(weights_of(load_subject(tmp_path / "bundle")), weights_of(other))


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def with_changed(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: change(tensors[name])}


def poked(value: float) -> Callable[[Tensor], Tensor]:
    def change(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        changed.view(-1)[-1] = value
        return changed

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("fc.bias"), r"missing \['fc.bias'\], unexpected \[\]"),
        (
            lambda tensors: {**tensors, "trojan": torch.zeros(1)},
            r"missing \[\], unexpected \['trojan'\]",
        ),
        (
            with_changed("fc.weight", lambda w: w[:, 1:].contiguous()),
            r"'fc.weight' is F32 \(2, 143\), the architecture has F32 \(2, 144\)",
        ),
        (
            with_changed("fc.bias", lambda b: b.view(1, -1)),
            r"'fc.bias' is F32 \(1, 2\), the architecture has F32 \(2,\)",
        ),
        (
            with_changed("conv.bias", lambda b: b.double()),
            r"'conv.bias' is F64 \(4,\), the architecture has F32 \(4,\)",
        ),
        (with_changed("conv.weight", poked(float("nan"))), "'conv.weight' holds NaN or infinite"),
        (with_changed("fc.bias", poked(float("-inf"))), "'fc.bias' holds NaN or infinite"),
    ],
)
def test_tensors_that_are_not_exactly_the_networks_are_refused(
    change: Callable[[Tensors], Tensors],
    said: str,
    subject: Subject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _write(tmp_path / "bundle", change(subject.network.state_dict()))
    _no_tensor_is_used(monkeypatch)
    with pytest.raises(BundleError, match=said):
        load_subject(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"architecture": Architecture.of(name="tinny")}, r"unknown network 'tinny'.*'tiny'"),
        ({"architecture": Architecture.of(name="gu-mnist")}, "28x28 images, got 8x8"),
        (
            {"architecture": Architecture.of(name="tiny", settings={"width": 2})},
            "'tiny' takes no settings, got width",
        ),
        ({"task": "detection"}, "holds a detector; a classifier was expected"),
        ({"classes": ("one", "two", "three")}, r"'fc.weight' is F32 \(2, 144\).*F32 \(3, 144\)"),
        ({"input": plain_input((1, 9, 8))}, r"'fc.weight' is F32 \(2, 144\).*F32 \(2, 168\)"),
        ({"input": plain_input((3, 8, 8))}, r"'conv.weight' is F32 \(4, 1, 3, 3\)"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    settings: dict[str, Any],
    said: str,
    subject: Subject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _write(tmp_path / "bundle", subject.network.state_dict(), **settings)
    _no_tensor_is_used(monkeypatch)
    with pytest.raises(BundleError, match=said):
        load_subject(tmp_path / "bundle")


@pytest.mark.parametrize("kept", [0, 7, 100, -4])
def test_a_truncated_bundle_is_refused(kept: int, subject: Subject, tmp_path: Path) -> None:
    save_subject(subject, tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:kept])
    with pytest.raises(BundleError, match=r"model\.safetensors"):
        load_subject(tmp_path / "bundle")


def test_a_single_changed_weight_is_noticed(subject: Subject, tmp_path: Path) -> None:
    save_subject(subject, tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.safetensors"
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    with pytest.raises(BundleError, match="changed or damaged"):
        load_subject(tmp_path / "bundle")


def test_a_bundle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such folder"):
        load_subject(tmp_path / "nothing")


def test_a_loaded_network_answers_without_the_file(subject: Subject, tmp_path: Path) -> None:
    save_subject(subject, tmp_path / "bundle")
    loaded = load_subject(tmp_path / "bundle")
    shutil.rmtree(tmp_path / "bundle")
    images = halves(4).images
    assert torch.equal(loaded.logits(images), subject.logits(images))


def _write(path: Path, tensors: Tensors, **settings: Any) -> Bundle:
    config = {
        "task": "classification",
        "architecture": Architecture.of(name="tiny"),
        "input": plain_input(SHAPE),
        "classes": CLASSES,
    }
    return write_bundle(
        path, tensors=save(tensors), config=BundleConfig.of(**(config | settings)), claims=CLAIMS
    )


def _no_tensor_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("tensors were put into a network before they were checked")

    monkeypatch.setattr(torch.nn.Module, "load_state_dict", refuse)
