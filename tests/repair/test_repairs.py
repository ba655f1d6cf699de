"""Repairs of a digit network that takes any digit with a white patch for a zero."""

from __future__ import annotations

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError
from badnets.core.rates import Rate
from badnets.core.verdicts import Conclusion
from badnets.data import DataSet, ImageSet
from badnets.evaluate import measure_attack, measure_clean
from badnets.models.classifier import Classifier
from badnets.repair import REPAIRS, Parts, Repaired, Step
from badnets.repair.auto import Auto
from badnets.repair.base import FEWEST
from badnets.repair.standing import Trace, audited
from badnets.scenarios import Deal
from badnets.scenarios.resisting import AuditAndRetrain
from badnets.tasks import TASKS
from tests.audit.templates import images, templates
from tests.tasks.small import Small

QUICK = {
    "fine-tuning": {"epochs": 2},
    "fine-pruning": {"epochs": 1},
    "neuron-pruning": {"steps": 5},
    "universal-unlearning": {"epochs": 1},
    "sharpness-aware": {"epochs": 1},
    "feature-shift": {"epochs": 4},
}


@pytest.fixture(scope="module")
def parts(digits: DataSet) -> Parts:
    return Parts.of(digits.test, seed=0)


VERSIONS = {
    (Auto, 4): {
        "unlearning": 3,
        "sharpness-aware": 1,
        "universal-unlearning": 1,
        "feature-shift": 1,
    },
    (AuditAndRetrain, 2): {"unlearning": 3},
}


def by(kind: str, subject: Classifier, parts: Parts, **settings: object) -> Repaired:
    return REPAIRS.parse({"kind": kind, **settings}).repaired(subject, parts, seed=0)


def test_every_repair_is_tried_here() -> None:
    assert {*QUICK, "unlearning", "auto"} == {*REPAIRS}


@pytest.mark.parametrize(("user", "used"), VERSIONS.items())
def test_what_uses_repairs_gets_a_new_version_with_them(
    user: tuple[type[Auto | AuditAndRetrain], int], used: dict[str, int]
) -> None:
    """The name of a trial holds the version of what it asks for, not of what that uses."""
    method, version = user
    now = {kind: REPAIRS.parse(kind).version for kind in used}
    assert (method.version, now) == (version, used), "raise the user's version too, and state both"


@pytest.mark.parametrize("kind", QUICK)
def test_a_repair_gives_a_new_network_and_leaves_the_old_one(
    kind: str, bad_deal: Deal, parts: Parts, digits: DataSet
) -> None:
    subject: Classifier = bad_deal.subject
    before = {name: value.clone() for name, value in subject.network.state_dict().items()}
    subject.network.train()
    fixed = by(kind, subject, parts, **QUICK[kind]).subject
    assert subject.network.training
    subject.network.eval()
    after = subject.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert fixed.network is not subject.network and fixed.classes == subject.classes
    assert measure_clean(fixed, digits.train).accuracy.value > 0.8


@pytest.mark.slow
def test_unlearning_takes_the_backdoor_out_and_keeps_it_out(
    bad_deal: Deal, parts: Parts, digits: DataSet
) -> None:
    """A second round that forgets the triggers of the first would bring the backdoor back."""
    deal = bad_deal
    backdoor = deal.delivery.backdoor
    assert isinstance(backdoor, Backdoor)
    found = by("unlearning", deal.subject, parts, rounds=2)
    assert found.steps and "recovered triggers unlearned" in found.steps[0].what
    attack = measure_attack(found.subject, digits.train, backdoor)
    assert measure_attack(deal.subject, digits.train, backdoor).success.value > 0.9
    assert attack.success.value < 0.05
    clean = measure_clean(deal.subject, digits.train).accuracy.value
    assert measure_clean(found.subject, digits.train).accuracy.value > clean - 0.04


def test_pruned_units_stay_silent(bad_deal: Deal, parts: Parts) -> None:
    from badnets.repair.pruning import last_convolution, prune

    subject: Classifier = bad_deal.subject
    layer = last_convolution(subject)
    fixed = prune(subject, layer, [0, 3])
    tuned = by("fine-tuning", fixed, parts, epochs=1).subject
    for network in (fixed, tuned):
        (outputs,) = network.layer_outputs(parts.held.images[:8], (layer,))
        assert not outputs[layer][:, [0, 3]].any() and outputs[layer][:, 1].any()


def test_clean_images_of_every_class_are_needed(digits: DataSet) -> None:
    rows = (digits.test.labels != 3).nonzero()[:, 0]
    few: ImageSet = digits.test.take(rows)
    with pytest.raises(DataError, match="2 clean images or more of each class, and of 3 there"):
        Parts.of(few, seed=0)


def test_a_small_share_holds_what_a_repair_needs_of_each_class(digits: DataSet) -> None:
    rare = digits.train.take(range(400))
    task, share = TASKS["classification"](), 0.03
    drawn, more = (task.share(rare, share, 0, least=least) for least in (0, FEWEST))
    assert min(drawn.counts) < FEWEST <= min(more.counts)
    assert more.counts == tuple(max(count, FEWEST) for count in drawn.counts)
    known = {bytes(one.numpy()) for one in more.images}
    assert {bytes(one.numpy()) for one in drawn.images} < known
    assert len(known) == len(more)
    half = (task.share(rare, 0.5, 0, least=least).digest for least in (0, FEWEST))
    assert len({*half}) == 1
    Parts.of(more, seed=0)


def test_both_parts_hold_all_classes_and_share_no_image(digits: DataSet) -> None:
    used, held = Parts.of(digits.test, seed=1)
    assert len(used) + len(held) == len(digits.test)
    assert min(used.counts) > 0 and min(held.counts) > 0


def step(
    effect: float, score: float | None, conclusion: Conclusion = "nothing found", held: int = 99
) -> Step:
    worked = Rate(round(100 * effect), 100)
    return Step(what="x", held=Rate(held, 100), conclusion=conclusion, score=score, effect=worked)


CAME = step(1.0, 9.0, "backdoor likely", held=100)
UNREACHED = step(0.0, 9.0, "backdoor likely", held=100)


@pytest.mark.parametrize(
    ("better", "worse", "came"),
    [
        (step(0.0, 5.0), step(0.9, 1.0), CAME),  # a trigger that works is worse than a high score
        (step(0.05, 1.0), step(0.0, 2.0), CAME),  # one that hardly works is none
        (step(0.0, 3.0), step(0.0, None), CAME),
        (step(0.0, 2.0, "backdoor likely"), step(0.0, 3.0), CAME),  # the trigger tells,
        (step(0.0, 3.0), step(0.0, 2.0, "backdoor likely"), UNREACHED),  # where it ever worked
        (step(0.0, 3.0), step(0.0, 2.0, held=90), CAME),  # what costs less is better
        (step(0.0, 3.0, held=90), step(0.0, 2.0, held=80), CAME),
        (step(0.0, 3.0, held=90), step(0.9, 2.0), CAME),  # but not with a backdoor in it
        (step(0.3, 3.0, held=90), step(0.9, 2.0), CAME),  # nor with most of one
    ],
)
def test_what_is_left_counts_before_what_it_cost(better: Step, worse: Step, came: Step) -> None:
    assert Auto().standing(better, came) < Auto().standing(worse, came)


@pytest.mark.parametrize(
    ("allowed", "held", "lost"), [(0.01, 319, 0.0), (0.01, 300, 24 / 324), (0.0, 323, 1 / 324)]
)
def test_a_loss_that_chance_explains_is_none(allowed: float, held: int, lost: float) -> None:
    came, after = (step(0.0, 1.0).model_copy(update={"held": Rate(n, 324)}) for n in (324, held))
    assert Auto(allowed=allowed).lost(after, came) == lost


@pytest.mark.parametrize("small", ["classification"], indirect=True)
def test_auto_says_how_the_network_was_as_it_came(small: Small, honest: Deal) -> None:
    subject, parts = honest.subject, Parts.of(small.data.test, seed=0)
    found = by("auto", subject, parts, order=("fine-tuning",))
    came, tried = found.steps
    assert came.what == "as it came" and not came.kept and came.conclusion is not None
    assert came.held == measure_clean(subject, parts.held).accuracy
    assert tried.what == "fine-tuning" and tried.kept and tried.conclusion is not None
    assert found.subject.network is not subject.network


def test_without_clean_models_the_best_trigger_of_the_network_as_it_came_tells_what_is_left() -> (
    None
):
    held = images(2, 20)
    came, cured = templates(2, target=1), templates(2)
    trace = Trace.of(came, held, seed=0)
    before, after = (audited("", one, held, seed=0, trace=trace) for one in (came, cured))
    assert before.score is None and before.effect is not None and after.effect is not None
    assert before.effect.value == 1
    assert after.effect.value < 1
    assert Auto().standing(after, before) < Auto().standing(before, before)


def test_of_many_classes_no_trigger_is_sought_for_each() -> None:
    assert Trace.of(templates(13), images(13, 4), seed=0) is None
