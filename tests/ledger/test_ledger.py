"""The ledger: holds each record once, gives it back whole, and finds it by what it is about."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from badnets.core.errors import LedgerError
from badnets.ledger import ImportCount, Ledger
from badnets.ledger.connecting import connect, url_of
from badnets.ledger.database import Database
from badnets.trials.record import Record
from tests.ledger.samples import attacked_trial, clean_trial, record_of

RECORDS = [
    record_of(clean_trial(0), minutes=3),
    record_of(clean_trial(1), minutes=1),
    record_of(attacked_trial(0), minutes=2),
    record_of(clean_trial(0, data="mnist"), minutes=5),
    record_of(clean_trial(0, network="resnet18"), minutes=4),
]


def test_a_record_comes_back_as_it_was(ledger: Ledger) -> None:
    record = record_of(attacked_trial(seed=2**63 - 1, control=clean_trial()))
    assert ledger.add(record)
    assert ledger.get(record.name) == record
    assert ledger.get("0" * 16) is None
    assert ledger.has([record.name, "0" * 16]) == {record.name}
    assert len(ledger) == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    loss=st.floats(allow_nan=False, allow_infinity=False),
    seed=st.integers(0, 2**63 - 1),
    attacked=st.booleans(),
)
def test_any_record_comes_back_as_it_was(
    ledger: Ledger, loss: float, seed: int, attacked: bool
) -> None:
    trial = attacked_trial(seed) if attacked else clean_trial(seed)
    record = record_of(trial, loss=loss)
    if ledger.add(record):
        assert ledger.get(record.name) == record


def test_what_is_held_is_still_there_when_it_is_opened_again(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "down" / "ledger.sqlite"
    with Ledger.open(place) as ledger:
        ledger.add(RECORDS[0])
    with Ledger.open(str(place), create=False) as ledger:
        assert list(ledger.records()) == [RECORDS[0]]


def test_nothing_is_held_twice_and_the_first_stays(ledger: Ledger) -> None:
    first, second = record_of(clean_trial(), loss=0.1), record_of(clean_trial(), loss=0.2)
    assert ledger.add(first)
    assert not ledger.add(second)
    assert list(ledger.records()) == [first]
    assert ledger.add_all([second, second]) == ImportCount(added=0, already=2)
    other = record_of(clean_trial(7))
    assert ledger.add_all([other, other]) == ImportCount(added=1, already=1)


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        ({}, [1, 2, 0, 4, 3]),
        ({"data": "mnist"}, [3]),
        ({"network": "resnet18"}, [4]),
        ({"attacked": True}, [2]),
        ({"attacked": False, "data": "digits"}, [1, 0, 4]),
        ({"names": [RECORDS[0].name, RECORDS[2].name, "unknown"]}, [2, 0]),
        ({"names": []}, []),
        ({"data": "nothing"}, []),
    ],
)
def test_records_are_found_oldest_first(
    ledger: Ledger, wanted: dict[str, object], indices: list[int]
) -> None:
    ledger.add_all(RECORDS)
    found = ledger.records(**wanted)  # type: ignore[arg-type]
    assert list(found) == [RECORDS[index] for index in indices]


def test_more_records_than_one_query_takes(ledger: Ledger) -> None:
    many = [record_of(clean_trial(seed)) for seed in range(210)]
    assert ledger.add_all(many).added == 210
    names = [record.name for record in many]
    assert ledger.has(names) == set(names)
    assert {record.name for record in ledger.records(names=names)} == set(names)
    assert ledger.add_all(many) == ImportCount(added=0, already=210)


def test_others_can_write_while_records_are_read(ledger: Ledger, place: str) -> None:
    ledger.add_all(RECORDS)
    with Ledger.open(place, busy_timeout_s=0.2) as other:
        for index, _ in enumerate(ledger.records()):
            assert other.add(record_of(clean_trial(100 + index)))


def test_several_who_open_a_new_ledger_and_add_the_same_at_once(place: str) -> None:
    added: list[bool] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        with Ledger.open(place) as ledger:
            added.extend(ledger.add(record) for record in RECORDS)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(added) == 4 * len(RECORDS)
    assert sum(added) == len(RECORDS)
    with Ledger.open(place) as ledger:
        assert len(ledger) == len(RECORDS)


def test_the_columns_say_what_the_record_says(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.add(record_of(attacked_trial(3)))
    columns = (
        "created, data, network, seed, targets, poisoning_rate, outcome, clean_hits, clean_total, "
        "success_hits, success_total, control_hits, poisoned_hits, poisoned_total"
    )
    query = f'select {columns}, "trigger" from records'
    with sqlite3.connect(tmp_path / "ledger.sqlite") as raw:
        row = raw.execute(query).fetchone()
    raw.close()
    assert row == (
        *("2017-08-22T12:00:00+00:00", "digits", "gu-mnist", 3, "all-to-one", 0.1, "accepted"),
        *(903, 1000, 890, 900, 2, 100, 1000, "pixel-pattern"),
    )


CALLS = """
import sys
from badnets.cli.main import main
for argv in (["list"], ["list", "--json"], ["show", "NAME"], ["show", "NAME", "--json"]):
    assert main(["ledger", *argv, "--ledger", sys.argv[1]]) == 0
print("modules", *{"torch", "numpy", "PIL", "sklearn"} & sys.modules.keys())
"""


def test_lists_and_single_records_are_read_without_torch(tmp_path: Path) -> None:
    place, record = tmp_path / "ledger.sqlite", record_of(attacked_trial(1))
    with Ledger.open(place) as ledger:
        ledger.add(record)
    code = CALLS.replace("NAME", record.name[:9])
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "modules"
    assert re.search(r"^attack success +98\.89 % \(890/900\)", done.stdout, re.M)
    assert f'"name": "{record.name}"' in done.stdout


def test_rows_are_found_as_records_are(ledger: Ledger) -> None:
    ledger.add_all(RECORDS)
    assert [row["name"] for row in ledger.rows()] == [one.name for one in ledger.records()]
    assert [row["clean_hits"] for row in ledger.rows(names=[RECORDS[1].name])] == [901]
    assert ledger.name_of(RECORDS[0].name[:9]) == RECORDS[0].name
    assert ledger.document(RECORDS[0].name) == RECORDS[0].model_dump_json()


class Forgetful(Database):
    """Loses the answer to all that it wrote, and so writes it again."""

    def write(self, work: Callable[[Connection], Any]) -> Any:
        super().write(work)
        return super().write(work)


def test_what_is_written_again_as_the_answer_was_lost_is_written_once(place: str) -> None:
    with Ledger.open(place) as ledger:
        ledger.add(RECORDS[0])
    engine, version = connect(url_of(place), create=True, busy_timeout_s=1)
    name = RECORDS[3].name
    with Ledger(Forgetful(engine), version) as ledger:
        assert ledger.add_all(RECORDS[:3]) == ImportCount(added=2, already=1)
        ledger.note_failure(name, "a trial", "went wrong")
        assert ledger.failures()[name].attempts == 1
        assert ledger.claims.take([name], "me", lease_s=60, most=1).taken == (name,)
        assert ledger.claims.renew("me", lease_s=60) == {name}
        assert list(ledger.records()) == [RECORDS[1], RECORDS[2], RECORDS[0]]


def test_a_record_of_another_trial_is_refused_and_nothing_of_its_batch_is_held(
    ledger: Ledger,
) -> None:
    renamed = RECORDS[0].model_copy(update={"name": "0" * 16})
    with pytest.raises(LedgerError, match="is not named after its trial"):
        ledger.add_all([RECORDS[1], renamed])
    assert len(ledger) == 0


def test_a_record_that_json_cannot_hold_is_refused(ledger: Ledger) -> None:
    record: Record = record_of(clean_trial(), loss=float("nan"))
    with pytest.raises(LedgerError, match=r"cannot be held as JSON: epochs\.0\.loss"):
        ledger.add(record)
    assert len(ledger) == 0
