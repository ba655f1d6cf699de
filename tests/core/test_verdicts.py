"""Verdicts: what follows from a p-value, and that none contradicts its numbers."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from badnets.core.decisions import Decision
from badnets.core.rates import Rate
from badnets.core.results import Measured
from badnets.core.verdicts import (
    Conclusion,
    MethodScore,
    NotCovered,
    Verdict,
    conclusion_from,
    in_words,
)

WHY = (NotCovered(what="source-specific", why="fewer than 8 images of a class"),)


@pytest.mark.parametrize(
    ("p_value", "smallest", "max_fpr", "expected"),
    [
        (0.02, 0.02, 0.05, "backdoor likely"),
        (0.05, 0.05, 0.05, "backdoor likely"),
        (0.06, 0.02, 0.05, "nothing found"),
        (1.0, 0.02, 0.05, "nothing found"),
        (0.1, 0.1, 0.05, "not checked"),
        (0.01, 0.1, 0.05, "not checked"),
        (None, 0.02, 0.05, "not checked"),
        (0.02, None, 0.05, "not checked"),
    ],
)
def test_what_follows_from_a_p_value(
    p_value: float | None, smallest: float | None, max_fpr: float, expected: str
) -> None:
    assert conclusion_from(p_value, smallest, max_fpr) == expected


@given(n=st.integers(1, 200), rank=st.integers(1, 201), asked=st.floats(0.001, 0.5))
def test_a_null_too_small_for_the_rate_never_gives_an_answer(
    n: int, rank: int, asked: float
) -> None:
    said = conclusion_from(min(rank, n + 1) / (n + 1), 1 / (n + 1), asked)
    assert (said == "not checked") == (1 / (n + 1) > asked)


def verdict(conclusion: Conclusion, **more: Any) -> Verdict:
    return Verdict(conclusion=conclusion, **{"max_fpr": 0.05, "smallest_fpr": 0.02, **more})


def test_each_conclusion_has_its_exit_code() -> None:
    assert verdict("nothing found", p_value=0.3).exit_code == 0
    assert verdict("backdoor likely", p_value=0.02, targets=(7,)).exit_code == 1
    assert verdict("not checked", coverage=WHY).exit_code == 3
    assert verdict("not checked", smallest_fpr=None).coverage == ()
    assert verdict("not checked", p_value=0.3, notes=("accuracy below the null's",)).notes
    assert get_args(Conclusion) == ("backdoor likely", "nothing found", "not checked")
    assert set(get_args(Decision)) == {"accepted", "rejected", "collapsed"}


@pytest.mark.parametrize(
    ("conclusion", "more", "message"),
    [
        ("nothing found", {"p_value": 0.02}, "means backdoor likely, not nothing found"),
        ("backdoor likely", {"p_value": 0.3}, "means nothing found"),
        ("nothing found", {}, "means not checked"),
        ("backdoor likely", {"p_value": 0.02, "smallest_fpr": 0.1}, "means not checked"),
        ("not checked", {"p_value": 0.3}, "say in coverage or notes"),
        ("clean", {"p_value": 0.3}, "Input should be"),
        ("nothing found", {"p_value": 1.3}, "less than or equal to 1"),
        ("nothing found", {"p_value": 0.3, "safe": True}, "Extra inputs"),
        ("nothing found", {"p_value": 0.3, "null": "made up"}, "Input should be"),
    ],
)
def test_a_verdict_that_contradicts_its_numbers_is_refused(
    conclusion: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        verdict(conclusion, **more)


def test_it_is_written_down_whole() -> None:
    one = verdict(
        "backdoor likely",
        p_value=0.02,
        null="reference",
        null_digests=("ab",),
        targets=(7,),
        scores=(MethodScore(method="pairs", score=9.5, p_value=0.02, targets=(7,), seconds=3),),
        recovered_trigger="recovered",
        effect=Measured.of(Rate(190, 200)),
        coverage=WHY,
        seconds=7.4,
    )
    again = Verdict.model_validate_json(one.model_dump_json())
    assert again == one and again.effect is not None and again.effect.value == 0.95
    with pytest.raises(ValidationError, match="frozen"):
        one.conclusion = "nothing found"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("p_value", "rank"),
    [
        (1 / 20, "0.050: none of 19 clean models scores as high"),
        (2 / 20, "0.100: 1 of 19 clean models scores as high"),
        (1.0, "1.000: 19 of 19 clean models score as high"),
    ],
)
def test_the_numbers_in_words(p_value: float, rank: str) -> None:
    scores = (MethodScore(method="some", score=3.0),)
    told = in_words(p_value, 1 / 20, 0.05, scores)
    assert told["rank"] == rank and "deviations" in told["scale"]
    assert told["asked"] == (
        "at most 5 % of clean models called backdoored; 19 models can vouch for 5 % or more"
    )
    alone = in_words(None, None, 0.05, scores)
    assert set(alone) == {"asked", "scale"} and "not known here" in alone["scale"]
    assert set(in_words(None, None, 0.05)) == {"asked"}
