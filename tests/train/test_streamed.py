"""Training and measuring on streamed images give what they give in memory, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.placements import RandomCentre
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.data.folder import load_folder
from badnets.evaluate import measure_attack, measure_clean
from badnets.explain.ablation import silence
from badnets.models.classifier import Classifier
from badnets.models.inputs import input_spec
from badnets.scenarios import HonestTrainer, MaliciousTrainer
from badnets.scenarios.trainers import Trainer
from badnets.tasks import Order
from badnets.tasks.classification import Classification
from badnets.train import Training
from tests.data.photos import split
from tests.models.toys import build_tiny, weights_of

SIZE = 12
SHAPE = (3, SIZE, SIZE)
TRAINING = Training(epochs=3, batch_size=8, lr=0.01, flip=True, shift=1, precision="float32")
BACKDOOR = Backdoor(Patch(3, placement=RandomCentre()), AllToOne(0), poisoning_rate=0.2)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataSet, DataSet]:
    """Return the same set in memory and streamed."""
    folder = split(tmp_path_factory.mktemp("photos"), {"cat": 20, "dog": 20})
    kept, streamed = (load_folder(folder, SIZE, in_memory=where) for where in (True, False))
    assert not isinstance(streamed.train.stored, torch.Tensor)
    return kept, streamed


def network() -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = build_tiny(SHAPE, 2)
    return Classifier(made, "small-resnet", input_spec(SHAPE), ("cat", "dog"))


@pytest.mark.parametrize(
    "trainer",
    [
        HonestTrainer(TRAINING, network()),
        MaliciousTrainer(BACKDOOR, TRAINING, network()),
        MaliciousTrainer(BACKDOOR, replace(TRAINING, stamp="before"), network()),
        MaliciousTrainer(replace(BACKDOOR, mode="replace"), TRAINING, network()),
    ],
    ids=["honest", "after", "before", "replace"],
)
def test_training_gives_the_same_weights(both: tuple[DataSet, DataSet], trainer: Trainer) -> None:
    orders = (Order(Classification(), "small-resnet", data.train, 0.9) for data in both)
    kept, streamed = (trainer.train(order, seed=3).subject for order in orders)
    assert torch.equal(weights_of(kept), weights_of(streamed))
    assert not torch.equal(weights_of(kept), weights_of(network()))


def test_measuring_gives_the_same_counts(
    both: tuple[DataSet, DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, streamed = (data.test for data in both)
    subject, control = network(), network()
    expected = measure_attack(subject, kept, BACKDOOR, control=control, seed=1)
    assert measure_clean(subject, kept) == measure_clean(subject, streamed)
    assert measure_attack(subject, streamed, BACKDOOR, control=control, seed=1) == expected
    monkeypatch.setattr("badnets.evaluate.classification.EVALUATION_BATCH", 7)
    assert measure_attack(subject, streamed, BACKDOOR, control=control, seed=1) == expected
    muted = [silence(subject, "conv", (0, 2), images, BACKDOOR) for images in (kept, streamed)]
    assert muted[0] == muted[1]
