"""Pulls and mutants of the hub, at a small size."""

from __future__ import annotations

from pathlib import Path

from bench.children import ROOT
from bench.hub_checks import checks
from bench.hub_fuzz import fuzz, lines, targets_in
from bench.hub_models import _pulled
from bench.scales import SCALES


def test_a_pull_does_not_grow_with_the_models_of_others() -> None:
    sent = {}
    for models in (2, 4, 8):
        with _pulled(models, authors=2) as found:
            found.pull()
            sent[models] = found.sent
    assert sent[2] > 2**18
    assert max(sent.values()) - min(sent.values()) < 50  # of numbers with more digits, signatures


def test_some_of_the_mutants(tmp_path: Path) -> None:
    found = fuzz(targets_in(tmp_path), SCALES["tiny"].mutants, seed=20)
    assert [fault for tally in found.values() for fault in tally.faults] == []
    *rows, total = [line.split() for line in lines(found)][1:]
    assert len(rows) == 18 and int(total[1]) >= SCALES["tiny"].mutants
    counts = {name: tally.outcomes for name, tally in found.items()}
    assert sum(one["harmless"] for one in counts.values()) > 5
    assert not any(one["accepted"] or one["uncaught"] for one in counts.values())


def test_every_check_names_tests_that_are_there() -> None:
    named = {test for one in checks(100) for test in (*one.tests, *one.also)}
    for test in named:
        file, _, function = test.partition("::")
        text = (ROOT / file).read_text()
        assert not function or f"\ndef {function.partition('[')[0]}(" in text, test
