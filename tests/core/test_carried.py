"""Target maps among other classes: a class is the same where its name is."""

from __future__ import annotations

import pytest

from badnets.core.errors import SettingError
from badnets.core.targets import AllToAll, AllToOne, CleanLabel, RandomWrong, SourceSpecific
from badnets.core.targets.carried import carried

OLD = ("cat", "dog", "hen")


@pytest.mark.parametrize(
    ("targets", "new", "expected"),
    [
        (AllToOne(1), ("dog", "fish"), AllToOne(0)),
        (AllToOne(0), ("dog", "fish"), None),
        (CleanLabel(2), ("hen", "fish"), CleanLabel(0)),
        (SourceSpecific(0, 2), ("fish", "hen", "cat"), SourceSpecific(2, 1)),
        (SourceSpecific(0, 2), ("fish", "hen"), None),
        (SourceSpecific(0, 2), ("fish", "cat"), None),
        (AllToAll(2), OLD, AllToAll(2)),
        (AllToAll(), ("dog", "cat", "hen"), None),
        (RandomWrong(), ("fish", "cow"), RandomWrong()),
    ],
)
def test_a_map_follows_its_classes(targets: object, new: tuple[str, ...], expected: object) -> None:
    assert carried(targets, OLD, new) == expected


def test_a_label_outside_the_old_classes_is_refused() -> None:
    with pytest.raises(SettingError, match=r"target_label must be in 0\.\.2, got 3"):
        carried(AllToOne(3), OLD, OLD)


def test_other_settings_stay() -> None:
    class Nothing:
        """A map of someone's own, without labels."""

    own = Nothing()
    assert carried(own, OLD, ("x", "y")) is own
