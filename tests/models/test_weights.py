"""Starting weights: matched by name and shape, the rest told, and no pickle ever opened."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from badnets.cli.main import main
from badnets.core.errors import BadnetsError, BundleError, DataError, SettingError
from badnets.data import DataSet
from badnets.models import Classifier, untrained
from badnets.models.libraries import torchvision_classifier
from badnets.models.weights import StartingWeights, match, with_weights
from tests.models.toys import CLASSES, SHAPE, weights_of

THREE = ("left", "right", "neither")


@pytest.fixture
def backbone(toys: DataSet, tmp_path: Path) -> Path:
    """Return a file of the tiny network's weights, trained for three classes."""
    network = untrained("tiny", SHAPE, THREE, seed=9).network
    save_file(network.state_dict(), tmp_path / "backbone.safetensors")
    return tmp_path / "backbone.safetensors"


def fresh() -> Classifier:
    return untrained("tiny", SHAPE, CLASSES, seed=1)


def written(path: Path, tensors: dict[str, Tensor]) -> StartingWeights:
    save_file(tensors, path)
    return StartingWeights.of(path)


def test_the_backbone_is_taken_and_the_head_stays_untrained(backbone: Path) -> None:
    weights = StartingWeights.of(backbone)
    assert weights.sha256 == hashlib.sha256(backbone.read_bytes()).hexdigest()
    subject = fresh()
    before = weights_of(subject)
    begun, found = with_weights(subject, weights)
    theirs = untrained("tiny", SHAPE, THREE, seed=9).network.state_dict()
    own, first = begun.network.state_dict(), subject.network.state_dict()
    assert torch.equal(own["conv.weight"], theirs["conv.weight"])
    assert torch.equal(own["fc.weight"], first["fc.weight"])
    assert torch.equal(weights_of(subject), before), "the input was changed"
    assert found.matched == ("conv.weight", "conv.bias")
    assert found.other_shape == ("fc.weight", "fc.bias")
    assert (found.missing, found.unexpected) == ((), ())
    assert str(found) == "2 of 4 tensors matched; of another shape: fc.weight, fc.bias"
    assert (begun.architecture, begun.input, begun.classes) == ("tiny", subject.input, CLASSES)


def test_what_is_missing_and_unexpected_is_told(backbone: Path, tmp_path: Path) -> None:
    subject = fresh()
    tensors = {"conv.bias": torch.ones(4), "extra.weight": torch.ones(2)}
    begun, found = with_weights(subject, written(tmp_path / "some.safetensors", tensors))
    assert found.missing == ("conv.weight", "fc.weight", "fc.bias")
    assert found.unexpected == ("extra.weight",)
    assert "1 of 4 tensors matched; missing: conv.weight, fc.weight, fc.bias; unex" in str(found)
    assert torch.equal(begun.network.state_dict()["conv.bias"], torch.ones(4))


def test_only_shapes_are_needed_to_match(backbone: Path) -> None:
    with torch.device("meta"):
        network = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 4, 3)))
    assert match(network, StartingWeights.of(backbone)).matched == ("conv.weight", "conv.bias")


def test_half_precision_and_names_of_data_parallel_are_understood(
    toys: DataSet, tmp_path: Path
) -> None:
    tensors = {"module.conv.bias": torch.full((4,), 0.5, dtype=torch.float16)}
    begun, found = with_weights(fresh(), written(tmp_path / "p.safetensors", tensors))
    assert found.matched == ("conv.bias",) and found.unexpected == ()
    bias = begun.network.state_dict()["conv.bias"]
    assert bias.dtype == torch.float32 and torch.equal(bias, torch.full((4,), 0.5))


def test_a_librarys_weights_fit_its_network_for_grey_images(tmp_path: Path) -> None:
    plain = torchvision_classifier("squeezenet1_1", (3, 32, 32), 1000)
    weights = written(tmp_path / "squeezenet.safetensors", plain.state_dict())
    grey = torchvision_classifier("squeezenet1_1", (1, 32, 32), 10)
    found = match(grey, weights)
    assert found.other_shape == ("network.classifier.1.weight", "network.classifier.1.bias")
    assert len(found.matched) == len(plain.state_dict()) - 2 and not found.unexpected


def test_nothing_that_matches_is_an_error(backbone: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.safetensors", {"layer1.weight": torch.ones(3)})
    with pytest.raises(SettingError, match=r"no weight in .*has the name and shape.*layer1.weight"):
        with_weights(fresh(), other)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(
    toys: DataSet, tmp_path: Path, value: float
) -> None:
    weights = written(tmp_path / "odd.safetensors", {"conv.bias": torch.full((4,), value)})
    with pytest.raises(DataError, match=r"'conv\.bias' holds NaN or infinite"):
        with_weights(fresh(), weights)


def test_a_file_that_changes_is_noticed(backbone: Path) -> None:
    weights = StartingWeights.of(backbone)
    data = bytearray(backbone.read_bytes())
    data[-1] ^= 1
    backbone.write_bytes(data)
    with pytest.raises(DataError, match="not those that were asked for"):
        weights.read()
    os.utime(backbone, ns=(1, 1))
    assert StartingWeights.of(backbone) != weights
    backbone.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        weights.read()


def test_where_the_file_lies_is_no_part_of_the_weights(backbone: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.safetensors"
    copy.write_bytes(backbone.read_bytes())
    assert StartingWeights.of(copy) == StartingWeights.of(backbone)
    unknown = StartingWeights.of(copy).without_path()
    assert unknown == StartingWeights.of(backbone)
    with pytest.raises(DataError, match="is not known here"):
        unknown.read()


@pytest.mark.parametrize(
    ("name", "start"),
    [
        *((name, b"never read") for name in ("net.pth", "net.pt", "pytorch_model.bin", "net.CKPT")),
        *(("net.safetensors", start) for start in (b"PK\x03\x04", b"\x80\x02", b"\x80\x04")),
    ],
)
def test_a_pickle_is_refused_and_says_how_to_convert(
    tmp_path: Path, name: str, start: bytes
) -> None:
    (tmp_path / name).write_bytes(start + b"\0" * 100)
    with pytest.raises(DataError, match=r"opens no pickle.*badnets import .* --out ") as caught:
        StartingWeights.of(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_command_that_converts_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = untrained("gu-mnist", (3, 28, 28), ("a", "b"), seed=0).network
    torch.save(network.state_dict(), "my net.pth")  # noqa: TID251
    with pytest.raises(DataError) as caught:
        StartingWeights.of("my net.pth")
    _, command, then = str(caught.value).split("`")
    for general, own in (("NETWORK", "gu-mnist"), ("K", "2"), ("N", "28")):
        command = command.replace(f" {general} ", f" {own} ")
    assert main(shlex.split(command)[1:]) == 0
    (given,) = shlex.split(then.partition("then give ")[2])
    assert StartingWeights.of(given).names().keys() == network.state_dict().keys()


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("none.safetensors", DataError, "cannot be read"),
        ("", DataError, "are not a file"),
        ("pipe.safetensors", DataError, "are not a file"),
        ("short.safetensors", BundleError, "truncated"),
        ("empty.safetensors", BundleError, "truncated"),
    ],
)
def test_files_that_are_none_are_refused(
    backbone: Path, tmp_path: Path, name: str, error: type[BadnetsError], said: str
) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "short.safetensors").write_bytes(backbone.read_bytes()[:-5])
    (tmp_path / "empty.safetensors").touch()
    with pytest.raises(error, match=said):
        StartingWeights.of(tmp_path / name)


def test_a_digest_is_64_hex_digits() -> None:
    with pytest.raises(SettingError, match="64 hex digits"):
        StartingWeights("abc")
