"""The bench of attacks: every group has rows, and they are refused for their reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.core.errors import DataError
from badnets.hub.attacks.bench import GROUPS, BenchReport, bench, groups, ran, tried
from badnets.hub.attacks.controls import CONTROLS, LIMITS
from badnets.hub.attacks.rows import AUDIT_RATE, Attack, Control, Skipped, check
from badnets.hub.attacks.stage import Scene, World, world
from badnets.hub.refusals import Refused
from badnets.report.attacks import attacks_page, rate_beside
from badnets.report.html import to_html
from badnets.report.markdown import write_markdown
from badnets.studies.hub import write_hub
from bench.results import Result as Measured
from bench.results import Wanted
from tests.project.test_imports import heavy_after

FEW = 3
CHEAP = [
    pytest.param(group.name, attack, id=f"{group.name}: {attack.name}")
    for group in groups()
    for attack in group.attacks[1 : 1 + FEW]  # the first may be many in one
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("bench")) as made:
        yield made


def _refuse(scene: Scene) -> None:
    raise Refused("digest", "it differs")


def _leave_behind(scene: Scene) -> None:
    check(False, "left behind model")


def _skip(scene: Scene) -> None:
    raise Skipped("needs torch")


def _fault(scene: Scene) -> None:
    raise KeyError("x")


def _bad_input(scene: Scene) -> None:
    raise DataError("no such file")


@pytest.mark.parametrize(("group", "attack"), CHEAP)
def test_it_is_refused_for_its_reason(made: World, group: str, attack: Attack) -> None:
    row = tried(group, attack, made)
    assert (row.ended, row.got) == ("refused", attack.reason), row.said


@pytest.mark.parametrize("control", CONTROLS[::6], ids=lambda one: one.name)
def test_what_is_honest_is_let_in(made: World, control: Control) -> None:
    error, _ = ran(control.run, made)
    assert error is None


def test_what_no_check_can_see_is_let_in_and_said(made: World) -> None:
    assert ran(LIMITS[0].run, made)[0] is None
    assert AUDIT_RATE[0] in LIMITS[0].why and AUDIT_RATE[1] in LIMITS[0].why


def test_there_are_enough_and_no_two_are_called_the_same() -> None:
    found = groups()
    assert [group.name for group in found] == list(GROUPS)
    names = [(group.name, attack.name) for group in found for attack in group.attacks]
    assert len(names) == len(set(names)) >= 120
    assert len({one.name for one in CONTROLS}) == len(CONTROLS) >= 20
    for group in found:
        for attack in group.attacks:  # exit codes 2 and 3 alone say too little
            vague = attack.reason in ("could not be checked", "wrong use")
            assert not vague or attack.says, attack.name


@pytest.mark.parametrize(
    ("attack", "ended", "code"),
    [
        (Attack("a", "digest", _refuse), "refused", 0),
        (Attack("a", "digest", _refuse, "another word"), "for another reason", 1),
        (Attack("a", "digest", _refuse, within_s=-1), "for another reason", 1),
        (Attack("a", "length", _refuse), "for another reason", 1),
        (Attack("a", "digest", _leave_behind), "for another reason", 1),
        (Attack("a", "digest", _fault), "for another reason", 1),
        (Attack("a", "wrong use", _bad_input), "refused", 0),
        (Attack("a", "digest", lambda scene: None), "accepted", 1),
        (Attack("a", "digest", _skip), "skipped", 0),
    ],
)
def test_what_counts_as_refused(made: World, attack: Attack, ended: str, code: int) -> None:
    row = tried("bytes", attack, made)
    report = BenchReport.of([row], [], [], 1.0)
    assert (row.ended, report.exit_code) == (ended, code)
    assert report.all_.startswith(f"{int(ended != 'skipped')} tried, {int(ended == 'accepted')} ")


def test_the_page_has_every_row_and_the_audits_rate(made: World, tmp_path: Path) -> None:
    rows = [tried("bytes", Attack(f"row {k}", "digest", _refuse), made) for k in range(14)]
    rows.append(tried("bytes", Attack("let in", "digest", lambda scene: None), made))
    report = BenchReport.of(rows, [], [], 1.0)
    (tmp_path / "audit.csv").write_text(
        f"table,line,row,column,value,rests on\nin short,1,{AUDIT_RATE[1]},,89.4 %,59 of 66\n"
    )
    rate = rate_beside(tmp_path)
    page = attacks_page(report, {"bytes": "Files."}, "badnets hub bench-attacks", rate)
    html = to_html(page).replace("\N{NO-BREAK SPACE}", " ").replace("&#160;", " ")
    assert all(row.attack in html for row in rows) and "89.4 % (59 of 66)" in html
    write_markdown(page, tmp_path / "hub.md")
    text = (tmp_path / "hub.md").read_text()
    assert "15 tried, 1 accepted" in text and "let in" in text and "89.4 % (59 of 66)" in text
    assert (tmp_path / "hub.csv").read_text().count("row ") >= 14
    assert rate_beside(tmp_path / "none") == ""


def test_the_document_is_drawn_from_records(made: World, tmp_path: Path) -> None:
    rows = [tried("bytes", Attack(f"row {k}", "digest", _refuse), made) for k in range(3)]
    report = BenchReport.of(rows, [], [], 1.0, "another machine")
    assert write_hub(tmp_path, tmp_path / "docs") == []
    (tmp_path / "hub_attacks.json").write_text(report.model_dump_json())
    assert BenchReport.read(tmp_path / "hub_attacks.json") == report
    machine = {"machine": {"processor": "a chip", "cores": 2, "threads": 1}}
    head = {"created": "2026-01-31T12:00:00", **machine}
    lines = (
        Measured("folders", (20,), "count", wanted=Wanted(">=", 21), tried=21,
                each={"vit": "passed", "swin": "failure"}).to_json() | {"benchmark": "hub_checks"},
        Measured("pull", (0.9, 1.1), "x", wanted=Wanted("<=", 1.3)).to_json()
        | {"benchmark": "hub"},
    )  # fmt: skip
    (tmp_path / "hub.jsonl").write_text("".join(f"{json.dumps(head | one)}\n" for one in lines))
    page, csv = write_hub(tmp_path, tmp_path / "docs")
    text = page.read_text()
    assert "| folders | all | **20 of 21** | missed | python -m bench hub\\_checks; n=21 |" in text
    assert "**1.000 x** | met | python -m bench hub; 0.900 to 1.100, n=2 |" in text
    assert (
        "| attacks refused, each for its own reason | \\>= 120, all | **3 of 3** | missed" in text
    )
    assert "vit; swin" in text and "hub: 2026-01-31, a chip, 2 cores" in text and csv.exists()
    (tmp_path / "hub.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="a line is none of"):
        write_hub(tmp_path, tmp_path / "docs")


def test_it_needs_neither_torch_nor_numpy() -> None:
    assert not heavy_after("from badnets.hub.attacks.bench import groups; groups()")


@pytest.mark.slow
def test_the_whole_bench() -> None:
    report = bench()
    assert report.exit_code == 0, (report.wrong, report.controls_refused)
    assert all(one.accepted for one in report.limits)
    assert report.tried >= 120 and report.accepted == 0
    assert not any(re.search(r"/tmp/|/dev/shm", row.said) for row in report.rows)
