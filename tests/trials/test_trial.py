"""What a trial refuses, what it requires, and how it is told of."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToAll, AllToOne, SourceSpecific
from badnets.core.triggers import Patch, PixelPattern, SinglePixel
from badnets.scenarios import Search
from badnets.trials import Trial

PIXEL = Backdoor(SinglePixel(), AllToOne(7))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"search": Search()}, "search belongs to a malicious trainer"),
        ({"control": Trial(backdoor=PIXEL)}, "control must be a clean trial"),
        ({"control": Trial(start=Trial(backdoor=PIXEL))}, "control must be a clean trial"),
        ({"control": Trial(data="digits")}, "control must have the same data and network"),
        ({"start": Trial(network="timm.resnet18")}, "start must have the same data and network"),
        ({"start": Trial(keep_bundle=False)}, "start must keep its bundle"),
        ({"control": Trial(keep_bundle=False)}, "control must keep its bundle"),
        ({"target_accuracy": 99}, "less than or equal to 1"),
        ({"held_back": 0}, "greater than or equal to 1"),
        ({"train_limit": 0}, "greater than or equal to 1"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"evaluate_on": "train"}, "'test' or 'held-back'"),
        ({"observe": ("unit",)}, "Input should be 'examples', 'units', 'street', "),
        ({"sead": 1}, "Extra inputs are not permitted"),
        ({"training": {"epoch": 1}}, "epoch"),
        ({"training": {"epochs": 0}}, "epochs must be >= 1, got 0"),
        ({"backdoor": {"trigger": {"size": 3}, "targets": {"kind": "all-to-all"}}}, "kind"),
        ({"backdoor": {"trigger": {"kind": "pach"}, "targets": {"kind": "all-to-all"}}}, "pach"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Trial(**settings)


def test_a_trigger_of_ones_own_cannot_be_written_down() -> None:
    class Own:
        kind = "own"

    with pytest.raises(ValidationError, match="trigger"):
        Trial(backdoor=Backdoor(Own(), AllToOne(0)))  # type: ignore[arg-type]


def test_a_trial_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Trial().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("trial", "title"),
    [
        (Trial(), "mnist, gu-mnist, clean, seed 0"),
        (
            Trial(backdoor=PIXEL, seed=3),
            "mnist, gu-mnist, single-pixel, all->7, rate 10 %, seed 3",
        ),
        (
            Trial(
                data="digits",
                backdoor=Backdoor(PixelPattern(), SourceSpecific(1, 2), rate="every"),
                evaluate_on="held-back",
            ),
            "digits, gu-mnist, pixel-pattern, 1->2, rate every, held back, seed 0",
        ),
        (
            Trial(backdoor=Backdoor(Patch(), AllToAll(), rate=0.001)),
            "mnist, gu-mnist, patch, all-to-all, rate 0.1 %, seed 0",
        ),
    ],
)
def test_titles_say_what_a_trial_is_about(trial: Trial, title: str) -> None:
    assert trial.title == title


def test_a_trial_requires_what_it_starts_from_and_is_compared_with() -> None:
    start, control = Trial(seed=1), Trial(seed=2)
    assert Trial(start=start, control=control).requires() == (start, control)
    assert Trial(control=control).requires() == (control,) and Trial().requires() == ()


def test_clean_is_what_never_saw_a_backdoor() -> None:
    assert Trial().is_clean and Trial(start=Trial()).is_clean
    assert not Trial(backdoor=PIXEL).is_clean
    assert not Trial(start=Trial(start=Trial(backdoor=PIXEL))).is_clean
