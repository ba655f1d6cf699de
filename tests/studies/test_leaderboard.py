"""The leaderboard: what stands in a row, what is left out, and what makes it again."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from badnets.core.errors import LedgerError, SettingError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.evaluate.results import AttackResult
from badnets.ledger import Ledger, write_records
from badnets.ledger.columns import stored_row
from badnets.recipes import load_recipe
from badnets.report import to_markdown
from badnets.report.page import Table, tables
from badnets.studies.audit.trials import CLEAN
from badnets.studies.defended.trials import make
from badnets.studies.leaderboard.beside import beside
from badnets.studies.leaderboard.entries import Entry, from_records, from_rows
from badnets.studies.leaderboard.gathering import Gathered, gather
from badnets.studies.leaderboard.looks import (
    AUDIT,
    DATA_AUDIT,
    GUARD,
    ZOO_AUDIT,
    from_observations,
    from_repairs,
    looks,
)
from badnets.studies.leaderboard.matrices import matrices
from badnets.studies.leaderboard.naming import (
    AS_PUBLISHED,
    AS_TRAINED,
    NO_BACKDOOR,
    attack_name,
    band,
    defence_name,
    implanted,
    is_plain,
    place_of,
)
from badnets.studies.leaderboard.page import Leaderboard
from badnets.studies.leaderboard.recipes import recipe
from badnets.studies.leaderboard.rows import Row, rows
from badnets.studies.leaderboard.writing import to_csv, write_document, write_leaderboard
from badnets.studies.running import listed
from badnets.studies.variants import variants
from badnets.studies.wording import DASH
from badnets.train.settings import Training
from badnets.trials.base import Attack
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.record import Record
from badnets.trials.trial import TRIAL
from tests.ledger.samples import attacked_trial, clean_trial, record_of
from tests.studies.cases import CASES
from tests.studies.made_digits import DigitMaker
from tests.studies.made_records import Run, changed
from tests.studies.pages import sound

ROOT = Path(__file__).parents[2]


@cache
def defended(data: str = "digits") -> Run:
    return Run.of(make(data), DigitMaker())


def read(records: Sequence[Record]) -> Gathered:
    """Return what the leaderboard reads of records, without a file."""
    entries = list(from_records(records))
    by_name = {one.name: one for one in records}
    seen = (from_observations(one, by_name[one.name].observations) for one in entries)
    depths = {
        one.name: found for one in records if (found := one.observations.get("depth")) is not None
    }
    glances = [*(one for some in seen for one in some), *from_repairs(entries)]
    return Gathered(entries, glances, depths)  # type: ignore[arg-type]


def row_of(found: Gathered, attack: str, defence: str, rates: str | None = None) -> Row:
    (row,) = (
        row
        for row in rows(found.entries, found.depths)
        if (row.key.attack, row.key.defence) == (attack, defence) and rates in (None, row.key.rates)
    )
    return row


def test_columns_say_the_same_as_whole_records() -> None:
    runs = [defended(), *(Run.of(CASES[name][0](), CASES[name][1]()) for name in ("retraining",))]
    records = [one for run in runs for one in run.records.values()]
    columns = list(from_rows(stored_row(one) for one in records))
    assert columns == list(from_records(records))
    assert {one.family.defence.partition(":")[0] for one in columns} == {
        AS_TRAINED, "repaired", "retrained", "trained",
    }  # fmt: skip


def test_a_row_is_the_mean_over_the_networks_that_count() -> None:
    found = read(list(defended().records.values()))
    trained, repaired = (row_of(found, "patch", how) for how in (AS_TRAINED, "repaired: auto"))
    assert len(trained.counted) == len(repaired.counted) == 3
    assert f"{100 * repaired.clean.mean:.1f} {100 * repaired.success.mean:.1f}" == "99.0 1.9"
    assert trained.success.mean > 0.99 and repaired.success.interval.high < 0.05
    assert repaired.again.mean == pytest.approx(0.4)
    assert repaired.again_control.mean == pytest.approx(0.04)
    assert repaired.losses == pytest.approx([1 - repaired.clean.mean] * 3, abs=1e-3)
    anew = row_of(found, "patch", "trained: anti-backdoor")
    was = {one.seed: one.clean.value for one in trained.counted}
    assert anew.losses == pytest.approx([was[one.seed] - one.clean.value for one in anew.counted])


def test_a_network_that_collapsed_is_named_and_in_no_mean() -> None:
    run = defended()
    fallen = run.trials["anti-backdoor: patch"][:1]
    found = read(list(run.collapse(fallen).records.values()))
    row = row_of(found, "patch", "trained: anti-backdoor")
    assert [one.name for one in row.fallen] == [fallen[0].name] and len(row.counted) == 2
    board = Leaderboard(found, "some", "some.csv")
    assert "1 network collapsed" in to_markdown(board.page).text
    lines = csv.DictReader(to_csv(board).splitlines())
    line = next(one for one in lines if one["row"] == row.key.name)  # it names the records
    assert (line["networks"], line["collapsed"]) == ("2", "1") and fallen[0].name in line["records"]
    every = read(list(run.collapse(run.trials["anti-backdoor: patch"]).records.values()))
    row = row_of(every, "patch", "trained: anti-backdoor")
    assert not row.counted and not row.success
    assert "collapsed" in to_markdown(Leaderboard(every, "some", "some.csv").page).text


def test_a_backdoor_that_hardly_worked_before_does_not_count() -> None:
    run = defended()
    one = run.records[run.trials["auto: patch"][0].name]
    assert one.repair is not None and one.repair.attack is not None
    was: AttackResult = one.repair.attack
    total = was.success.total
    weak = was.model_copy(update={"success": Rate(total // 2, total)})
    repair = one.repair.model_copy(update={"attack": weak})
    records = run.with_records([changed(one, repair=repair)]).records
    row = row_of(read(list(records.values())), "patch", "repaired: auto")
    assert len(row.counted) == 2 and [each.name for each in row.weak] == [one.name]


def test_the_control_is_a_clean_network_on_the_same_images() -> None:
    run = defended()
    start, repair = (run.records[run.trials[name][0].name] for name in ("patch", "auto: patch"))
    assert start.attack is not None and repair.attack is not None
    bare = changed(start, attack=start.attack.model_copy(update={"control": None}))
    (own,) = row_of(read([bare, repair]), "patch", AS_TRAINED).counted
    assert own.control == repair.attack.control is not None


def test_what_looking_says_stands_beside_what_it_says_of_clean_ones() -> None:
    found = read(list(defended().records.values()))
    said = {
        (one.look, one.key.defence): one
        for one in looks(found.glances)
        if one.key.attack == "patch"
    }
    came, kept = said[AUDIT, AS_TRAINED], said[AUDIT, "repaired: auto"]
    assert came.called == Rate(3, 3) and came.alarms == Rate(3, 3)
    assert kept.called == Rate(0, 3) and kept.alarms == Rate(0, 3)
    data, guard = said[DATA_AUDIT, AS_TRAINED], said[GUARD, AS_TRAINED]
    assert data.called == Rate(3, 3) and data.images("found").value == 1
    assert guard.images("passed") == Rate(24, 300) and not guard.called.total
    assert said[GUARD, "repaired: auto"].images("found") == Rate(270, 300)


def test_audits_are_those_of_the_audit_study() -> None:
    found = gather(None, [ROOT / "results" / "audit_cifar10_jpeg.json.gz"])
    said = {one.key.attack: one for one in looks(found.glances) if one.look == ZOO_AUDIT}
    assert said["patch"].called == Rate(2, 2) and said["sinusoid"].called == Rate(0, 2)
    assert {one.alarms for one in said.values()} == {Rate(0, 10)}
    assert "all to all" not in said, "its backdoor hardly works"


def test_gaps_are_shown_as_gaps() -> None:
    run = defended().missing("auto: warp", "retrained: warp")
    found = read(list(run.records.values()))
    (table,) = matrices(list(rows(found.entries, found.depths)), list(looks(found.glances)))
    assert isinstance(table, Table)
    heads = [column.whole for column in table.columns]
    line = {one[0].text: one for one in table.rows}["warp"]
    texts = dict(zip(heads, (cell.text for cell in line), strict=True))
    assert texts["repaired: auto"] == texts["retrained: all layers"] == DASH
    assert texts["as trained"] != DASH != texts["trained: anti backdoor"]


def test_networks_of_several_settings_say_so() -> None:
    lrs = (0.004, 0.002)
    trials = [
        attacked_trial(seed, control=base).model_copy(update={"training": Training(lr=lr)})
        for lr, base in zip(lrs, (None, clean_trial(0)), strict=True)
        for seed in (1, 2)
    ]
    found = read([record_of(trial) for trial in trials])
    (row,) = (row for row in rows(found.entries, {}) if len(row.counted) == 4)
    assert row.pooled.settings == 2 and row.pooled.differ_in == ("lr",)
    board = Leaderboard(found, "some", "some.csv")
    (whole,) = (table for table in tables(board.page) if "Attack by attack" in table.title)
    line = next(line for line in whole.rows if line[4].text == "4")
    assert line[4].under == "2 settings" and line[4].note == "settings differ in lr"
    assert line[5].under.count(" to ") == 1, "no interval of images over several settings"
    (told,) = (one for one in csv.DictReader(to_csv(board).splitlines()) if one["differ_in"])
    assert (told["settings"], told["differ_in"]) == ("2", "lr")
    alike = read([record_of(attacked_trial(seed)) for seed in (1, 2)])
    assert all(not row.pooled.differ_in for row in rows(alike.entries, {}))


def test_what_a_defence_costs_stands_below_what_it_leaves() -> None:
    entries = [
        one._replace(clean=Rate(500, 1000), clean_before=Rate(824, 1000))
        if (one.family.defence, one.attack) == ("repaired: auto", "patch")
        else one
        for one in read(list(defended().records.values())).entries
    ]
    (table,) = matrices(list(rows(entries, {})), [])
    assert isinstance(table, Table)
    column = [column.whole for column in table.columns].index("repaired: auto")
    below = {line[0].text: line[column].under for line in table.rows}
    assert below.pop("patch") == "\u221232" and set(below.values()) == {""}
    lines = to_markdown(Leaderboard(Gathered(entries), "some", "some.csv").page).text.splitlines()
    assert any("<sub>\u221232</sub>" in line for line in lines if line.startswith("| patch"))


def test_published_numbers_stand_beside_the_same_attack_or_say_what_differs() -> None:
    found = read(list(defended("cifar10-jpeg").records.values()))
    own = list(rows(found.entries, found.depths))
    (table,) = beside(own)
    lines = {line[0].text: [cell.text for cell in line] for line in table.rows}
    assert lines["ABL"][1:5] == ["trained: anti-backdoor", "83.32", "0.00", "89.02"]
    assert "the same attack" in lines["no defence"][-1]
    assert lines[DASH][1] in ("repaired: auto", "retrained: all layers")
    near = [row for row in own if row.key.attack != AS_PUBLISHED]
    lines = {line[0].text: [cell.text for cell in line] for line in next(iter(beside(near))).rows}
    assert "several sizes" in lines["no defence"][-1]
    assert lines["ANP"][-1] == "not run yet" and lines["ANP"][5:8] == [DASH] * 3
    assert list(beside([])) == []


@pytest.mark.parametrize("how", ["trained", "controlled", "started", "repaired", "retrained"])
def test_a_recipe_makes_the_same_trials_again(how: str, tmp_path: Path) -> None:
    lines = {
        "trained": "{data: digits, backdoor: {trigger: 'warp:2', targets: all-to-all}, "
        "seeds: [3, 5]}",
        "controlled": "{data: gtsrb, backdoor: {trigger: patch, targets: all-to-all}, seeds: [1]}",
        "started": "{data: digits, start: clean, backdoor: {trigger: patch, targets: all-to-all}}",
        "repaired": "{kind: repaired, start: {backdoor: {trigger: patch, targets: 'all-to-one:3'}, "
        "data: digits}, share: 0.5, method: fine-tuning, data: digits, seeds: [1, 2]}",
        "retrained": "{kind: transfer, data: digits, freeze: none, "
        "start: {backdoor: {trigger: patch, targets: 'all-to-one:3'}}, share: 0.5, seeds: [1, 2]}",
    }
    file, again = tmp_path / "own.yaml", tmp_path / "again.yaml"
    file.write_text(lines[how])
    trials = load_recipe(file)
    entries = list(from_records(record_of(trial) for trial in trials))
    again.write_text(recipe(entries))
    assert {one.name for one in load_recipe(again)} == {one.name for one in trials}


def test_what_was_downloaded_as_a_bundle_is_of_no_trial(tmp_path: Path) -> None:
    start = DownloadedBundle(
        sha256="0" * 64, network="gu-mnist", shape=(1, 28, 28), classes=tuple("0123456789")
    )
    attack = Attack(trigger=Patch(4), targets=AllToOne(7))
    plain = {"data": "digits", "start": start, "attack": attack, "seed": 2}
    records = [
        record_of(TRIAL.validate_python({**plain, "kind": kind}))
        for kind in ("repaired", "transfer")
    ]
    found = read([record_of(clean_trial(data="digits")), *records])
    own = [row for row in rows(found.entries, {}) if row.key.defence != AS_TRAINED]
    assert [row.key.attack for row in own] == ["patch", "patch"]
    assert [row.key.rates for row in own] == ["", ""] and not any(row.losses for row in own)
    assert '"start": {"bundle": "FOLDER"}' in recipe(own[0].counted)
    columns = list(from_rows(stored_row(one) for one in records))
    assert columns == list(from_records(records))


def test_what_rows_are_called() -> None:
    plain = {"trigger": {"kind": "patch"}, "targets": {"kind": "all-to-one"}}
    assert attack_name(plain) == "patch" and attack_name(None) == NO_BACKDOOR
    assert attack_name({**plain, "mode": "replace"}) == "patch, replaced"
    faint = {"trigger": {"kind": "blended", "opacity": 0.05}, "targets": {"kind": "all-to-all"}}
    assert attack_name(faint) == "faint, all to all"
    assert attack_name({**plain, "covers": [{"rate": 0.1}]}) == "patch, covers"
    assert [band(rate) for rate in (0.01, 0.05, 0.06, "every", None)] == [
        "0.02", "0.05", "0.1", "every", "",
    ]  # fmt: skip
    assert defence_name({}) == AS_TRAINED
    assert defence_name({"kind": "repaired"}) == "repaired: auto"
    assert defence_name({"kind": "transfer", "freeze": ["conv1"]}) == "retrained: conv1 kept"
    bundle = {"start": {"sha256": "0" * 64}, "attack": plain}
    assert implanted(bundle) == plain and implanted({"start": {}, "attack": plain}) is None
    assert is_plain("patch") and not is_plain("adaptive: large patch")


def test_every_trial_of_a_study_has_its_command() -> None:
    study = make("mnist")
    own = place_of(study.groups({})["auto: warp"][0].name, "mnist")
    assert own is not None
    assert own.attack == "warp" and own.command == "badnets study repair --data mnist"
    clean = place_of(study.groups({})[CLEAN][0].name, "mnist")
    assert clean is not None and clean.attack == NO_BACKDOOR
    for variant in variants():
        for trial in listed(variant.study.plan()):
            place = place_of(trial.name, trial.data)
            assert place is not None and place.command.startswith("badnets study ")


def test_a_ledger_and_exports_are_read_together_each_record_once(tmp_path: Path) -> None:
    run = defended()
    own = [run.records[one.name] for name in ("patch", "auto: patch") for one in run.trials[name]]
    write_records(own, tmp_path / "own.json.gz")
    with Ledger.open(tmp_path / "ledger.sqlite") as book:
        book.add_all(own[:4])
        found = gather(book, [tmp_path / "own.json.gz"])
        assert len(found.entries) == len(own) and len(found.depths) == 3
        paths, left_out = write_leaderboard(book, [], tmp_path / "page.html", "badnets leaderboard")
        assert not left_out and [path.name for path in paths] == ["page.html", "page.csv"]
        with pytest.raises(SettingError, match="is there already"):
            write_leaderboard(book, [], tmp_path / "page.html", "badnets leaderboard")


def test_damaged_records_are_named_and_left_out(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    write_records([record_of(attacked_trial(seed)) for seed in (1, 2)], file)
    document = json.loads(file.read_text())
    document["records"][0]["clean"]["accuracy"] = [0, 1000]
    file.write_text(json.dumps(document))
    found = gather(None, [file])
    assert len(found.entries) == 1 and len(found.damaged) == 1
    assert document["records"][0]["name"] in found.damaged[0]
    said = to_markdown(Leaderboard(found, "some", "some.csv").page).text
    assert "1 record left out" in said
    (tmp_path / "broken.json.gz").write_bytes(gzip.compress(b"[]"))
    with pytest.raises(LedgerError, match="not an export"):
        gather(None, [tmp_path / "broken.json.gz"])
    write_records([], file)
    with pytest.raises(SettingError, match="there are no records"):
        gather(None, [file])


def test_an_observation_that_cannot_be_read_is_left_out_alone(tmp_path: Path) -> None:
    run = defended()
    names = [one.name for one in run.trials["patch"]]
    with Ledger.open(tmp_path / "ledger.sqlite") as book:
        book.add_all(run.records[name] for name in names)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as raw, raw:
        raw.execute("update records set document = 'x' where name = ?", names[:1])
    with Ledger.open(tmp_path / "ledger.sqlite", create=False) as book:
        found = gather(book, [])
    assert len(found.entries) == 3 and len(found.damaged) == 1 and names[0] in found.damaged[0]
    assert {one.entry.name for one in found.glances} == {*names[1:]}


def test_documents_are_short_whole_and_sound(tmp_path: Path) -> None:
    run = defended()
    write_records(run.records.values(), tmp_path / "defended.json")
    files = write_document([tmp_path / "defended.json"], tmp_path / "docs", "badnets results a b")
    assert [path.name for path in files] == [f"leaderboard.{end}" for end in ("md", "html", "csv")]
    text = files[0].read_text()
    assert text.count("\n") <= 200 and "`badnets results a b`" in text
    assert "http" not in files[1].read_text().replace("http-equiv", "").replace("http://www.w3", "")
    sound(Leaderboard(read(list(run.records.values())), "some", "some.csv").page)
    lines = list(csv.DictReader(files[2].read_text().splitlines()))
    own = [one for one in lines if one["measure"] == "attack success" and one["networks"] == "3"]
    assert len(own) > 40 and {one["source"] for one in lines} == {"badnets"}


def test_few_records_make_a_page_too() -> None:
    for trials in ((clean_trial(),), (attacked_trial(),), (clean_trial(), attacked_trial())):
        board = Leaderboard(read([record_of(one) for one in trials]), "some", "some.csv")
        assert "badnets run FILE.yaml" not in sound(board.page).partition("<script")[0]
        assert f"{len(trials)} network" in to_markdown(board.page).text


def test_a_row_has_the_same_name_in_every_page() -> None:
    (first,) = rows(list(from_records([record_of(attacked_trial(1))])), {})
    (second,) = rows(list(from_records([record_of(attacked_trial(seed)) for seed in (1, 2)])), {})
    assert first.key.name == second.key.name and len(first.key.name) == 8
    other = replace(first, key=first.key._replace(defence="repaired: auto"))
    assert other.key.name != first.key.name


def test_many_networks_are_counted_in_short() -> None:
    entries = list(from_records([record_of(attacked_trial(1))]))
    many: list[Entry] = [entries[0]._replace(name=f"{k:016x}", seed=k) for k in range(500)]
    board = Leaderboard(Gathered(many), "some", "some.csv")
    html = sound(board.page)
    assert "500 networks" in html and html.count("000000000000") == 100
