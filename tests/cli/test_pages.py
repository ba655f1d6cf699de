"""badnets study, report and results: from trials to a page, and from records to a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from badnets.data import mnist
from badnets.studies.catalogue import STUDIES, Entry
from tests.cli.conftest import Cli


@pytest.fixture(autouse=True)
def small_study(monkeypatch: pytest.MonkeyPatch, toys: object) -> None:
    entry = Entry("tests.cli.small_study:make", "the demo, small", data="digits")
    monkeypatch.setitem(STUDIES, "small", entry)


def test_a_study_is_run_and_drawn_then_drawn_again_without_training(
    cli: Cli, tmp_path: Path
) -> None:
    first = cli("study", "small", "--workers", "1")
    assert (first.code, first.out) == (0, "runs/small.html\n")
    page = tmp_path / "runs" / "small.html"
    drawn = page.read_bytes()
    page.unlink()

    again = cli("study", "small", "--json")
    assert json.loads(again.out) == {"page": "runs/small.html", "complete": True}
    assert again.err == ""
    assert page.read_bytes() == drawn

    assert cli("report", "small", "--out", "pages").out == "pages/small.html\n"
    assert (tmp_path / "pages" / "small.html").read_bytes() == drawn
    assert cli("report").out == "runs/small.html\n", "each study that has records"
    assert "`badnets report small` draws those" in cli("report", "small", "--quick").refused()

    assert cli("ledger", "export", "results/small.json", "--arrays").code == 0
    elsewhere = ("--workspace", "empty")
    argv = ("report", "small", "--records", "results/small.json", "--out", "again", *elsewhere)
    assert cli(*argv).code == 0
    assert (tmp_path / "again" / "small.html").read_bytes() == drawn

    assert cli("results", "results", "docs").out == "docs/small.md\ndocs/leaderboard.md\n"
    text = (tmp_path / "docs" / "small.md").read_text()
    assert "It passes every test" in text
    assert list((tmp_path / "docs" / "small").glob("*.svg"))


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("study", "smal"), 2, "unknown study 'smal': did you mean 'small'"),
        (("study", "mnist", "--data", "digts"), 2, "did you mean 'digits'"),
        (("report", "minst"), 2, "did you mean 'mnist'"),
        (("report", "small"), 3, "there is no ledger"),
        (("report", "--quick"), 2, "name it"),
        (("report", "small", "--records", "none.json"), 3, "cannot read none.json"),
        (("results", "nowhere", "docs"), 2, "no export of a study in nowhere"),
        (("ledger", "export", "out.json", "--data", "lisa"), 2, "give --study too"),
    ],
)
def test_what_is_not_there_is_one_line(
    cli: Cli, argv: tuple[str, ...], code: int, said: str
) -> None:
    assert said in cli(*argv).refused(code)


def test_records_of_other_trials_make_no_page(cli: Cli) -> None:
    cli("train", "--data", "halves", "--network", "tiny", "--epochs", "1")
    assert "`badnets study small` makes them" in cli("report", "small").refused(2)


def test_a_recipe_beside_its_export_has_a_document_too(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine.yaml").write_text(
        "{data: halves, network: tiny, training: {epochs: 1}, target_accuracy: 0.5}"
    )
    cli("run", "results/mine.yaml", "--workers", "1")
    assert cli("ledger", "export", "results/mine.json").code == 0
    assert cli("results", "results", "docs").out == "docs/mine.md\ndocs/leaderboard.md\n"
    assert "halves, tiny, clean, seed 0" in (tmp_path / "docs" / "mine.md").read_text()


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        (("mnist", "--quick"), "mnist --data digits --quick"),
        (("dogs-vs-cats", "--data", "dogs-vs-cats"), "dogs-vs-cats --data pets-drawn"),
    ],
)
def test_a_study_whose_data_is_missing_says_first_what_runs_without(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], instead: str
) -> None:
    monkeypatch.setattr(mnist.load, "__kwdefaults__", {"progress": None, "mirrors": ()})
    ended = cli("study", *options, "--workers", "1", "--data-root", "nowhere")
    line = ended.refused(2, after_work=True)
    assert line.startswith(f"`badnets study {instead}` needs no download. ")
