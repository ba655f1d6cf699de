"""Many classes: what methods look at then, what they leave out, and that they find what is left."""

from __future__ import annotations

import pytest
import torch

from badnets.audit import AUDITS, tables_of
from badnets.audit.base import ALL_PAIRS
from badnets.audit.cells import Mixture, spread
from badnets.audit.methods.inversion import AdditiveInversion, MaskInversion, PairInversion
from badnets.audit.methods.patches import PatchSearch
from badnets.audit.methods.transfer import PerturbationTransfer
from badnets.audit.recovery import recover
from badnets.audit.shared_triggers import _sought_longer, triggers_of_worst
from tests.audit.templates import images, templates
from tests.tasks.small import same, state_of

K = 13
ROWS = {"head-weights": 6, "additive-inversion": 2, "mask-inversion": 2, "patch-search": 2}


def test_a_trigger_is_put_on_images_of_its_sources_alone() -> None:
    clean = images(K, 6)
    sought, held = Mixture.halves(clean)
    assert len(sought.images) == len(held.images) == 3 * K
    targets = torch.arange(K)
    bright = sought.images.flatten(1).argmax(1)
    others, own = sought.but(targets), sought.of(targets)
    for rows in (others.evenly(99), others.drawn(99, torch.Generator().manual_seed(0))):
        assert all(target not in bright[row] for target, row in zip(targets, rows, strict=True))
    assert len(set(others.evenly(3 * K - 3)[4].tolist())) == 3 * K - 3, "none is passed over"
    assert (bright[own.evenly(8)] == targets[:, None]).all()


def test_few_images_are_spread_over_the_classes() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    assert labels[spread(labels, 3)].tolist() == [0, 1, 2]
    assert labels[spread(labels, 5)].tolist() == [0, 1, 2, 0, 2]


@pytest.mark.parametrize("count", [K, ALL_PAIRS + 1])
@pytest.mark.parametrize("kind", AUDITS)
def test_a_table_of_many_classes_is_small(kind: str, count: int) -> None:
    subject, clean = templates(count), images(count, 4)
    before, method = state_of(subject), AUDITS[kind]()
    table = method.table(subject, clean, seed=0)
    rows = ROWS.get(kind, 1)
    if kind == PerturbationTransfer.kind and count == K:
        rows = K
    if isinstance(method, PairInversion | PatchSearch) and count > K:
        rows = 1
    assert (len(table), {len(row) for row in table}) == (rows, {count})
    assert method.table(subject, clean, seed=0) == table, "the seed decides"
    assert same(subject, before)


@pytest.mark.parametrize("family", [AdditiveInversion(), MaskInversion()])
@pytest.mark.parametrize("source", [None, 5])
def test_a_backdoor_among_many_classes_is_found(family: PairInversion, source: int | None) -> None:
    table = family.table(templates(K, target=3, source=source), images(K, 16), seed=0)
    row = [cell or 0.0 for cell in table[0 if source is None else 1]]
    assert row.index(max(row)) == 3 and max(row) > 0
    clean = family.table(templates(K), images(K, 16), seed=0)
    assert max(cell or 0.0 for row in clean for cell in row) < 0


def test_the_source_is_sought_again_for_the_trigger() -> None:
    found = recover(templates(K, target=3, source=5), images(K, 16), 3)
    assert found is not None and found.effect.value == 1 and found.before.value == 0


def test_of_many_classes_the_triggers_of_one_target_are_forgotten_or_none() -> None:
    found = triggers_of_worst(templates(K, target=3), images(K, 16), seed=0)
    assert {one.family.kind for one in found} == {"additive-inversion", "wide-mask-inversion"}
    assert {target for one in found for target in one.targets.tolist()} == {3}
    assert all(one.sources.eq(-1).all() and one.reached.max() > 0 for one in found)
    assert triggers_of_worst(templates(K), images(K, 16), seed=0) == []


def test_with_images_of_one_class_alone_nothing_is_sought_longer() -> None:
    clean = images(K, 16)
    alone = clean.take((clean.labels == 3).nonzero()[:, 0])
    assert _sought_longer(templates(K, target=3), alone, 3, 0) == (0.0, [])


def test_what_many_classes_leave_out_is_said() -> None:
    found = tables_of(templates(K), images(K, 3), tier="standard")
    said = {lost.what: lost.why for lost in found.coverage}
    assert any("backdoors of one source class but the one that looks" in what for what in said)
    assert "perturbation-transfer needs 4 clean images of a class" in str(said)
    assert found.tables["mask-inversion"][1] == (None,) * K, "sources have too few images"
    very_many = AUDITS["additive-inversion"]().leaves_out(ALL_PAIRS + 1)
    assert very_many == "backdoors of one source class"
    few = tables_of(templates(K), images(K, 2), budget=2)
    assert "needs 32 clean images of two classes or more" in str(few.coverage)
