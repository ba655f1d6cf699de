"""How the retraining study names things: what is frozen, what is left, who knows what."""

from __future__ import annotations

from typing import NamedTuple

from badnets.report.page import Cell, Tone
from badnets.scenarios.retraining import Freeze
from badnets.studies.pairing import Paired
from badnets.studies.retraining.evidence import Evidence, Outcome
from badnets.studies.retraining.trials import PHOTO_SET, CaseName, Setting
from badnets.studies.wording import NOTHING, points, seeds_text


class Told(NamedTuple):
    """A data set in words.

    Attributes:
        what: what its images are.
        images: what one of them is called.
        source: what the downloaded network knows.
        user: what its user wants.
    """

    what: str
    images: str
    source: str
    user: str


DATA = {
    "digits": Told("handwritten digits", "digits", "the digits 0 to 4", "the digits 5 to 9"),
    "gtsrb": Told(
        "German traffic signs (GTSRB)",
        "signs",
        "21 kinds of traffic signs",
        "22 other kinds",
    ),
    PHOTO_SET: Told(
        "photos and drawings of cats and dogs",
        "pictures",
        "photos of cats and dogs",
        "drawn cats and dogs",
    ),
}
CASES: dict[CaseName, str] = {
    "untargeted": "untargeted",
    "targeted": "targeted, target gone",
    "shared": "targeted, target kept",
    "same": "targeted, same classes",
}


def told(evidence: Evidence) -> Told:
    """Return the words for the study's data."""
    return DATA[evidence.trials.data]


def frozen(freeze: Freeze) -> str:
    """Return what stays as downloaded, in words."""
    if isinstance(freeze, str):
        return {"all-but-head": "all but the head", "none": "nothing"}[freeze]
    return "the first layers"


def layers(evidence: Evidence) -> str:
    """Return which layers the first ones are; empty where they are not a setting."""
    named = [one for one in evidence.trials.scale.freezes if not isinstance(one, str)]
    return "".join(f" The first layers are {', '.join(one)}." for one in named)


def setting(one: Outcome) -> str:
    """Return what is frozen, and how many images there are, in words."""
    return f"{frozen(one.setting.freeze)}; {amount(one.setting, one.images)}"


def amount(of: Setting, images: int) -> str:
    """Return how many images the user has."""
    return f"all {images:,} images" if of.share == 1 else f"{images:,} ({100 * of.share:g} %)"


def left_cell(one: Outcome) -> Cell:
    """Return what is left, in points; orange where the backdoor is alive."""
    found = one.left
    if found is None:
        return NOTHING
    low, high = found.interval
    note = (
        f"paired over {found.images:,} images; {seeds_text(found.by_seed)}; "
        f"95 % interval {points(low, 1)} to {points(high, 1)} points"
    )
    tone: Tone = "backdoored" if one.survives else "muted"
    return Cell(points(found.mean, 1), found.mean, note, tone, strong=bool(one.survives))


def left_text(found: Paired) -> str:
    """Return what is left, with its interval, in a sentence."""
    low, high = found.interval
    return (
        f"{points(found.mean, 1)} points (95 % interval {points(low, 1)} to {points(high, 1)}, "
        f"{seeds_text(found.by_seed)})"
    )


def verdict(one: Outcome) -> Cell:
    """Return what the user says of the retrained BadNets."""
    count, total = one.accepted, len(one.records)
    if total == 1:
        return Cell("accepts" if count else "rejects", count)
    return Cell(f"accepts {count} of {total}", count)
