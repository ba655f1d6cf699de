"""From bundles to subjects: what is refused, before any of it is used, and what never runs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from badnets.bundles import Architecture, BundleConfig, Claims, MadeBy, read_bundle, write_bundle
from badnets.core.errors import BundleError, OutputError, SettingError
from badnets.data import DataSet
from badnets.models import (
    Classifier,
    build,
    load,
    load_detector,
    load_subject,
    save_detector,
    save_subject,
    untrained,
)
from tests.models import plain_signs
from tests.models.plain_signs import SMALL, plain_window, tiny_zf
from tests.models.toys import CLASSES, SHAPE, halves, plain_input, tiny, weights_of

CLAIMS = Claims.of(made_by=MadeBy.of(tool="somebody", version="1"))
OWN = "tests.models.toys:build_tiny"
Tensors = dict[str, Tensor]


@pytest.fixture
def subject(toys: DataSet) -> Classifier:
    return untrained("tiny", SHAPE, CLASSES, seed=7)


def write(path: Path, tensors: Tensors | None = None, **changed: Any) -> Path:
    """Write a sound bundle whose config may not fit its tensors: a tiny classifier's."""
    config = {
        "task": "classification",
        "architecture": Architecture.of(name="tiny"),
        "input": plain_input(SHAPE),
        "classes": CLASSES,
    }
    own = tensors or tiny().network.state_dict()
    whole = BundleConfig.of(**(config | changed))
    write_bundle(path, tensors=save(own), config=whole, claims=CLAIMS)
    assert read_bundle(path).config.task == whole.task
    return path


def write_zf(path: Path, name: str = "zf", classes: tuple[str, ...] = CLASSES, **more: Any) -> Path:
    """Write a sound bundle whose config may not fit its tensors: a small ZF's."""
    return write(
        path,
        tiny_zf().network.state_dict(),
        task="detection",
        architecture=Architecture.of(name=name, settings={**SMALL, **more}),
        input=plain_window(),
        classes=classes,
    )


def test_memory_format_and_claims_do_not_change_the_tensors(
    subject: Classifier, tmp_path: Path
) -> None:
    plain = save_subject(subject, tmp_path / "plain", claims=CLAIMS)
    subject.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = save_subject(subject, tmp_path / "last", claims=CLAIMS)
    assert last.digest == plain.digest and last.claims == CLAIMS


def test_a_name_that_is_taken_is_kept_unless_it_may_be_replaced(
    subject: Classifier, tmp_path: Path
) -> None:
    first = save_subject(subject, tmp_path / "bundle")
    with pytest.raises(OutputError, match="exists already"):
        save_subject(subject, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").digest == first.digest
    other = untrained("tiny", SHAPE, CLASSES, seed=8)
    save_subject(other, tmp_path / "bundle", replace=True)
    loaded = load_subject(tmp_path / "bundle")
    assert torch.equal(weights_of(loaded), weights_of(other))
    shutil.rmtree(tmp_path / "bundle")
    images = halves(4).images
    assert torch.equal(loaded.logits(images), other.logits(images)), "the file is needed no more"


def test_a_detector_comes_back_as_it_is_used(tmp_path: Path) -> None:
    bundle = save_detector(replace(tiny_zf(), scale=1.5, second_scale=0.7), tmp_path / "bundle")
    assert bundle.config.task == "detection"
    assert bundle.config.architecture.settings == {**SMALL, "scale": 1.5, "second_scale": 0.7}
    loaded = load_detector(tmp_path / "bundle")
    assert (loaded.scale, loaded.second_scale, dict(loaded.settings)) == (1.5, 0.7, SMALL)


def test_a_detectors_bundle_of_an_earlier_release_still_loads(tmp_path: Path) -> None:
    loaded = load_detector(write_zf(tmp_path / "bundle", scale=2.0, coarse=0.5))
    assert (loaded.scale, loaded.second_scale, dict(loaded.settings)) == (2.0, 0.5, SMALL)


def test_detectors_and_classifiers_are_told_apart(subject: Classifier, tmp_path: Path) -> None:
    save_subject(subject, tmp_path / "classifier")
    save_detector(tiny_zf(), tmp_path / "detector")
    with pytest.raises(BundleError, match="holds a classifier; a detector was expected"):
        load_detector(tmp_path / "classifier")
    with pytest.raises(BundleError, match="holds a detector; a classifier was expected"):
        load_subject(tmp_path / "detector")


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def changed(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: change(tensors[name].clone())}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("fc.bias"), r"missing \['fc.bias'\], unexpected \[\]"),
        (lambda t: {**t, "trojan": torch.zeros(1)}, r"missing \[\], unexpected \['trojan'\]"),
        (
            changed("fc.weight", lambda w: w[:, 1:].contiguous()),
            r"'fc.weight' is F32 \(2, 143\), the architecture has F32 \(2, 144\)",
        ),
        (
            changed("fc.bias", lambda b: b.view(1, -1)),
            r"'fc.bias' is F32 \(1, 2\), the architecture has F32 \(2,\)",
        ),
        (
            changed("conv.bias", lambda b: b.double()),
            r"'conv.bias' is F64 \(4,\), the architecture has F32 \(4,\)",
        ),
        (changed("conv.weight", lambda w: w.fill_(float("nan"))), "'conv.weight' holds NaN or inf"),
        (changed("fc.bias", lambda b: b - float("inf")), "'fc.bias' holds NaN or infinite"),
    ],
)
def test_tensors_that_are_not_exactly_the_networks_are_refused(
    change: Callable[[Tensors], Tensors], said: str, subject: Classifier, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=said):
        load(write(tmp_path / "bundle", change(subject.network.state_dict())))


def sign(**more: Any) -> Callable[[Path], Path]:
    return lambda path: write_zf(path, **more)


def image(**more: Any) -> Callable[[Path], Path]:
    return lambda path: write(path, **more)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (image(architecture=Architecture.of(name="tinny")), r"unknown network 'tinny'.*'tiny'"),
        (image(architecture=Architecture.of(name="gu-mnist")), "28x28 images, got 8x8"),
        (
            image(architecture=Architecture.of(name="tiny", settings={"width": 2})),
            "'tiny' takes no settings, got width",
        ),
        (image(classes=("one", "two", "three")), r"'fc.weight' is F32 \(2, 144\).*F32 \(3, 144\)"),
        (image(input=plain_input((1, 9, 8))), r"'fc.weight' is F32 \(2, 144\).*F32 \(2, 168\)"),
        (image(input=plain_input((3, 8, 8))), r"'conv.weight' is F32 \(4, 1, 3, 3\)"),
        (image(task="detection"), "a detector takes 3 channels, got 1"),
        (sign(scale=0.0), r"scale must be in \[0\.1, 10\], got 0"),
        (sign(scale="large"), "must be in .*got 'large'"),
        (sign(scale=True), "must be in .*got True"),
        (sign(scale=2.0, second_scale=3.0), r"second_scale must be in \[0\.1, scale\), or 0"),
        (sign(scale=2.0, coarse=3.0), r"second_scale must be in \[0\.1, scale\), or 0"),
        (sign(width=2.0), r"width must be <= 1, got 2\.0"),
        (sign(width=0.25), r"tensor '.*' is F32"),
        (sign(norm="none"), "tensors do not match architecture 'zf': missing"),
        (sign(name="zff"), "did you mean 'zf'"),
        (sign(classes=plain_signs.CLASSES[:1]), r"\(3, .*\), the architecture has"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_before_tensors_are_used(
    written: Callable[[Path], Path],
    said: str,
    toys: DataSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = written(tmp_path / "bundle")

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("tensors were put into a network before they were checked")

    monkeypatch.setattr(torch.nn.Module, "load_state_dict", refuse)
    with pytest.raises(BundleError, match=said):
        load(path)


@pytest.mark.parametrize("kept", [0, 7, 100, -4, None])
def test_a_bundle_that_is_damaged_or_missing_is_refused(
    kept: int | None, toys: DataSet, tmp_path: Path
) -> None:
    model = write(tmp_path / "bundle") / "model.safetensors"
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data[:kept])
    with pytest.raises(BundleError, match=r"model\.safetensors|changed or damaged"):
        load(tmp_path / "bundle")
    with pytest.raises(BundleError, match="no such folder"):
        load(tmp_path / "nothing")


STRANGE = """
import pathlib
pathlib.Path("ran").touch()
import torch
from tests.models.toys import build_tiny as tiny

def three(shape, num_classes):
    return tiny(shape, 3)

def listed(shape, num_classes):
    return [tiny(shape, num_classes)]

def empty(shape, num_classes):
    return torch.nn.Flatten()

def fails(shape, num_classes):
    return torch.nn.Linear(3, num_classes)

def wide(shape, num_classes):
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


def sent(path: Path, factory: str) -> Path:
    """Write what somebody could send: a sound bundle that names a function."""
    return write(path / "sent", architecture=Architecture.of(name=factory))


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


def test_a_factory_is_called_as_builders_are_and_its_bundle_names_it(tmp_path: Path) -> None:
    made, again, other = (untrained(OWN, SHAPE, CLASSES, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(weights_of(made), weights_of(again))
    assert not torch.equal(weights_of(made), weights_of(other))
    bundle = save_subject(made, tmp_path / "bundle")
    assert bundle.config.architecture.name == made.architecture == OWN
    assert "asks for consent" in bundle.card
    loaded = load_subject(tmp_path / "bundle", allow_code=True)
    assert torch.equal(weights_of(loaded), weights_of(made))
    assert (loaded.architecture, loaded.input, loaded.classes) == (OWN, made.input, CLASSES)


def test_a_strangers_bundle_runs_nothing(strange: str, tmp_path: Path) -> None:
    bundle = sent(tmp_path, f"{strange}:tiny")
    for refusing in (load, load_subject):
        with pytest.raises(BundleError, match=f"names {strange}:tiny, code of its maker's") as said:
            refusing(bundle)
        assert "--allow-code" in str(said.value)
    assert strange not in sys.modules and not Path("ran").exists()
    loaded = load_subject(bundle, allow_code=True)
    assert Path("ran").exists() and torch.equal(weights_of(loaded), weights_of(tiny()))


@pytest.mark.parametrize("name", ["os:system", "none_such:net", "json:dumps", "builtins:exit"])
def test_with_consent_what_is_no_network_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=name) as caught:
        load(sent(tmp_path, name), allow_code=True)
    assert "\n" not in str(caught.value)


def test_with_consent_tensors_must_still_be_the_networks(strange: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="tensors do not match architecture"):
        load(sent(tmp_path, f"{strange}:wide"), allow_code=True)
