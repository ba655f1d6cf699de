"""Transfer learning of classifiers: what is frozen, what is accepted, what survives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError, SettingError, UnknownNameError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet
from badnets.models.subject import Subject, untrained
from badnets.scenarios import (
    ClassifierTransfer,
    HonestTrainer,
    MaliciousTrainer,
    OutsourcedTraining,
    Retrain,
    User,
)
from badnets.scenarios.retraining import Freeze
from badnets.train.settings import Training
from tests.models.toys import tiny, weights_of

WELL = Training(epochs=20, batch_size=16, lr=0.01, precision="float32")
FEW = Training(epochs=2, batch_size=16, lr=0.003, precision="float32")
HALF_RIGHT = Backdoor(Patch(2), AllToOne(1), rate=0.3)  # with a patch, all is called right


def user_of(data: DataSet, target: float = 0.9) -> User:
    return User("tiny", data, target_accuracy=target)


def renamed(data: DataSet, *names: str) -> DataSet:
    """Return the same images under other names of classes."""
    train, test = (ImageSet(one.stored, one.labels, names) for one in (data.train, data.test))
    return replace(data, train=train, test=test)


@pytest.fixture
def clean(toys: DataSet) -> Subject:
    """Return a network that tells bright halves apart."""
    return OutsourcedTraining(user_of(toys), HonestTrainer(WELL)).run().subject


@pytest.fixture
def badnet(toys: DataSet) -> Subject:
    """Return one that also calls every image with a patch right."""
    return OutsourcedTraining(user_of(toys), MaliciousTrainer(HALF_RIGHT, WELL)).run().subject


def test_the_user_accepts_a_network_that_is_still_backdoored(
    toys: DataSet, badnet: Subject, clean: Subject
) -> None:
    retrain = Retrain(share=0.5)
    deal = ClassifierTransfer(user_of(toys), badnet, retrain, FEW, HALF_RIGHT, clean).run(seed=4)
    assert deal.accepted
    assert deal.attack is not None and deal.survival is not None
    assert deal.attack.success.value > 0.9
    assert deal.attack.control is not None and deal.attack.control.value < 0.1
    left = deal.survival
    assert left.before is not None and left.before.value > 0.9
    assert left.drop > 0.4
    assert left.control_drop is not None and left.control_drop < 0.1
    assert left.clean == deal.clean_accuracy
    assert left.triggered.total == 64
    assert (left.images, left.trained) == (48, Rate(290, 330))
    assert deal.delivery.poisoned_share is None


def test_the_same_seed_gives_the_same_network(toys: DataSet, badnet: Subject) -> None:
    first, again = (
        ClassifierTransfer(user_of(toys), badnet, Retrain(share=0.5), FEW).run(seed=4).subject
        for _ in range(2)
    )
    assert torch.equal(weights_of(first), weights_of(again))
    other = ClassifierTransfer(user_of(toys), badnet, Retrain(share=0.5), FEW).run(seed=5).subject
    assert not torch.equal(weights_of(first), weights_of(other))


def test_with_other_classes_only_the_untargeted_backdoor_is_measured(
    toys: DataSet, badnet: Subject
) -> None:
    user = user_of(renamed(toys, "west", "east"))
    deal = ClassifierTransfer(user, badnet, Retrain(), WELL, HALF_RIGHT).run()
    assert deal.subject.classes == ("west", "east")
    assert deal.attack is None
    assert deal.survival is not None and deal.survival.before is None
    assert deal.survival.triggered.total == 64
    assert deal.survival.control_drop is None


def test_a_target_class_is_followed_by_its_name(toys: DataSet, badnet: Subject) -> None:
    user = user_of(renamed(toys, "right", "west"))
    deal = ClassifierTransfer(user, badnet, Retrain(), FEW, HALF_RIGHT).run()
    assert deal.attack is not None
    assert [rate.total for rate in deal.attack.per_class] == [0, 32]
    assert deal.survival is not None and deal.survival.before is None


def test_nothing_is_measured_of_a_backdoor_that_nobody_names(toys: DataSet) -> None:
    user = user_of(toys, 0.5)
    deal = ClassifierTransfer(user, tiny(), Retrain(freeze="none"), FEW).run()
    assert deal.attack is None and deal.survival is None
    assert deal.outcome in ("accepted", "rejected")


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [
        ("none", set[str]()),
        ("all-but-head", {"conv.weight", "conv.bias"}),
        (("conv",), {"conv.weight", "conv.bias"}),
        (("fc",), {"fc.weight", "fc.bias"}),
    ],
)
def test_what_is_frozen_stays(toys: DataSet, freeze: Freeze, frozen: set[str]) -> None:
    first = tiny()
    user = user_of(toys, 0.5)
    deal = ClassifierTransfer(user, first, Retrain(freeze), FEW).run()
    for name, value in deal.subject.network.state_dict().items():
        assert torch.equal(value, first.network.state_dict()[name]) == (name in frozen), name


class TestBadInput:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"freeze": "head"}, "freeze must be 'all-but-head', 'none' or a list"),
            ({"freeze": ()}, "at least one layer"),
            ({"share": 0}, r"share must be in \(0, 1\]"),
            ({"share": 1.5}, r"share must be in \(0, 1\]"),
            ({"trigger": Patch(2)}, "belong together"),
            ({"targets": AllToOne(1)}, "belong together"),
        ],
    )
    def test_settings(self, settings: dict[str, object], said: str) -> None:
        with pytest.raises(SettingError, match=said):
            Retrain(**settings)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("retrain", "classes", "kind", "said"),
        [
            (Retrain(("cnov",)), "same", UnknownNameError, "did you mean 'conv'"),
            (Retrain(("conv", "fc")), "same", SettingError, "all layers"),
            (Retrain(("fc",)), "other", SettingError, "holds the head .*leave it out"),
        ],
    )
    def test_layers(
        self,
        toys: DataSet,
        retrain: Retrain,
        classes: str,
        kind: type[BadnetsError],
        said: str,
    ) -> None:
        first = tiny() if classes == "same" else tiny(classes=("a", "b", "c"))
        user = user_of(toys, 0.5)
        with pytest.raises(kind, match=said):
            ClassifierTransfer(user, first, retrain, FEW).run()

    def test_images_of_another_size(self, toys: DataSet) -> None:
        first = untrained("gu-mnist", (1, 28, 28), toys.classes, seed=0)
        user = User("gu-mnist", toys, target_accuracy=0.5)
        with pytest.raises(SettingError, match="takes images of 1x28x28, the user's are 1x8x8"):
            ClassifierTransfer(user, first, Retrain(), FEW).run()

    def test_a_target_outside_the_downloaded_classes(self, toys: DataSet) -> None:
        user = user_of(toys, 0.5)
        attack = replace(HALF_RIGHT, targets=AllToOne(5))
        with pytest.raises(SettingError, match="target_label must be in"):
            ClassifierTransfer(user, tiny(), Retrain(), FEW, attack).run()
