"""Exports: JSON holds everything and comes back, CSV holds what fits a table."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import LedgerError, OutputError, SettingError, UnknownNameError
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.ledger import FORMATS, ImportCount, Ledger, read_records, write_records
from badnets.ledger.columns import COLUMNS
from badnets.ledger.exports import PICTURES, csv_cell
from badnets.scenarios.resisting import RESISTANCES
from badnets.trials.record import Record
from badnets.trials.trial import TRIAL
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial, record_of

RECORDS = [
    record_of(clean_trial(0)),
    record_of(attacked_trial(1, control=clean_trial(0)), bundle="0" * 64),
    record_of(attacked_trial(2), loss=1e-17),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        opened.add_all(RECORDS)
        yield opened


def test_json_comes_back(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "out" / "records.json"
    assert ledger.export(path) == 3
    assert read_records(path) == sorted(RECORDS, key=lambda record: record.name)
    with Ledger.open(tmp_path / "other.sqlite") as other:
        other.add(RECORDS[0])
        assert other.import_(path) == ImportCount(added=2, already=1)
        assert other.import_(path) == ImportCount(added=0, already=3)
        assert list(other.records()) == list(ledger.records())


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_equal_records_give_equal_bytes(tmp_path: Path, kind: str) -> None:
    write_records(RECORDS, tmp_path / f"one.{kind}")
    write_records(reversed(RECORDS), tmp_path / "two", kind)
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / "two").read_bytes()


def test_json_is_one_document_with_a_line_for_each_field(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    write_records(RECORDS, path)
    document = json.loads(path.read_text("utf-8"))
    assert document["format"] == 1
    assert [each["name"] for each in document["records"]] == sorted(
        record.name for record in RECORDS
    )
    before = path.read_text("utf-8").splitlines()
    other = RECORDS[0].model_copy(update={"reason": "another"})
    write_records([other, *RECORDS[1:]], path)
    after = path.read_text("utf-8").splitlines()
    assert sum(one != two for one, two in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_no_records_make_a_file_too(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"none.{kind}"
    write_records([], path)
    if kind != "csv":
        assert read_records(path) == []


def test_csv_is_a_table_of_numbers(ledger: Ledger, tmp_path: Path) -> None:
    ledger.export(tmp_path / "records.csv", names=[RECORDS[0].name, RECORDS[1].name])
    with (tmp_path / "records.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    clean, attacked = rows[RECORDS[0].name], rows[RECORDS[1].name]
    fixed = [column.name for column in COLUMNS]
    assert list(clean)[: len(fixed)] == fixed
    assert float(clean["clean_accuracy"]) == 0.9
    assert clean["trigger"] == clean["attack_success_rate"] == clean["poisoning_rate"] == ""
    assert attacked["title"] == RECORDS[1].trial.title
    assert (attacked["target_label"], attacked["source_class"]) == ("1", "")
    assert float(attacked["attack_success_rate"]) == 890 / 900
    assert float(attacked["poisoning_rate"]) == 0.1


def test_csv_is_not_read_back(ledger: Ledger, tmp_path: Path) -> None:
    ledger.export(tmp_path / "records.csv")
    with pytest.raises(SettingError, match="holds only a part of each record"):
        ledger.import_(tmp_path / "records.csv")


def table_of(records: list[Record], folder: Path) -> list[dict[str, str]]:
    """Return the rows of records that were exported as CSV."""
    write_records(records, folder / "records.csv")
    with (folder / "records.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def altered(change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = RECORDS[1].model_dump(mode="json")
    change(fields)
    return json.dumps({"format": 1, "records": [fields]}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense", "is not JSON"),
        (b'{"format": 1, "records": [{"a": 1, "a": 2}]}', "gives the key 'a' twice"),
        (b'{"format": 2, "records": []}', "exported by a newer badnets"),
        (b'{"records": []}', "not an export of records"),
        (b"[]", "not an export of records"),
        (b'{"format": 1, "records": [3]}', "a record in .* does not fit"),
        (altered(lambda fields: fields.pop("clean")), "clean: Field required"),
        (altered(lambda fields: fields.update(colour="red")), "colour: Extra inputs"),
        (altered(lambda fields: fields.update(name="0" * 16)), "is not named after its trial"),
        (altered(lambda fields: fields["trial"].update(seed=9)), "is not named after its trial"),
        (altered(lambda fields: fields["clean"].update(accuracy=[955, 500])), "955 of 500"),
        (altered(lambda fields: fields["attack"].update(success=[-5, 500])), "-5 of 500"),
        (altered(lambda fields: fields["clean"].update(accuracy=[955, 1000])), "contradicts"),
        (altered(lambda fields: fields["clean"].update(predicted_counts=[-1, 3])), "greater than"),
        (altered(lambda fields: fields.update(reason="fine\x1b[31m")), "on one line"),
        (altered(lambda fields: fields.update(reason="fine\n5f1c  forged")), "on one line"),
        (altered(lambda fields: fields["trial"].update(data="a\nb")), "on one line"),
        (
            altered(lambda fields: fields["provenance"]["machine"].update(processor="\x07")),
            "on one line",
        ),
    ],
)
def test_json_that_is_not_an_export(
    ledger: Ledger, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(LedgerError, match=message) as caught:
        ledger.import_(tmp_path / "bad.json")
    assert "\n" not in str(caught.value)
    assert len(ledger) == 3


def test_what_the_user_decides_follows_from_counts_and_target(tmp_path: Path) -> None:
    honest = record_of(clean_trial(0))
    forged = honest.model_copy(update={"trial": honest.trial.model_copy(update={"seed": 5})})
    low = forged.trial.model_copy(update={"target_accuracy": 0.99})
    forged = forged.model_copy(update={"trial": low, "name": low.name, "outcome": "accepted"})
    write_records([forged, honest], tmp_path / "forged.json")
    found = {record.name: record for record in read_records(tmp_path / "forged.json")}
    assert found[honest.name] == honest
    assert found[forged.name].outcome == "rejected" and "99 % wanted" in found[forged.name].reason


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_of_csv_is_a_formula(start: str) -> None:
    assert csv_cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert (csv_cell("patch:2"), csv_cell(-0.5), csv_cell(None)) == ("patch:2", -0.5, None)


def test_a_hostile_name_of_data_is_no_formula_in_csv(tmp_path: Path) -> None:
    (row,) = table_of([record_of(clean_trial(data="=1+1"))], tmp_path)
    assert row["data"] == "'=1+1" and row["title"].startswith("'=1+1, ")


def test_a_file_that_is_there_is_replaced_only_when_asked(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text("mine")
    with pytest.raises(SettingError, match="is there already: name another file, or give --force"):
        ledger.export(path, replace=False)
    assert path.read_text() == "mine"
    assert ledger.export(path, replace=True) == 3


def test_csv_has_a_column_for_each_setting_that_differs(tmp_path: Path) -> None:
    records = [
        record_of(
            attacked_trial(0).model_copy(
                update={"backdoor": Backdoor(Patch(size, opacity=opacity), AllToOne(1), 0.05)}
            )
        )
        for size, opacity in ((2, 1.0), (0.1, 0.5))
    ]
    fallen = records[0].model_copy(update={"outcome": "collapsed"})
    rows = table_of([fallen, records[1]], tmp_path)
    found = {row["trigger_settings"]: row for row in rows}
    assert found.keys() == {"patch:2", "patch:0.1,1x1x1,0.5"}
    assert {row["trigger_size"] for row in rows} == {"2", "0.1"}
    assert {row["backdoor.trigger.opacity"] for row in rows} == {"1.0", "0.5"}
    assert {(row["asked_rate"], row["poisoning_rate"]) for row in rows} == {("0.05", "0.1")}
    assert found["patch:2"]["attack_success_rate"] == "", "a network that learned nothing"


def test_csv_says_how_a_network_was_repaired_or_resisted(tmp_path: Path) -> None:
    start = attacked_trial(0)
    repaired = TRIAL.validate_python({"kind": "repaired", "start": start, "method": "fine-tuning"})
    resisting = start.model_copy(update={"resist": RESISTANCES.parse("anti-backdoor")})
    rows = table_of([record_of(one) for one in (start, repaired, resisting)], tmp_path)
    found = {(row["repair"], row["resist"]) for row in rows}
    assert found == {("", ""), ("fine-tuning", ""), ("", "anti-backdoor")}


def test_formats_and_files_that_are_not_there(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"does not end in \.json, \.csv"):
        ledger.export(tmp_path / "records.xml")
    with pytest.raises(UnknownNameError, match="unknown format 'jsn': did you mean 'json'"):
        ledger.export(tmp_path / "records", "jsn")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(LedgerError, match=r"pipe\.json: not a regular file"):
        read_records(tmp_path / "pipe.json")
    with pytest.raises(LedgerError, match=r"cannot read .*: No such file"):
        ledger.import_(tmp_path / "none.json")


def test_an_export_that_fails_leaves_the_one_before(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.json"
    path.write_text("the one before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="no space is left"):
        ledger.export(path)
    assert path.read_text() == "the one before"


def test_arrays_travel_with_an_export(tmp_path: Path) -> None:
    here, there = Workspace(tmp_path / "here"), Workspace(tmp_path / "there")
    filters = np.arange(6, dtype=np.float32).reshape(2, 3)
    record = record_of(clean_trial(), arrays={"filters": here.put_array(filters)})
    path = tmp_path / "results" / "records.json"
    with Ledger.open(here.ledger_file) as ledger:
        ledger.add(record)
        with pytest.raises(LedgerError, match="name it"):
            ledger.export(path, arrays=True)
        ledger.export(path, arrays=True, workspace=here)
        ledger.export(path, arrays=True, workspace=here)
    beside = Workspace(path.parent)  # what is committed can be drawn from without an import
    assert np.array_equal(beside.get_array(record.arrays["filters"]), filters)
    with Ledger.open(there.ledger_file) as ledger:
        assert ledger.import_(path, workspace=there).added == 1
    assert np.array_equal(there.get_array(record.arrays["filters"]), filters)


def test_arrays_that_are_missing_or_damaged(tmp_path: Path) -> None:
    here = Workspace(tmp_path / "here")
    ref = here.put_array(np.zeros(3))
    path = tmp_path / "results" / "records.json"
    with Ledger.open(here.ledger_file) as ledger:
        ledger.add(record_of(clean_trial(), arrays={"zeros": ref}))
        file = here.arrays / f"{ref.sha256}.npy"
        file.write_bytes(b"other")
        with pytest.raises(LedgerError, match="has changed since it was written"):
            ledger.export(path, arrays=True, workspace=here)
        file.unlink()
        with pytest.raises(LedgerError, match="cannot read array"):
            ledger.export(path, arrays=True, workspace=here)
    assert not path.exists()


def test_pictures_of_the_data_can_be_left_out(tmp_path: Path) -> None:
    room = Workspace(tmp_path / "room")
    room.prepare()
    images, filters = np.arange(8, dtype=np.uint8), np.arange(4, dtype=np.float32)
    arrays = {"filters": room.put_array(filters)} | dict.fromkeys(PICTURES, room.put_array(images))
    with Ledger.open(room.ledger_file) as opened:
        opened.add(record_of(clean_trial(), arrays=arrays))
        opened.export(tmp_path / "out.json", arrays=True, pictures=False, workspace=room)
    (record,) = read_records(tmp_path / "out.json")
    assert record.arrays == {"filters": arrays["filters"]}
    kept = [path.stem for path in (tmp_path / "arrays").iterdir()]
    assert kept == [arrays["filters"].sha256]


def test_an_export_may_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "records.json.gz"
    write_records(RECORDS, path)
    first = path.read_bytes()
    write_records(RECORDS, path)
    assert path.read_bytes() == first, "equal records, equal bytes"
    assert read_records(path) == sorted(RECORDS, key=lambda record: record.name)
    path.write_bytes(first[:-20])
    with pytest.raises(LedgerError, match="not a sound gzip file"):
        read_records(path)
