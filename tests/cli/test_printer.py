"""The printer: whatever is in a result, it stays text on its line."""

from __future__ import annotations

import io
import sys

import pytest
from pydantic import Field
from rich.console import Console

from badnets.cli.printer import say, show, show_all, show_listing
from badnets.core.rates import Rate
from badnets.core.results import Measured, Result
from badnets.runners.display import Lines
from badnets.runners.planning import Step
from tests.ledger.samples import clean_trial

HOSTILE = "a\x1b[2Jb\nok  forged\r\x07\u202egnp"
STEERS = ("\x1b", "\r", "\x07", "\u202e")


class Part(Result):
    """A line of a table."""

    name: str = Field(title="name")


class Told(Result):
    """A result with text in every place that is printed."""

    name: str = Field(title="name")
    facts: dict[str, str] = Field(title="")
    more: dict[str, str] = Field(title="more")
    parts: tuple[Part, ...] = Field(title="parts")
    columns: tuple[str, ...] = Field(title="column")


def hostile() -> Told:
    return Told(
        name=HOSTILE,
        facts={HOSTILE: HOSTILE},
        more={HOSTILE: HOSTILE},
        parts=(Part(name=HOSTILE),),
        columns=(HOSTILE,),
    )


def test_no_text_of_a_result_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(hostile())
    show_all([Part(name=HOSTILE)])
    show_listing([([HOSTILE], [[HOSTILE]])])
    say(HOSTILE)
    said = capsys.readouterr().out
    assert not any(mark in said for mark in STEERS)
    assert not any(line.startswith("ok") for line in said.splitlines())
    assert said.count("\\x1b[2Jb\\nok") == 11


@pytest.mark.parametrize("width", [20, 52, 90])
def test_no_name_and_no_rate_is_taken_apart_in_a_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", str(width))
    rate, title = "87.40 % (437/500)", "digits, patch:1, all->7"
    show_listing([(["name", "trial", "rate"], [["115486cea67de011", title, Rate(437, 500)]])])
    said = out.getvalue()
    assert "115486cea67de011" in said and rate in said
    assert (title in said) == (width != 52)


class Rates(Result):
    """A result with rates."""

    one: Measured = Field(title="one")
    other: Measured | None = Field(default=None, title="other")


def test_intervals_are_named_once_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    half, none = Measured.of(Rate(5, 10)), Measured.of(Rate(0, 0))
    show(Rates(one=half, other=half))
    said = capsys.readouterr().out
    assert said.count("95 %") == 1 and said.count("[23.66, 76.34]") == 2
    show(Rates(one=none))
    assert "95 %" not in capsys.readouterr().out


def test_json_holds_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([Part(name=HOSTILE), Part(name="b")], json=True)
    said = capsys.readouterr().out
    assert said == (
        '[\n  {\n    "name": "a\\u001b[2Jb\\nok  forged\\r\\u0007\\u202egnp"\n  },\n'
        '  {\n    "name": "b"\n  }\n]\n'
    )
    show_all([], json=True)
    assert capsys.readouterr().out == "[]\n"


def test_no_reason_of_a_failure_steers_the_terminal() -> None:
    out, step = io.StringIO(), Step(clean_trial(), frozenset())
    display = Lines(Console(file=out, force_terminal=False))
    display.begin([step], held=0, workers=1)
    display.started(step)
    display.failed(step, HOSTILE)
    assert not any(mark in out.getvalue() for mark in STEERS)
    assert len(out.getvalue().splitlines()) == 2
