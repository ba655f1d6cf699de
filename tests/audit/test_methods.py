"""What every audit method keeps to, and that each sees a backdoor where there is one."""

from __future__ import annotations

import math

import pytest
import torch

from badnets.audit import AUDITS, tables_of
from badnets.audit.cells import Views, by_class, margins, pair_table, pairs
from badnets.audit.methods.inversion import AdditiveInversion, MaskInversion, PairInversion
from badnets.audit.methods.maximum_margin import MaximumMargin
from badnets.audit.methods.transfer import PerturbationTransfer
from badnets.data import DataSet
from badnets.models.classifier import Classifier, untrained
from badnets.scenarios import Deal
from tests.tasks.small import same, state_of


@pytest.fixture
def tiny(toys: DataSet) -> Classifier:
    return untrained("tiny", toys.test.shape, toys.classes, seed=3)


def test_margins_are_above_the_largest_other() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    assert margins(logits, torch.tensor([0, 2])).tolist() == [1.0, -1.0]


def test_pairs_are_all_sources_with_all_other_targets() -> None:
    sources, targets = pairs(3)
    assert list(zip(sources.tolist(), targets.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1),
    ]  # fmt: skip
    assert pair_table(3, torch.arange(6.0))[1] == (2.0, None, 3.0)


def test_images_of_a_class_are_its_own_and_no_image_is_taken_twice(toys: DataSet) -> None:
    first, second = by_class(toys.test, 4), by_class(toys.test, 4, 4)
    assert first.shape == (2, 4, *toys.test.shape) and 0 <= first.min() <= first.max() <= 1
    bright = first.mean((2, 3))[..., 0] > first.mean((2, 3))[..., -1]
    assert bright[0].all() != bright[1].all(), "halves are bright on one side"
    assert not any(torch.equal(one, other) for one in first[0] for other in second[0])


@pytest.mark.parametrize("kind", AUDITS)
def test_a_table_has_a_number_for_each_class_or_pair_and_the_subject_stays(
    kind: str, tiny: Classifier, toys: DataSet
) -> None:
    method, before = AUDITS[kind](), state_of(tiny)
    table = method.table(tiny, toys.test, seed=0)
    assert all(len(row) == 2 for row in table)
    holes = [(s, t) for s, row in enumerate(table) for t, cell in enumerate(row) if cell is None]
    assert holes == ([(0, 0), (1, 1)] if len(table) == 2 else [])
    assert all(math.isfinite(cell) for row in table for cell in row if cell is not None)
    assert method.table(tiny, toys.test, seed=0) == table, "the seed decides"
    assert same(tiny, before) and all(p.grad is None for p in tiny.network.parameters())


def test_what_could_not_look_is_lost_coverage(tiny: Classifier, toys: DataSet) -> None:
    alone = tables_of(tiny)
    assert set(alone.tables) == {"head-weights", "maximum-margin"} and alone.quantities == {}
    assert all("clean images, and none were given" in lost.why for lost in alone.coverage)
    assert set(tables_of(tiny, toys.test, tier="instant").tables) == {"head-weights"}
    right = toys.test.take((tiny.predict(toys.test.images) == toys.test.labels).nonzero()[:, 0])
    few = tables_of(tiny, right.take(torch.arange(min(9, len(right)))))
    assert any("clean images of each class that the model names right" in lost.why
               for lost in few.coverage)  # fmt: skip
    late = tables_of(tiny, budget=0)
    assert set(late.tables) <= {"head-weights", "maximum-margin"}


def test_numbers_that_are_not_finite_are_lost_coverage(tiny: Classifier, toys: DataSet) -> None:
    broken = tiny.copy()
    with torch.no_grad():
        next(broken.network.parameters()).fill_(torch.nan)
    found = tables_of(broken, toys.test)
    assert found.tables == {} and found.coverage


def test_the_largest_margin_is_the_targets(clean_digits: Classifier, bad_deal: Deal):  # type: ignore[no-untyped-def]
    def of(subject: Classifier) -> list[float]:
        (row,) = MaximumMargin().table(subject, None, seed=0)
        return [float(cell or 0) for cell in row]

    clean, bad = of(clean_digits), of(bad_deal.subject)
    assert bad[0] / max(bad[1:]) > 1.3 * clean[0] / max(clean[1:])


def test_perturbations_towards_the_target_transfer(
    clean_digits: Classifier, bad_deal: Deal, digits: DataSet
) -> None:
    def excess(subject: Classifier) -> float:
        table = PerturbationTransfer().table(subject, digits.test, seed=0)
        means = [sum(row[t] or 0 for row in table) / 9 for t in range(10)]
        return means[0] - sum(means[1:]) / 9

    assert excess(bad_deal.subject) > excess(clean_digits) + 0.5


@pytest.mark.parametrize("family", [AdditiveInversion(), MaskInversion()])
def test_a_trigger_of_its_size_is_found_where_there_is_one(
    family: PairInversion, clean_digits: Classifier, bad_deal: Deal, digits: DataSet
) -> None:
    source, target = torch.tensor([3, 8]), torch.tensor([0, 0])
    sought, held = (Views.of_each(by_class(digits.test, 16, skip), source) for skip in (0, 16))

    def reached(subject: Classifier) -> float:
        found = family.found(subject, sought, target, torch.Generator().manual_seed(0))
        painted = family.painted(held.at(held.evenly(16), subject.device), found)
        assert painted.min() >= 0 and painted.max() <= 1 + 1e-6
        return float(family.reached(subject, held, target, found).mean())

    assert reached(bad_deal.subject) > reached(clean_digits) + 2
