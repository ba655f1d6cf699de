"""Networks by module:factory: run when they are used, and from a bundle only with consent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from badnets.bundles import Architecture, BundleConfig, Claims, MadeBy, read_bundle, write_bundle
from badnets.core.errors import BundleError, SettingError
from badnets.models import build, load_subject, save_subject, untrained
from tests.models.toys import CLASSES, SHAPE, plain_input, tiny, weights_of

TINY = "tests.models.toys:build_tiny"
STRANGE = """
import pathlib
pathlib.Path("ran").touch()
from tests.models.toys import build_tiny as tiny

def three(shape, num_classes):
    return tiny(shape, 3)

def listed(shape, num_classes):
    return [tiny(shape, num_classes)]

def empty(shape, num_classes):
    import torch
    return torch.nn.Flatten()

def fails(shape, num_classes):
    import torch
    return torch.nn.Linear(3, num_classes)

def wide(shape, num_classes):
    import torch
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, num_classes))

def pairs(shape, num_classes):
    network = tiny(shape, num_classes)
    network.register_forward_hook(lambda *_: (1, 2))
    return network
"""


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module in the working folder that leaves a file when it is run."""
    monkeypatch.chdir(tmp_path)
    name = "strange_" + "".join(c if c.isalnum() else "_" for c in tmp_path.name)
    (tmp_path / f"{name}.py").write_text(STRANGE)
    return name


def test_a_factory_is_called_as_the_catalogues_builders_are() -> None:
    first, again = (untrained(TINY, SHAPE, CLASSES, seed=seed) for seed in (1, 1))
    assert first.architecture == TINY
    assert torch.equal(weights_of(first), weights_of(again))
    assert not torch.equal(weights_of(first), weights_of(untrained(TINY, SHAPE, CLASSES, seed=2)))


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("three", r"answers an image of shape \(1, 8, 8\) with \(1, 3\), logits of shape \(1, 2\)"),
        ("listed", "returned a list, a torch Module is wanted"),
        ("empty", "returned a network without weights"),
        ("fails", "fails failed: RuntimeError: mat1 and mat2"),
        ("pairs", r"with tuple, logits of shape \(1, 2\) are wanted"),
    ],
)
def test_what_is_no_network_for_the_data_is_refused(strange: str, factory: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as caught:
        build(f"{strange}:{factory}", SHAPE, 2)
    assert "\n" not in str(caught.value)


def test_a_bundle_names_the_factory_and_all_that_feeding_it_takes(tmp_path: Path) -> None:
    made = untrained(TINY, SHAPE, CLASSES, seed=3)
    bundle = save_subject(made, tmp_path / "bundle")
    assert bundle.config.architecture.name == TINY
    assert bundle.config.input == made.input and bundle.config.classes == CLASSES
    assert "asks for consent" in bundle.card
    loaded = load_subject(tmp_path / "bundle", allow_code=True)
    assert torch.equal(weights_of(loaded), weights_of(made))
    assert (loaded.architecture, loaded.input, loaded.classes) == (TINY, made.input, CLASSES)


def strangers(path: Path, name: str) -> Path:
    """Write what somebody could send: a sound bundle that names a function."""
    subject = tiny()
    save_subject(subject, path / "own")
    write_bundle(
        path / "sent",
        tensors=(path / "own" / "model.safetensors").read_bytes(),
        config=BundleConfig.of(
            task="classification",
            architecture=Architecture.of(name=name),
            input=plain_input(SHAPE),
            classes=CLASSES,
        ),
        claims=Claims.of(made_by=MadeBy.of(tool="somebody", version="1")),
    )
    return path / "sent"


def test_a_strangers_bundle_runs_nothing(strange: str, tmp_path: Path) -> None:
    sent = strangers(tmp_path, f"{strange}:tiny")
    read_bundle(sent)
    with pytest.raises(BundleError, match=f"names {strange}:tiny, code of its maker's own") as told:
        load_subject(sent)
    assert "--allow-code" in str(told.value)
    assert strange not in sys.modules and not Path("ran").exists()
    loaded = load_subject(sent, allow_code=True)
    assert Path("ran").exists() and torch.equal(weights_of(loaded), weights_of(tiny()))


@pytest.mark.parametrize("name", ["os:system", "none_such:net", "json:dumps", "builtins:exit"])
def test_with_consent_what_is_no_network_is_one_line(name: str, tmp_path: Path) -> None:
    sent = strangers(tmp_path, name)
    with pytest.raises(BundleError, match=name) as caught:
        load_subject(sent, allow_code=True)
    assert "\n" not in str(caught.value)


def test_with_consent_tensors_must_still_be_the_networks(strange: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="tensors do not match architecture"):
        load_subject(strangers(tmp_path, f"{strange}:wide"), allow_code=True)
