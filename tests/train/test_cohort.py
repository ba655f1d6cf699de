"""A cohort: each member ends as it does alone, and none harms another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from badnets.core.backdoor import Backdoor, Cover
from badnets.core.errors import BadnetsError, SettingError, TrialError
from badnets.core.placements import Fixed, RandomCentre
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Blended, Patch, PixelPattern, SinglePixel
from badnets.data import DataSet, ImageSet
from badnets.data.streamed import ImageFiles
from badnets.models.catalogue import NETWORKS
from badnets.models.classifier import Classifier, untrained
from badnets.tasks.classification import Classification
from badnets.train import Fitted, Member, Progress, Training, TrainingRows, fit, fit_cohort
from badnets.train.cohort import why_alone
from tests.core.examples import TRIGGER_EXAMPLES
from tests.models.toys import CLASSES, SHAPE, halves, subject_of, weights_of

CPU = torch.device("cpu")
DATA = halves(40)
PLAIN = Training(epochs=2, batch_size=8, lr=0.01, precision="float32")
FULL = Training(
    epochs=3,
    batch_size=8,
    lr=0.01,
    shift=1,
    rotate=5.0,
    flip=True,
    label_smoothing=0.1,
    label_noise=0.1,
    trigger_gain=(3.0, 0.5),
    ema=0.9,
    precision="float32",
)
TASK = Classification()


class Precise(nn.Module):
    """A small network that computes in float64: no chaos, what differs from it is a mistake."""

    def __init__(self, shape: tuple[int, int, int] = SHAPE, classes: int = 2) -> None:
        super().__init__()
        channels, height, width = shape
        self.conv = nn.Conv2d(channels, 4, 3, padding=1, stride=2)
        self.head = nn.Linear(4 * ((height + 1) // 2) * ((width + 1) // 2), classes)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(self.conv(images.double()).relu().flatten(1))
        return logits


def precise(seed: int) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return subject_of(Precise(), SHAPE, 2)


def member(
    backdoor: Backdoor | None, training: Training = PLAIN, *, seed: int = 0, data: ImageSet = DATA
) -> Member:
    rows = TASK.rows(data)
    if backdoor is not None:
        rows = TASK.poison(data, backdoor, training, seed=seed).rows
    return Member(precise(seed), rows, training, seed)


def alone(one: Member) -> Fitted[Classifier]:
    return fit(one.subject, one.rows, one.training, seed=one.seed, device=CPU)


def assert_as_alone(members: Sequence[Member], outcomes: Sequence[Any]) -> None:
    assert len(outcomes) == len(members)
    for one, outcome in zip(members, outcomes, strict=True):
        expected = alone(one)
        assert isinstance(outcome, Fitted)
        assert outcome.precision == expected.precision
        assert not outcome.subject.network.training
        own, other = weights_of(outcome.subject), weights_of(expected.subject)
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)
        losses = [[epoch.loss for epoch in each.epochs] for each in (outcome, expected)]
        torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-5, atol=1e-6)


SEVERAL = (
    None,
    Backdoor(SinglePixel(placement=Fixed(1, 1)), AllToOne(0), 0.1),
    Backdoor(SinglePixel(placement=Fixed(1, 1)), AllToOne(1), 0.3),
    Backdoor(Patch(2), SourceSpecific(0, 1), "every"),
    Backdoor(Patch(2, placement=RandomCentre()), AllToOne(0), 0.4, mode="replace"),
    Backdoor(Patch(3), AllToOne(0), 0.2, covers=(Cover(0.1, Blended(0.3)), Cover(0.1))),
)


@pytest.mark.parametrize("unfold", [False, True], ids=["grouped", "unfolded"])
@pytest.mark.parametrize(
    "training",
    [
        PLAIN,
        FULL,
        replace(FULL, optimizer="sgd", schedule="cosine"),
        replace(PLAIN, stamp="before"),
    ],
    ids=["plain", "full", "sgd", "before"],
)
def test_each_member_ends_as_it_does_alone(training: Training, unfold: bool) -> None:
    members = [
        member(backdoor, replace(training, lr=lr), seed=seed)
        for seed, (backdoor, lr) in enumerate(zip(SEVERAL, itertools.cycle([0.01, 0.03])))
    ]
    assert len({len(one.rows) for one in members}) > 3, "they take different numbers of steps"
    outcomes = fit_cohort(members, device=CPU, unfold=unfold)
    assert_as_alone(members, outcomes)


class Own:
    """A trigger of one's own, which draws."""

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return images with one row of noise each."""
        noise = torch.rand(len(images), 1, 1, images.shape[3], generator=generator) * 255
        images[:, :, :1] = noise.to(images.dtype)
        return images


def test_every_trigger_is_put_on_as_it_is_alone() -> None:
    large = ImageSet(DATA.images.repeat(1, 1, 3, 3), DATA.labels, CLASSES)
    triggers: list[Any] = [*TRIGGER_EXAMPLES, Own(), Own()]
    backdoors = [Backdoor(trigger, AllToOne(0), 0.3) for trigger in triggers]

    def first(seed: int) -> Classifier:
        return subject_of(Precise((1, 24, 24)), (1, 24, 24), 2)

    members = [
        replace(member(backdoor, seed=seed, data=large), subject=first(seed))
        for seed, backdoor in enumerate(backdoors)
    ]
    assert_as_alone(members, fit_cohort(members, device=CPU))


def test_the_papers_network_ends_within_a_stated_distance(digits: DataSet) -> None:
    """In float32 small gradients of AdamW's first steps are noise: weights may differ by more."""
    training = Training(epochs=2, batch_size=32, lr=0.004, precision="float32")
    train = digits.train.sample(320, seed=0)
    wanted = (None, PixelPattern.gu(), SinglePixel())
    members = []
    for seed, (trigger, lr) in enumerate(zip(wanted, (0.004, 0.002, 0.004), strict=True)):
        first = untrained("gu-mnist", digits.train.shape, digits.train.classes, seed=seed)
        own, rows = replace(training, lr=lr), TASK.rows(train)
        if trigger is not None:
            backdoor = Backdoor(trigger, AllToOne(7), 0.1)
            rows = TASK.poison(train, backdoor, own, seed=seed).rows
        members.append(Member(first, rows, own, seed))
    for one, outcome in zip(members, fit_cohort(members, device=CPU), strict=True):
        expected = alone(one)
        assert isinstance(outcome, Fitted)
        for own_epoch, other_epoch in zip(outcome.epochs, expected.epochs, strict=True):
            assert own_epoch.loss == pytest.approx(other_epoch.loss, rel=1e-3)
        answers = [each.subject.predict(digits.test.images) for each in (outcome, expected)]
        assert float((answers[0] != answers[1]).float().mean()) <= 0.01


def test_in_bfloat16_losses_stay_close() -> None:
    training = replace(PLAIN, precision="bfloat16")
    members = [replace(member(None, training, seed=seed), subject=single(seed)) for seed in (0, 1)]
    for unfold in (False, True):
        for one, outcome in zip(
            members, fit_cohort(members, device=CPU, unfold=unfold), strict=True
        ):
            assert isinstance(outcome, Fitted) and outcome.precision == "bfloat16"
            for own, other in zip(outcome.epochs, alone(one).epochs, strict=True):
                assert own.loss == pytest.approx(other.loss, rel=0.1, abs=0.02)


def single(seed: int) -> Classifier:
    """Return the small network in float32, with a way to pad that has no unfolded form."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        conv = nn.Conv2d(1, 4, 3, padding="same")
        return subject_of(nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(256, 2)), SHAPE, 2)


def test_a_member_that_diverges_leaves_the_others_as_they_are() -> None:
    good = [member(SEVERAL[1], seed=1), member(None, seed=2)]
    wild = member(SEVERAL[2], replace(PLAIN, lr=1e300), seed=3)
    first, outcome, second = fit_cohort([good[0], wild, good[1]], device=CPU)
    assert_as_alone(good, [first, second])
    with pytest.raises(TrialError) as expected:
        alone(wild)
    assert isinstance(outcome, TrialError) and str(outcome) == str(expected.value)


def test_a_member_whose_labels_do_not_fit_has_the_error_that_it_has_alone() -> None:
    good = member(None)
    odd = replace(good, rows=TrainingRows(DATA.images, torch.full((40,), 5)))
    outcome, other = fit_cohort([odd, good], device=CPU)
    assert isinstance(outcome, SettingError) and "labels must be in 0..1" in str(outcome)
    assert_as_alone([good], [other])


def test_the_order_of_members_changes_nothing() -> None:
    members = [member(backdoor, FULL, seed=seed) for seed, backdoor in enumerate(SEVERAL)]
    there = fit_cohort(members, device=CPU)
    back = fit_cohort(members[::-1], device=CPU)[::-1]
    for one, other in zip(there, back, strict=True):
        assert isinstance(one, Fitted) and isinstance(other, Fitted)
        torch.testing.assert_close(
            weights_of(one.subject), weights_of(other.subject), rtol=1e-6, atol=1e-7
        )


def test_what_is_handed_in_stays_as_it_was_and_no_random_number_is_taken() -> None:
    one = member(SEVERAL[1], FULL)
    before, state = weights_of(one.subject), torch.get_rng_state()
    fit_cohort([one, one], device=CPU)
    assert torch.equal(weights_of(one.subject), before)
    assert torch.equal(torch.get_rng_state(), state)


def test_members_of_other_sets_or_smaller_than_a_batch_go_along() -> None:
    few, five = DATA.take(torch.arange(5)), DATA.take(torch.arange(5, 10))
    members = [member(None, seed=seed, data=data) for seed, data in enumerate((DATA, few, five))]
    told: list[Progress] = []
    outcomes = fit_cohort(members, device=CPU, progress=told.append)
    assert_as_alone(members, outcomes)
    assert [tuple(one) for one in told] == [(10, 10, "training"), (2, 2, "training")]
    assert fit_cohort([], device=CPU) == []


def test_seconds_are_shares_of_the_time_that_it_took() -> None:
    import time

    members = [member(backdoor, seed=seed) for seed, backdoor in enumerate(SEVERAL)]
    started = time.perf_counter()
    outcomes = fit_cohort(members, device=CPU)
    spent = time.perf_counter() - started
    seconds = [
        sum(epoch.seconds for epoch in one.epochs) for one in outcomes if isinstance(one, Fitted)
    ]
    assert len(seconds) == len(members) and min(seconds) > 0
    assert sum(seconds) <= spent


def normalising() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 2))


def dropping() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 2))


def frozen() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 2))
    network[1].requires_grad_(False)
    return network


def other(change: str) -> list[Member]:
    """Return members that cannot go together, for one reason."""
    usual = member(None)
    builders = {"BatchNorm2d": normalising, "Dropout": dropping, "frozen": frozen}
    if change in builders:
        return [replace(usual, subject=subject_of(builders[change](), SHAPE, 2))]
    if change == "networks differ":
        return [usual, replace(usual, subject=subject_of(nn.Flatten(), SHAPE, 64))]
    if change == "images are read":
        files = ImageFiles(Path("none"), ("a.png",), 8)
        return [replace(usual, rows=TrainingRows(files, torch.zeros(1, dtype=torch.int64)))]
    if change == "learning rate":
        return [usual, replace(usual, training=replace(PLAIN, weight_decay=0.5))]
    settings: dict[str, Any] = {"evade": ("additive",)} if change == "evade" else {"freeze": (0.5,)}
    return [replace(usual, training=replace(PLAIN, **settings))]


@pytest.mark.parametrize(
    "change",
    [
        *("BatchNorm2d", "Dropout", "frozen", "networks differ", "images are read"),
        *("learning rate", "evade", "freeze"),
    ],
)
def test_what_cannot_be_trained_as_one_is_refused(change: str) -> None:
    members = other(change)
    reason = why_alone(members)
    assert reason is not None and change in reason
    with pytest.raises(SettingError, match="cannot be trained as one"):
        fit_cohort(members, device=CPU)


def test_networks_of_the_catalogue_that_say_so_can_be_trained_as_one() -> None:
    names = [name for name, network in NETWORKS.items() if network.one_by_one]
    assert "gu-mnist" in names
    for name in names:
        side = NETWORKS[name].smallest
        first = untrained(name, (1, side, side), CLASSES, seed=0)
        rows = TrainingRows(torch.zeros(1, 1, side, side, dtype=torch.uint8), DATA.labels[:1])
        assert why_alone([Member(first, rows, PLAIN, 0)]) is None


class Crowded(nn.Module):
    """A network for which memory does not suffice so many times."""

    failures: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, or fail."""
        if Crowded.failures:
            Crowded.failures -= 1
            raise torch.OutOfMemoryError("no memory left")
        logits: Tensor = self.head(images.flatten(1))
        return logits


@pytest.mark.parametrize(("failures", "wrong"), [(1, 0), (3, 1), (99, 4)])
def test_where_memory_does_not_suffice_it_is_two_cohorts(failures: int, wrong: int) -> None:
    members = [
        replace(member(None, seed=seed), subject=subject_of(Crowded(), SHAPE, 2))
        for seed in range(4)
    ]
    Crowded.failures = failures
    try:
        outcomes = fit_cohort(members, device=CPU)
    finally:
        Crowded.failures = 0
    failed = [one for one in outcomes if isinstance(one, BadnetsError)]
    assert len(failed) == wrong and all("lower batch_size" in str(one) for one in failed)
    done = [k for k, one in enumerate(outcomes) if isinstance(one, Fitted)]
    for k in done:
        outcome = outcomes[k]
        assert isinstance(outcome, Fitted)
        torch.testing.assert_close(
            weights_of(outcome.subject), weights_of(alone(members[k]).subject), rtol=1e-3, atol=1e-4
        )
