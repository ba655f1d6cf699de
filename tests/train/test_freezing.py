"""Frozen layers stay as they are, and are asked once where they always answer the same."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.triggers import Patch
from badnets.models.classifier import Classifier
from badnets.train import features as keeping
from badnets.train.classification import TrainingRows, fit
from badnets.train.features import features_of
from badnets.train.freezing import freeze, split, tensors_of
from badnets.train.settings import Training
from tests.models.toys import CLASSES, SHAPE, halves, plain_input, tiny

ONCE = Training(epochs=3, batch_size=16, lr=0.01, precision="float32")
HEAD = {"fc.weight", "fc.bias"}


class Residual(nn.Module):
    """A network whose layers are not in a chain."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.stem(images).relu()
        seen = (seen + self.block(seen)).relu()
        logits: Tensor = self.fc(self.dropout(seen.mean((2, 3))))
        return logits


def subject(network: Callable[[], nn.Module]) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Classifier(network().eval(), "toy", plain_input(SHAPE), CLASSES)


def plain_rows(count: int) -> TrainingRows:
    return TrainingRows(halves(count, seed=5).images, halves(count, seed=5).labels)


def all_but_head(network: nn.Module) -> set[str]:
    return set(network.state_dict()) - HEAD


def in_training(network: nn.Module, frozen: set[str]) -> nn.Module:
    freeze(network.train(), frozen)
    return network


def test_a_layer_stands_for_all_inside_it() -> None:
    network = Residual()
    assert tensors_of(network, ["stem.0", "fc"]) == {"stem.0.weight", "stem.0.bias"} | HEAD
    assert tensors_of(network, ["stem"]) >= {"stem.1.running_mean", "stem.1.weight"}
    assert tensors_of(network, []) == frozenset()


@pytest.mark.parametrize("name", ["stam", "ste", "", "dropout", "fc.weight.x"])
def test_a_layer_that_is_not_there_is_told_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown layer .*stem"):
        tensors_of(Residual(), [name])


def test_frozen_layers_answer_as_in_use_and_others_as_in_training() -> None:
    network = in_training(Residual(0.5), {*tensors_of(Residual(), ["stem"])})
    assert [network.get_submodule(name).training for name in ("stem", "stem.1", "block.1")] == [
        False,
        False,
        True,
    ]
    assert network.get_submodule("dropout").training  # no part of what is frozen
    assert not network.get_parameter("stem.0.weight").requires_grad
    assert network.get_parameter("block.0.weight").requires_grad


def test_a_network_that_is_frozen_wholly_is_refused() -> None:
    with pytest.raises(SettingError, match="all layers are frozen"):
        freeze(Residual(), set(Residual().state_dict()))


@pytest.mark.parametrize("frozen", [("stem",), ("stem", "block"), ("block",), ("fc",)])
def test_what_is_frozen_stays_to_the_bit_and_the_rest_moves(frozen: tuple[str, ...]) -> None:
    first = subject(Residual)
    kept = tensors_of(first.network, frozen)
    after = fit(first, plain_rows(64), ONCE, seed=0, frozen=kept).subject.network
    before = first.network.state_dict()
    for name, value in after.state_dict().items():
        assert torch.equal(value, before[name]) == (name in kept), name
    assert all(value.requires_grad for value in after.parameters())
    assert all(value.requires_grad for value in first.network.parameters())


class TestFeatures:
    """What frozen layers answer is the same, whether it is kept or computed in each epoch."""

    @pytest.mark.parametrize("where", ["one layer", "a chain"])
    def test_training_on_kept_features_gives_the_same_network(
        self, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = plain_rows(70)
        if where == "one layer":
            first, frozen = subject(Residual), all_but_head(Residual())
        else:
            first, frozen = tiny(), {"conv.weight", "conv.bias"}
        asked = _count_calls(first.network, monkeypatch)
        kept = fit(first, rows, ONCE, seed=0, frozen=frozen)
        assert asked() < 10
        monkeypatch.setattr(keeping, "MAX_BYTES", 0)
        anew = fit(first, rows, ONCE, seed=0, frozen=frozen)
        assert asked() >= 3 * 4
        for one, other in zip(kept.epochs, anew.epochs, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-4)
        for name, value in kept.subject.network.state_dict().items():
            torch.testing.assert_close(
                value, anew.subject.network.state_dict()[name], rtol=1e-3, atol=1e-4
            )

    def test_a_chain_is_split_at_its_first_trained_layer(self) -> None:
        inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3))
        layers = {"flatten": nn.Flatten(), "one": nn.Linear(32, 4), "two": nn.Linear(4, 2)}
        network = nn.Sequential(OrderedDict(inner=inner, **layers))
        in_training(network, {*tensors_of(network, ["inner"])})
        parts = split(network, torch.rand(4, *SHAPE))
        assert parts is not None
        assert parts.features(torch.rand(4, *SHAPE)).shape == (4, 32)
        assert [type(layer).__name__ for layer in parts.after.children()] == ["Linear", "Linear"]

    @pytest.mark.parametrize(
        ("network", "frozen"),
        [
            (Residual(0.5), all_but_head(Residual())),  # dropout before the head
            (Residual(), {"stem.0.weight", "stem.0.bias", *HEAD}),  # normalisation adapts
            (Residual(), {*tensors_of(Residual(), ["stem"])}),  # no chain, two trained layers
            (Residual(), HEAD),  # the first layer is trained
            (nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), set()),  # nothing is frozen
        ],
    )
    def test_what_is_random_or_trained_is_not_kept(
        self, network: nn.Module, frozen: set[str]
    ) -> None:
        before = copy.deepcopy(network.state_dict())
        assert split(in_training(network, frozen), torch.rand(8, *SHAPE)) is None
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name])

    def test_a_layer_that_is_not_the_last_is_no_place_to_split(self) -> None:
        class Scaled(Residual):
            def forward(self, images: Tensor) -> Tensor:
                return super().forward(images) * 2

        network = in_training(Scaled(), all_but_head(Scaled()))
        assert split(network, torch.rand(8, *SHAPE)) is None

    @pytest.mark.parametrize(
        "changed", [{"shift": 1}, {"rotate": 5.0}, {"flip": True}, {"crop": 0.8}, {"cutout": 0.2}]
    )
    def test_with_augmentation_or_a_trigger_nothing_is_kept(
        self, changed: dict[str, float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, rows = tiny(), plain_rows(32)
        asked = _count_calls(first.network, monkeypatch)
        training = Training(epochs=2, batch_size=16, precision="float32", **changed)  # type: ignore[arg-type]
        fit(first, rows, training, seed=0, frozen={"conv.weight", "conv.bias"})
        assert asked() == 4
        marks = torch.ones(32, dtype=torch.bool)
        stamped = replace(rows, stamped=marks, trigger=Patch(2))
        fit(first, stamped, ONCE, seed=0, frozen={"conv.weight", "conv.bias"})
        assert asked() == 4 + 3 * 2

    def test_features_keep_the_order_of_the_images(self) -> None:
        images = halves(300, seed=7)
        network = in_training(tiny().network, {"conv.weight", "conv.bias"})
        kept = features_of(network, images.images, images.labels, plain_input(SHAPE), nullcontext)
        assert kept is not None
        expected = network(images.images.float() / 255)
        torch.testing.assert_close(kept.after(kept.values), expected)
        drawn = torch.Generator().manual_seed(0)
        batches = list(kept.epoch(64, drawn))
        assert [len(labels) for _, labels in batches] == [64] * 4
        order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
        assert torch.equal(batches[0][0], kept.values[order[:64]])
        assert torch.equal(batches[0][1], images.labels[order[:64]])


def _count_calls(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how often a layer of the network, or of a copy of it, is called by ``fit``."""
    calls: list[None] = []
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    forward = nn.Conv2d.forward

    def counted(self: nn.Conv2d, images: Tensor) -> Tensor:
        if self.weight.shape == first.weight.shape and len(images) > 8:
            calls.append(None)
        return forward(self, images)

    monkeypatch.setattr(nn.Conv2d, "forward", counted)
    return lambda: len(calls)
