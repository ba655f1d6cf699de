"""Every benchmark runs at a tiny size and says what it found. No test asserts a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench
from badnets.core.errors import DataError
from badnets.data.mnist import FOLDER, UNPACKED
from bench import __main__ as command
from bench.images import mnist_like
from bench.one import measure
from bench.results import Result
from bench.scales import SCALES
from bench.settings import FROM_FILES, from_files, trials

# several processes, or trainings
LONG = (
    *("accuracy", "audit", "classes", "cohort", "detector", "drivers", "guard", "ledger_scale"),
    *("memory", "on_disk", "pool", "streaming", "sweep_kills", "sweeps", "sweeps_ray"),
)


@pytest.fixture(autouse=True)
def no_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine without MNIST: nothing is downloaded, the digits take its place."""
    monkeypatch.setenv("BADNETS_DATA", str(tmp_path))


@pytest.mark.timeout(600)  # processes that import torch: slow where much else runs
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the DataLoader's workers
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
        for name in bench.BENCHMARKS
    ],
)
def test_it_runs_and_prints_its_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = measure(name, SCALES["tiny"])
    *printed, where = capsys.readouterr().out.splitlines()
    assert len(printed) == len(lines) > 0
    for line, text in zip(lines, printed, strict=True):
        result = Result.from_json(json.loads(json.dumps(line)))
        assert text == f"{name}: {result.line}"
        assert "range" in text
        assert f"n={len(result.values)}" in text
        assert result.value > 0 or result.unit in ("%", "count")
        assert result.verdict in ("not judged", "")
    assert any(line["wanted"] for line in lines)
    for word in ("cores", "threads", "torch", "python", "badnets"):
        assert word in where


def test_the_command_runs_each_in_a_process_and_adds_to_a_file(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text('{"an": "earlier line"}\n{"benchmark": "startup", "an": "old line"}\n')
    asked = ["startup", "startup", "--quick", "--json", str(kept), "--replace"]
    assert command.main(asked) == 0
    out = capfd.readouterr().out
    assert "startup: badnets --help" in out
    assert "wanted" in out.splitlines()[-4]
    first, *lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert first == {"an": "earlier line"}
    assert [(line["benchmark"], line["scale"]) for line in lines] == [("startup", "quick")]
    assert lines[0]["machine"]["cores"] >= 1
    assert "torch" in lines[0]["versions"]


def test_an_unknown_benchmark_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["lop"]) == 2
    error = capsys.readouterr().err
    assert "did you mean 'loop'?" in error
    assert error.count("\n") == 1


def test_without_mnist_the_digits_take_its_place_and_that_is_said() -> None:
    found = mnist_like(2000)
    assert (len(found.data.train), len(found.data.test)) == (2000, 10_000)
    assert "MNIST was not found" in found.with_note("small")


def test_a_damaged_mnist_is_not_replaced_in_silence(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    for name in UNPACKED:
        (folder / name).write_bytes(b"not what it says")
    with pytest.raises(DataError):
        mnist_like(2000)


def test_every_benchmark_is_a_module_that_says_what_it_does() -> None:
    folder = Path(bench.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "\ndef run(" in path.read_text()}
    assert modules == set(bench.BENCHMARKS) | set(bench.COUNTS)


def test_the_trials_of_the_pool_share_nothing() -> None:
    listed = trials("mnist", SCALES["full"])
    assert len({trial.name for trial in listed}) == SCALES["full"].trials
    assert not any(trial.requires() for trial in listed)


def test_only_the_full_scale_trains_as_long_as_the_settings_say() -> None:
    assert from_files(SCALES["full"]) == FROM_FILES
    assert from_files(SCALES["quick"]).epochs == 1
