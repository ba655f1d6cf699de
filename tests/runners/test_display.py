"""What a person sees: one line for each trial in a log, bars in a terminal."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from badnets.core.backdoor import Backdoor
from badnets.core.progress import Progress
from badnets.core.targets import AllToAll, SourceSpecific
from badnets.core.triggers import SinglePixel
from badnets.runners.display import Bar, Display, Lines, display_for, summary
from badnets.runners.eta import SILENCING, TimeLeft, expected_work, spoken
from badnets.runners.planning import Step
from badnets.train import Training
from badnets.trials.trial import OutsourcedTrial
from tests.ledger.samples import attacked_trial, clean_trial, record_of

ONE, TWO, THREE = (
    Step(trial, frozenset())
    for trial in (clean_trial(), attacked_trial(), OutsourcedTrial(seed=99))
)


def play(display: Display, *, interrupted: bool = False) -> None:
    display.begin([ONE, TWO, THREE], held=4, workers=2)
    display.started(ONE)
    display.started(TWO)
    display.progress(ONE, Progress(3, 10, "training"))
    display.finished(ONE, record_of(ONE.trial))
    display.progress(TWO, Progress(4, 10, "searching"))
    display.failed(TWO, "training diverged")
    display.end(interrupted=interrupted)


def test_a_log_gets_a_line_for_each_trial() -> None:
    out = io.StringIO()
    display = display_for(Console(file=out, width=40))
    assert type(display) is Lines
    play(display)
    lines = out.getvalue().splitlines()
    assert lines[0] == "3 trials to run, 2 at a time (4 more are in the ledger already)"
    assert lines[1].startswith(f"[1/3] {ONE.trial.title}: accepted, clean 90.00 % (0 s")
    assert lines[2] == f"[2/3] {TWO.trial.title}: failed: training diverged"
    assert len(lines) == 3


def test_a_log_says_what_is_noted_in_one_line() -> None:
    out = io.StringIO()
    display = display_for(Console(file=out, width=40))
    display.note("trials run on the Ray cluster at 10.0.0.1:6379")
    assert out.getvalue() == "trials run on the Ray cluster at 10.0.0.1:6379\n"


def test_namesakes_are_told_apart_by_what_differs() -> None:
    out = io.StringIO()
    display = display_for(Console(file=out, width=40))
    steps = [Step(OutsourcedTrial(training=Training(epochs=n)), frozenset()) for n in (2, 3)]
    display.begin(steps, held=0, workers=1)
    display.failed(steps[1], "training diverged")
    assert "seed 0 (epochs 3): failed" in out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_an_interrupt_says_what_is_kept_and_how_to_go_on(terminal: bool) -> None:
    out = io.StringIO()
    play(display_for(Console(file=out, force_terminal=terminal, width=120)), interrupted=True)
    assert "interrupted: 1 of 3 trials done and kept; the same command goes on" in out.getvalue()


def test_a_terminal_shows_bars_and_keeps_the_lines() -> None:
    out = io.StringIO()
    display = display_for(Console(file=out, force_terminal=True, width=120))
    assert isinstance(display, Bar)
    play(display)
    assert ONE.trial.title in out.getvalue()
    assert "[1/3]" in out.getvalue() and "[2/3]" in out.getvalue()


def test_a_small_terminal_shows_the_count_below_what_fits_of_what_runs() -> None:
    out = io.StringIO()
    display = Bar(Console(file=out, force_terminal=True, width=100, height=8))
    steps = [Step(clean_trial(seed), frozenset()) for seed in range(64)]
    display.begin(steps, held=0, workers=64)
    for step in steps:
        display.started(step)
    display.finished(steps[1], record_of(steps[1].trial))
    out.truncate(0)
    give_up = time.monotonic() + 10
    while "all trials" not in out.getvalue() and time.monotonic() < give_up:
        time.sleep(0.05)  # it is drawn a few times a second
    shown = out.getvalue()
    display.end(interrupted=False)
    assert "1/64" in shown and "63 running" in shown
    assert [seed for seed in range(64) if f"seed {seed} " in shown] == [0, 2, 3, 4, 5]


def test_what_follows_is_said_and_counted_in_the_time_that_is_left() -> None:
    out = io.StringIO()
    display = Lines(Console(file=out, width=200))
    display.expect([TWO.trial, THREE.trial])
    display.begin([ONE], held=0, workers=1)
    display.started(ONE)
    display.finished(ONE, record_of(ONE.trial))
    assert out.getvalue().startswith("1 trial to run; 2 more follow\n")
    assert re.search(r"about \d+ s left", out.getvalue())


@pytest.mark.parametrize("terminal", [True, False])
def test_a_display_serves_several_runs(terminal: bool) -> None:
    out = io.StringIO()
    display = display_for(Console(file=out, force_terminal=terminal, width=120))
    play(display)
    first = out.getvalue().count("[1/3]")
    play(display, interrupted=True)
    assert first and out.getvalue().count("[1/3]") == 2 * first
    assert "interrupted: 1 of 3 trials" in out.getvalue()


def test_a_display_that_never_began_can_end() -> None:
    Bar(Console(file=io.StringIO(), force_terminal=True)).end(interrupted=False)


def test_a_summary_never_calls_a_collapsed_network_an_attack() -> None:
    record = record_of(attacked_trial())
    assert summary(record) == "accepted, clean 90.00 %, ASR 98.89 %"
    collapsed = record.model_copy(update={"outcome": "collapsed"})
    assert summary(collapsed) == "collapsed, clean 90.00 %"


def test_time_left_of_a_worked_example() -> None:
    left = TimeLeft({"a": 1, "b": 1, "c": 1, "d": 3, "e": 4}, workers=2)
    assert left.seconds({"a": 1.0, "b": 1.0}) is None
    left.ended("a", 10.0)
    left.ended("b", None)
    assert left.seconds({"c": 4.0, "d": 6.0}) == (8 * 10 - 4 - 6) / 2
    left.ended("c", 10.0)
    left.ended("d", 50.0)  # its pace counts by what it did: 70 s for 5
    assert left.seconds({"e": 6.0}) == 4 * 14 - 6
    assert left.seconds({"e": 70.0}) == 0.0
    left.ended("e", 40.0)
    assert left.seconds({}) == 0.0


def test_a_trial_is_expected_to_cost_what_it_trains_on() -> None:
    plain = OutsourcedTrial(data="digits", training=Training(epochs=2))
    half = Backdoor(SinglePixel(), AllToAll(), poisoning_rate=0.5)
    assert expected_work(plain) == 2 * 1297 + 500
    assert expected_work(plain.model_copy(update={"train_limit": 100})) == 200 + 500
    assert expected_work(plain.model_copy(update={"backdoor": half})) == 4 * 1297 + 500
    every = Backdoor(SinglePixel(), SourceSpecific(0, 1), poisoning_rate="every")
    attacked = plain.model_copy(update={"backdoor": every})
    assert expected_work(attacked) == 2 * 1426 + 500
    looked = attacked.model_copy(update={"observe": ("units",)})
    assert expected_work(looked) == 2 * 1426 + 500 * (1 + SILENCING)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3600 + 20 * 60, "1 h 20 min")],
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
