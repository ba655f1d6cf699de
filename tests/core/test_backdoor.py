"""The rate: what it is a share of, how many images it asks for, and what it refuses."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.targets import AllToAll, AllToOne
from badnets.core.triggers import Patch, SinglePixel

RATES = st.floats(0, 0.999)


def backdoor(rate: Any, how: Any = "add") -> Backdoor:
    return Backdoor(SinglePixel(), AllToAll(), rate, how)


@settings(deadline=None)
@given(clean=st.integers(0, 70_000), rate=RATES)
def test_added_copies_make_up_the_rate_of_the_finished_set(clean: int, rate: float) -> None:
    copies = backdoor(rate).poisoned_count(clean, eligible=10**9)
    # Half an image more or less: count / (clean + count) is as near to the rate as can be.
    assert abs(copies - rate * (clean + copies)) <= 0.5 * (1 - rate) + 1e-6


@settings(deadline=None)
@given(clean=st.integers(0, 70_000), rate=RATES)
def test_replaced_images_make_up_the_rate_of_the_set(clean: int, rate: float) -> None:
    replaced = backdoor(rate, "replace").poisoned_count(clean, eligible=clean)
    assert abs(replaced - rate * clean) <= 0.5


@pytest.mark.parametrize(("p", "rate"), [(1 / 9, 0.1), (1 / 2, 1 / 3), (1, 0.5)])
def test_the_shares_of_the_paper(p: float, rate: float) -> None:
    # Gu et al. add copies of a share p of the images; their figure shows 10, 33 and 50 %.
    assert rate == pytest.approx(p / (1 + p))
    assert backdoor(rate).poisoned_count(60_000, 60_000) == round(p * 60_000)


def test_a_rate_of_0_poisons_nothing_and_every_poisons_all_that_is_eligible() -> None:
    assert backdoor(0).poisoned_count(60_000, 0) == 0
    assert backdoor("every").poisoned_count(60_000, 5421) == 5421
    assert backdoor("every").poisoned_count(60_000, 0) == 0


@pytest.mark.parametrize("rate", [1, 1.0, 1.5, -0.01, math.nan, math.inf, "some", "0.1"])
def test_a_rate_outside_its_range_is_refused(rate: Any) -> None:
    with pytest.raises(SettingError, match=r"rate must be in \[0, 1\) or 'every'"):
        backdoor(rate)


def test_every_image_cannot_be_replaced() -> None:
    with pytest.raises(SettingError, match="use how 'add'"):
        backdoor("every", "replace")


def test_another_way_than_adding_or_replacing_is_refused() -> None:
    with pytest.raises(SettingError, match="'add' or 'replace', got 'append'"):
        backdoor(0.1, "append")


def test_too_high_a_rate_names_the_highest() -> None:
    with pytest.raises(SettingError) as caught:
        Backdoor(Patch(), AllToOne(3), 0.5).poisoned_count(1000, 900)
    assert str(caught.value) == (
        "rate 0.5 asks for 1000 poisoned images but only 900 of 1000 are eligible for all-to-one; "
        "the highest rate is 0.4736"
    )


@settings(deadline=None)
@given(clean=st.integers(1, 70_000), share=st.floats(0, 1), rate=RATES, adds=st.booleans())
def test_the_highest_rate_that_is_named_is_accepted(
    clean: int, share: float, rate: float, adds: bool
) -> None:
    how, eligible = "add" if adds else "replace", int(clean * share)
    try:
        assert backdoor(rate, how).poisoned_count(clean, eligible) <= eligible
    except SettingError as error:
        highest = re.search(r"highest rate is (\S+)$", str(error))
        assert highest is not None
        count = backdoor(float(highest[1]), how).poisoned_count(clean, eligible)
        assert count <= eligible
        assert count >= eligible - 1e-4 * (clean + eligible) ** 2 / clean - 1, "it could be higher"


def test_a_target_map_of_ones_own_is_named_by_its_class() -> None:
    class EvenToOdd:
        """It needs no kind."""

    own = Backdoor(SinglePixel(), EvenToOdd(), 0.5)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="eligible for EvenToOdd"):
        own.poisoned_count(10, 3)


@pytest.mark.parametrize("rate", [0.0, 0.25, "every"])
def test_it_survives_being_written_down(rate: Any) -> None:
    adapter = TypeAdapter(Backdoor)
    assert adapter.validate_json(adapter.dump_json(backdoor(rate))) == backdoor(rate)
    assert hash(backdoor(rate)) == hash(backdoor(rate)) and backdoor(rate) != backdoor(0.3)


PLAIN: dict[str, Any] = {
    "trigger": {"kind": "pixel-pattern", "pixels": "gu"},
    "targets": {"kind": "all-to-one", "target_label": 7},
    "rate": 0.1,
}


@pytest.mark.parametrize(
    ("part", "value", "place", "message"),
    [
        ("trigger", {"kind": "pixl", "value": 1}, ("trigger",), "'single-pixel', 'pixel-pattern'"),
        ("trigger", {"opacity": 0.2}, ("trigger",), "kind"),
        ("trigger", {"kind": "patch", "sise": 3}, ("trigger", "patch", "sise"), "nexpected"),
        ("trigger", {"kind": "patch", "size": -3}, ("trigger", "patch"), "size must be"),
        (
            "trigger",
            {"kind": "pixel-pattern", "pixels": "g"},
            ("trigger", "pixel-pattern"),
            "did you mean 'gu'",
        ),
        (
            "trigger",
            {"kind": "patch", "placement": {"kind": "fixed", "down": -1}},
            ("trigger", "patch", "placement", "fixed"),
            "gaps must be",
        ),
        ("targets", {"kind": "all-to-none"}, ("targets",), "'all-to-one'"),
        ("targets", {"target_label": 7}, ("targets",), "kind"),
        ("rates", 0.1, ("rates",), "nexpected"),
    ],
)
def test_plain_values_with_a_fault_are_refused_at_its_place(
    part: str, value: Any, place: tuple[str, ...], message: str
) -> None:
    adapter = TypeAdapter(Backdoor)
    assert adapter.validate_python(PLAIN).rate == 0.1
    with pytest.raises(ValidationError, match=message) as caught:
        adapter.validate_python({**PLAIN, part: value})
    assert [fault["loc"] for fault in caught.value.errors()] == [place]
