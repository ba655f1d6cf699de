"""The rate: what it is a share of, how many images it asks for, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.targets import TARGET_MAPS, AllToAll, AllToOne
from badnets.core.triggers import TRIGGERS, Patch, SinglePixel

RATES = st.floats(0, 0.999)


def backdoor(rate: Any, how: Any = "add") -> Backdoor:
    return Backdoor(SinglePixel(), AllToAll(), rate, how)


@settings(deadline=None)
@given(clean=st.integers(0, 70_000), rate=RATES, adds=st.booleans())
def test_poisoned_images_make_up_the_rate_of_the_finished_set(
    clean: int, rate: float, adds: bool
) -> None:
    count = backdoor(rate, "add" if adds else "replace").poisoned_count(clean, 10**9)
    # Half an image more or less: as near to the rate as can be.
    assert abs(count - rate * (clean + count * adds)) <= 0.5 * (1 - rate * adds) + 1e-6


@pytest.mark.parametrize(("p", "rate"), [(1 / 9, 0.1), (1 / 2, 1 / 3), (1, 0.5)])
def test_the_shares_of_the_paper(p: float, rate: float) -> None:
    # Gu et al. add copies of a share p of the images; their figure shows 10, 33 and 50 %.
    assert rate == pytest.approx(p / (1 + p))
    assert backdoor(rate).poisoned_count(60_000, 60_000) == round(p * 60_000)


def test_a_rate_of_0_poisons_nothing_and_every_poisons_all_that_is_eligible() -> None:
    assert backdoor(0).poisoned_count(60_000, 0) == 0
    assert backdoor("every").poisoned_count(60_000, 5421) == 5421
    assert backdoor("every").poisoned_count(60_000, 0) == 0


def test_too_high_a_rate_names_the_highest() -> None:
    with pytest.raises(SettingError) as caught:
        Backdoor(Patch(), AllToOne(3), 0.5).poisoned_count(1000, 900)
    assert str(caught.value) == (
        "poisoning_rate 0.5 asks for 1000 poisoned images but only 900 of 1000 are eligible for "
        "all-to-one; the highest rate is 0.4736"
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


class EvenToOdd:
    """A target map of one's own; it needs no kind."""

    def check(self, num_classes: int) -> None:
        """Any number of classes will do."""

    def poisonable(self, labels: Tensor) -> Tensor:
        return labels % 2 == 0

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        return labels + 1

    attackable = poisonable

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        return predicted == labels + 1


def test_objects_of_ones_own_serve_but_cannot_be_written_down() -> None:
    def negative(images: Tensor, regions: Any = None, generator: Any = None) -> Tensor:
        return 255 - images

    own = Backdoor(negative, EvenToOdd(), 0.5)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="eligible for EvenToOdd"):
        own.poisoned_count(10, 3)
    with pytest.raises(SettingError, match=r"EvenToOdd is not a known target map .*all-to-one"):
        TARGET_MAPS.check_member(own.targets)
    with pytest.raises(SettingError, match="function is not a known trigger"):
        TRIGGERS.check_member(own.trigger)
    with pytest.raises(SettingError, match=r"targets: a number alone .* mean 'all-to-one:3'"):
        Backdoor(negative, 3)  # type: ignore[arg-type]
