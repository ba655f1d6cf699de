"""Merging, vacuuming, and MLflow's runs: what becomes of records once there are many ledgers."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete

from badnets.cli.main import main
from badnets.core.errors import LedgerError, MissingExtraError, OutputError
from badnets.core.rates import Rate
from badnets.ledger import ImportCount, Ledger, MergeCount, merge, sqlite, to_mlflow, vacuum
from badnets.ledger.columns import RECORDS
from badnets.observations.base import ArrayRef
from tests.ledger.samples import attacked_trial, clean_trial, record_of

ARRAY = ArrayRef(sha256="0" * 64, shape=(1,), dtype="float32")


def changed(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)


def test_a_merge_adds_what_is_new_and_says_what_differs(ledger: Ledger, tmp_path: Path) -> None:
    same, here, there = record_of(clean_trial(0)), record_of(clean_trial(1)), clean_trial(1)
    other = record_of(there).clean.model_copy(update={"largest_class": Rate(501, 1000)})
    differing = record_of(there).model_copy(update={"clean": other})
    later = record_of(clean_trial(0), minutes=9)  # the same, measured again
    new = [record_of(attacked_trial(seed)) for seed in range(20)]
    new[0] = record_of(attacked_trial(0), arrays={"some": ARRAY})
    ledger.add_all([same, here])
    with Ledger.open(tmp_path / "other.sqlite") as source:
        source.add_all([later, differing, *new])
    with Ledger.open(tmp_path / "other.sqlite", create=False) as source:
        assert merge(source, ledger) == MergeCount(20, 2, (differing.name,), 1)
        assert merge(source, ledger) == MergeCount(0, 22, (differing.name,), 0)
    assert list(ledger.records(names=[same.name, here.name])) == sorted(
        [same, here], key=lambda record: record.name
    )
    assert ledger.get(new[0].name) == new[0]


def test_a_merge_of_more_records_than_a_query_takes(tmp_path: Path) -> None:
    records = [record_of(clean_trial(seed)) for seed in range(210)]
    with Ledger.open(tmp_path / "one.sqlite") as one, Ledger.open(tmp_path / "two.sqlite") as two:
        one.add_all(records)
        two.add(records[7])
        assert merge(one, two) == MergeCount(209, 1, (), 0)
        assert list(two.records()) == list(one.records())


def test_records_that_are_not_sound_are_not_merged_and_the_others_are(tmp_path: Path) -> None:
    records = [record_of(clean_trial(seed)) for seed in range(4)]
    wrong = records[1].clean.model_copy(update={"accuracy": Rate(999, 1000)})
    records[1] = records[1].model_copy(update={"clean": wrong})
    place = tmp_path / "other.sqlite"
    with Ledger.open(place) as source, Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        source.add_all(records)
        changed(place, "update records set document = '{}' where seed = 2")
        said: list[str] = []
        count = merge(source, ledger, damaged=lambda error: said.append(str(error)))
        assert count == MergeCount(2, 0, (), 0)
        assert sorted(error.split()[1] for error in said) == sorted(
            record.name for record in records[1:3]
        )
        assert any("contradicts itself" in error for error in said)
        assert any("was changed or is damaged" in error for error in said)
        with pytest.raises(LedgerError, match=r"contradicts itself|was changed"):
            merge(source, ledger)


def test_a_vacuum_drops_what_is_over_and_gives_back_space(ledger: Ledger) -> None:
    records = [record_of(clean_trial(seed)) for seed in range(100)]
    ledger.add_all(records)
    gone = [record.name for record in records[1:]]
    dropping = delete(RECORDS).where(RECORDS.c.name.in_(gone))
    ledger.database.write(lambda connection: connection.execute(dropping))
    ledger.claims.take(gone, "gone", lease_s=1e-9, most=2)
    ledger.claims.take(gone[2:], "alive", lease_s=60, most=2)
    ledger.note_failure(records[0].name, "a trial", "failed once more")
    ledger.note_failure(gone[0], "a trial", "failed")
    done = vacuum(ledger)
    assert (done.claims, done.failures) == (2, 1)
    assert 0 < done.after < done.before
    assert list(ledger.records()) == records[:1]
    assert ledger.claims.renew("alive", lease_s=60) == set(gone[2:4])
    assert list(ledger.failures()) == gone[:1]


def test_a_large_file_is_checked_whole_by_a_vacuum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ledger.sqlite"
    with Ledger.open(place) as ledger:
        ledger.add(record_of(clean_trial()))
    with closing(sqlite3.connect(place)) as raw:
        (page,) = raw.execute(
            "select rootpage from sqlite_schema where name = 'ix_records_network'"
        ).fetchone()
    content = bytearray(place.read_bytes())
    empty = b"\x0a" + b"\0" * 4 + b"\x10\0" + b"\0"  # an index that holds nothing
    content[4096 * (page - 1) : 4096 * (page - 1) + 8] = empty
    place.write_bytes(content)
    with pytest.raises(LedgerError, match="the file is damaged"):
        Ledger.open(place)
    monkeypatch.setattr(sqlite, "CHECKED_WHOLE", 0)
    with Ledger.open(place) as ledger:
        assert len(list(ledger.records())) == 1
        with pytest.raises(LedgerError, match="the file is damaged"):
            vacuum(ledger)


@pytest.mark.slow
def test_records_become_runs_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{tmp_path}/tracking.db"
    record = record_of(attacked_trial(3))
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.add(record)
        assert to_mlflow(ledger, uri, "mine") == ImportCount(added=1, already=0)
        ledger.add(other := record_of(clean_trial(4)))

        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        (place,) = [one.experiment_id for one in client.search_experiments() if one.name == "mine"]
        client.create_run(place, tags={"badnets.name": other.name})  # what a kill leaves
        assert to_mlflow(ledger, uri, "mine") == ImportCount(added=1, already=1)
        chosen = ("--experiment", "mine", "--ledger", str(tmp_path / "ledger.sqlite"))
        assert main(["ledger", "to-mlflow", uri, *chosen]) == 0
        assert capsys.readouterr().out == "experiment 'mine': 0 runs added, 2 were there already\n"
        runs = {run.data.tags["badnets.name"]: run for run in client.search_runs([place])}
        assert runs.keys() == {record.name, other.name}
        assert len(client.search_runs([place])) == 2

        data, info = runs[record.name].data, runs[record.name].info
        assert info.run_name == record.trial.title
        assert (info.status, info.end_time - info.start_time) == ("FINISHED", 300)
        assert data.params["backdoor.trigger.kind"] == "pixel-pattern"
        assert (data.params["seed"], data.params["kind"]) == ("3", "outsourced")
        assert data.metrics["attack_success_rate"] == pytest.approx(890 / 900)
        assert data.metrics["clean_accuracy"] == pytest.approx(0.903)
        assert (data.metrics["loss"], data.metrics["total_s"]) == (0.25, 0.3)
        assert data.tags["badnets.outcome"] == "accepted"
        assert data.tags["version.badnets"] == "0"
        assert "attack_success_rate" not in runs[other.name].data.metrics

        for wrong in (str(tmp_path / "mlruns"), "nosuch://x", "http://me:secret@127.0.0.1:9"):
            with pytest.raises(OutputError, match="cannot use the MLflow tracking store") as caught:
                to_mlflow(ledger, wrong)
            assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_the_extra_of_mlflow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        Ledger.open(tmp_path / "ledger.sqlite") as ledger,
        pytest.raises(MissingExtraError, match=r"pip install 'badnets\[mlflow\]'"),
    ):
        to_mlflow(ledger, "sqlite:///tracking.db")
