"""Training that resists: what anti-backdoor learning is made of, and who may use it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.models.classifier import untrained
from badnets.scenarios import HonestTrainer, MaliciousTrainer, OutsourcedTraining, User
from badnets.scenarios.resisting import RESISTANCES, AntiBackdoor, AuditAndRetrain
from badnets.train.anti_backdoor import Flooded, Forgetting, losses
from badnets.train.classification import TrainingRows
from badnets.train.settings import Training
from badnets.trials import OutsourcedTrial

QUICK = Training(epochs=4, batch_size=16, lr=0.01, precision="float32")
SETTINGS = {"audit-and-retrain": {"trusted": 0.5, "max_fpr": 0.1}}
BACKDOOR = Backdoor(Patch(2), AllToOne(1), poisoning_rate=0.3)


def test_a_loss_below_gamma_is_pushed_up_again(toys: DataSet) -> None:
    subject = untrained("tiny", toys.test.shape, toys.classes, seed=0)
    images, labels = toys.test.images[:8].float() / 255, toys.test.labels[:8]
    each = functional.cross_entropy(subject.logits(images), labels, reduction="none")
    gamma = float(each.median())
    wanted = torch.where(each < gamma, -each, torch.where(each > gamma, each, 0 * each)).mean()
    with torch.no_grad():
        given = Flooded(subject.input, gamma).loss(subject.network, images, labels)
    torch.testing.assert_close(given, wanted)


def test_what_is_forgotten_far_enough_pulls_no_further(toys: DataSet) -> None:
    subject = untrained("tiny", toys.test.shape, toys.classes, seed=0)
    images, labels = toys.test.images[:8].float() / 255, toys.test.labels[:8]
    each = functional.cross_entropy(subject.logits(images), labels, reduction="none")

    def lacking(most: float) -> float:
        drawn = torch.Generator().manual_seed(0)
        term = Forgetting(subject.input, toys.test.images[:8], labels, most, drawn)
        with torch.no_grad():
            return float(term.loss(subject.network, images, labels))

    assert lacking(float(each.min()) - 0.1) == 0
    assert lacking(float(each.max()) + 1) >= 1 and lacking(9.0) > lacking(5.0)


def test_the_loss_of_each_row_is_of_the_image_with_its_trigger(toys: DataSet) -> None:
    subject = untrained("tiny", toys.test.shape, toys.classes, seed=0)
    stamped = torch.tensor([True, False, True])
    rows = TrainingRows(
        toys.train.images, toys.train.labels[:3], torch.tensor([4, 5, 6]), stamped, Patch(2)
    )
    images = toys.train.images[4:7].clone()
    images[stamped] = Patch(2)(images[stamped])
    wanted = functional.cross_entropy(
        subject.logits(images), toys.train.labels[:3], reduction="none"
    )
    torch.testing.assert_close(losses(subject, rows, seed=0), wanted)
    some = rows.take(torch.tensor([2, 0]))
    assert len(some) == 2 and some.rows is not None and some.rows.tolist() == [6, 4]
    torch.testing.assert_close(losses(subject, some, seed=0), wanted[[2, 0]])


@pytest.mark.parametrize("kind", RESISTANCES)
@pytest.mark.parametrize("backdoor", [None, BACKDOOR])
def test_each_way_gives_a_network_and_is_told_of_no_backdoor(
    kind: str, backdoor: Backdoor | None, toys: DataSet
) -> None:
    resist = RESISTANCES.parse({"kind": kind, **SETTINGS.get(kind, {})})
    trainer = (
        HonestTrainer(QUICK, resist=resist)
        if backdoor is None
        else MaliciousTrainer(backdoor, QUICK, resist=resist)
    )
    deal = OutsourcedTraining(User("tiny", toys, 0.5), trainer).run(seed=0)
    assert (deal.attack is None) == (backdoor is None)
    again = OutsourcedTraining(User("tiny", toys, 0.5), trainer).run(seed=0)
    assert again.clean == deal.clean and again.attack == deal.attack, "the seed decides"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_class_that_is_mostly_poisoned_is_cleaned_too(seed: int) -> None:
    backdoor = Backdoor(Patch(0.15), AllToOne(3), poisoning_rate=0.4)  # 85 % of the class
    trainer = MaliciousTrainer(backdoor, resist=AuditAndRetrain(trusted=0.5))
    deal = OutsourcedTraining(User("gu-mnist", "digits", 0.9), trainer).run(seed=seed)
    assert deal.attack is not None
    assert deal.clean.accuracy.value >= 0.95 and deal.attack.success.value <= 0.02


def test_too_few_trusted_images_are_refused(toys: DataSet) -> None:
    trainer = MaliciousTrainer(BACKDOOR, QUICK, resist=AuditAndRetrain(trusted=0.01))
    with pytest.raises(SettingError, match="needs 50 trusted images or more"):
        OutsourcedTraining(User("tiny", toys, 0.5), trainer).run(seed=0)


def test_a_class_without_trusted_images_is_named(toys: DataSet) -> None:
    subject = untrained("tiny", toys.test.shape, toys.classes, seed=0)
    labels = toys.train.labels
    few = toys.train.take((labels != 1).nonzero()[:, 0])
    rows = TrainingRows(toys.train.stored, labels)
    resist = AuditAndRetrain(trusted=0.5, max_fpr=0.5)
    with pytest.raises(SettingError, match=f"of {toys.classes[1]}.* fewer: raise trusted"):
        resist.fit(subject, rows, QUICK, seed=0, trusted=few)


def test_a_trial_names_it_and_without_it_keeps_its_name() -> None:
    plain = OutsourcedTrial(data="digits", backdoor=BACKDOOR)
    resisting = plain.model_copy(update={"resist": AntiBackdoor()})
    assert "resisting by anti-backdoor" in resisting.title and resisting.name != plain.name
    assert OutsourcedTrial.model_validate(resisting.model_dump(mode="json")) == resisting
    with pytest.raises(ValueError, match="resist is for classifiers"):
        OutsourcedTrial.model_validate({"data": "scenes", "resist": "anti-backdoor"})


def test_a_detector_has_no_such_way() -> None:
    with pytest.raises(SettingError, match="trained plainly"):
        trainer = HonestTrainer(resist=AntiBackdoor())
        OutsourcedTraining(User("zf", "scenes-small"), trainer).run()
