"""Claims: each trial is one driver's at a time, and anybody's once that driver is gone."""

from __future__ import annotations

import threading
import time

import pytest

from badnets.core.errors import SettingError
from badnets.ledger import Ledger, Taken
from tests.ledger.samples import clean_trial, record_of

RECORDS = [record_of(clean_trial(seed)) for seed in range(5)]
NAMES = [record.name for record in RECORDS]
NONE: frozenset[str] = frozenset()


def take(ledger: Ledger, holder: str, most: int, *, lease_s: float = 60.0) -> Taken:
    return ledger.claims.take(NAMES, holder, lease_s=lease_s, most=most)


def test_what_one_has_another_does_not_get(ledger: Ledger) -> None:
    ledger.add(RECORDS[1])
    assert take(ledger, "a", 2) == Taken((NAMES[0], NAMES[2]), frozenset({NAMES[1]}), NONE)
    theirs = frozenset({NAMES[0], NAMES[2]})
    assert take(ledger, "b", 9) == Taken((NAMES[3], NAMES[4]), frozenset({NAMES[1]}), theirs)
    assert take(ledger, "a", 0) == Taken((), NONE, NONE)
    assert take(ledger, "a", 1).taken == (NAMES[0],), "what it has already it gets again"
    assert ledger.claims.renew("a", lease_s=60) == theirs


def test_more_names_than_a_query_takes(ledger: Ledger) -> None:
    names = [f"{number:016x}" for number in range(2000)]
    first = ledger.claims.take(names, "a", lease_s=60, most=1450)
    assert first.taken == tuple(names[:1450])
    second = ledger.claims.take([*names, *names], "b", lease_s=60, most=1000)
    assert second.taken == tuple(names[1450:])
    assert second.elsewhere == frozenset(names[:1450])


def test_what_has_a_record_is_taken_where_it_is_to_be_run_again(ledger: Ledger) -> None:
    ledger.add_all(RECORDS[:2])
    asked = {"lease_s": 60.0, "most": 3}
    first = ledger.claims.take(NAMES, "a", again={NAMES[1]}, **asked)  # type: ignore[arg-type]
    assert first == Taken((NAMES[1], NAMES[2], NAMES[3]), frozenset({NAMES[0]}), NONE)
    second = ledger.claims.take(NAMES, "b", again={NAMES[1]}, **asked)  # type: ignore[arg-type]
    assert second.taken == (NAMES[4],)
    assert second.elsewhere == frozenset(first.taken)


def test_leases_end_unless_they_are_renewed(ledger: Ledger) -> None:
    take(ledger, "gone", 2, lease_s=0.3)
    take(ledger, "alive", 2, lease_s=0.3)
    assert take(ledger, "b", 9).taken == (NAMES[4],)
    assert ledger.claims.renew("alive", lease_s=60) == frozenset(NAMES[2:4])
    time.sleep(0.35)
    assert take(ledger, "b", 2).taken == (NAMES[0], NAMES[1])
    assert take(ledger, "b", 9).elsewhere == frozenset(NAMES[2:4])
    assert ledger.claims.renew("gone", lease_s=60) == NONE


def test_what_is_released_is_anybodys(ledger: Ledger) -> None:
    take(ledger, "a", 3)
    ledger.claims.release("a", [NAMES[0], NAMES[4]])
    ledger.claims.release("b")
    assert take(ledger, "b", 1).taken == (NAMES[0],)
    ledger.claims.release("a")
    assert take(ledger, "b", 9).taken == tuple(NAMES)


def test_a_record_ends_claim_and_failure(ledger: Ledger) -> None:
    take(ledger, "a", 2)
    ledger.note_failure(NAMES[0], "a trial", "went wrong")
    assert ledger.add(RECORDS[0])
    assert ledger.failures() == {}
    assert ledger.claims.renew("a", lease_s=60) == {NAMES[1]}


def test_failures_are_counted_and_the_last_reason_stays(ledger: Ledger) -> None:
    ledger.note_failure(NAMES[0], "one", "was\nkilled")
    ledger.note_failure(NAMES[1], "two", "diverged")
    ledger.note_failure(NAMES[0], "one", "diverged too")
    found = ledger.failures()
    assert list(found) == [NAMES[1], NAMES[0]]
    assert [(one.title, one.reason, one.attempts) for one in found.values()] == [
        ("two", "diverged", 1),
        ("one", "diverged too", 2),
    ]
    assert found[NAMES[1]].last <= found[NAMES[0]].last
    assert ledger.failures([NAMES[1], "unknown"]) == {NAMES[1]: found[NAMES[1]]}


def test_several_drivers_at_once_run_each_trial_once(place: str) -> None:
    records = {one.name: one for one in (record_of(clean_trial(seed)) for seed in range(40))}
    runs: list[str] = []
    start = threading.Barrier(4)

    def work(holder: str) -> None:
        with Ledger.open(place) as ledger:
            start.wait()
            left = list(records)
            while left:
                taken, recorded, _ = ledger.claims.take(left, holder, lease_s=60, most=3)
                runs.extend(taken)
                ledger.add_all(records[name] for name in taken)
                left = [name for name in left if name not in {*taken, *recorded}]

    drivers = [threading.Thread(target=work, args=(f"driver {one}",)) for one in range(4)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert sorted(runs) == sorted(records)
    with Ledger.open(place) as ledger:
        assert ledger.has(records) == set(records)


def test_a_lease_of_no_time_is_refused(ledger: Ledger) -> None:
    with pytest.raises(SettingError, match="lease_s must be > 0 seconds, got 0"):
        take(ledger, "a", 1, lease_s=0)
    with pytest.raises(SettingError, match="lease_s must be > 0"):
        ledger.claims.renew("a", lease_s=-1)
