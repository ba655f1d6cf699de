"""Recorded images, clean and triggered, with what the networks say of them: pages' stories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from badnets.report.page import Answer, Picture, Tone
from badnets.report.pictures import changed_part, png
from badnets.studies import reading
from badnets.studies.aggregate import Runs
from badnets.trials.record import Record


@dataclass(frozen=True, eq=False)
class Examples:
    """Images without and with the trigger, and the answers to them.

    Args:
        images: ``(N, 2, C, H, W)`` uint8: clean, triggered.
        labels: true label of each.
        wanted: the label that the backdoor asks for, of each.
        answers: by who answers, the control before the BadNet: ``(N, 2, K)`` probabilities.
        classes: names of the classes.
        seed: of the BadNet.
    """

    images: NDArray[np.generic]
    labels: list[int]
    wanted: list[int]
    answers: dict[str, NDArray[np.float64]]
    classes: Sequence[str]
    seed: int

    def said(self, by: str, which: int) -> NDArray[np.int64]:
        """Return the labels that a network gives to the clean (0) or the triggered images (1)."""
        labels: NDArray[np.int64] = self.answers[by][:, which].argmax(1)
        return labels

    def right(self, by: str, which: int) -> int:
        """Return how many a network names rightly."""
        return int((self.said(by, which) == np.asarray(self.labels)).sum())

    def fooled(self, by: str) -> int:
        """Return how many triggered images of other classes a network gives the wanted label."""
        wanted = np.asarray(self.wanted)
        return int(((self.said(by, 1) == wanted) & (wanted != np.asarray(self.labels))).sum())

    @property
    def others(self) -> int:
        """How many images do not have the wanted label already."""
        return sum(a != b for a, b in zip(self.wanted, self.labels, strict=True))

    def rows(self, what: str = "") -> list[list[Picture]]:
        """Return the pictures: a clean and a triggered row.

        Args:
            what: what an image is called, before its class.
        """
        return [
            [self._picture(k, which, what) for k in range(len(self.labels))] for which in (0, 1)
        ]

    def _picture(self, k: int, which: int, what: str) -> Picture:
        clean, triggered = self.images[k, 0], self.images[k, 1]
        return Picture(
            png=png(self.images[k, which]),
            alt=f"{what}{self.classes[self.labels[k]]}{', with the trigger' if which else ''}",
            answers=tuple(
                answer(by, given[k, which], self.labels[k], self.wanted[k], self.classes)
                for by, given in self.answers.items()
            ),
            mark=changed_part(clean, triggered) if which else None,
        )


def answer(
    by: str, given: NDArray[np.generic], label: int, wanted: int, classes: Sequence[str]
) -> Answer:
    """Return what a network says of an image, in the colour of what it says."""
    says = int(given.argmax())
    tone: Tone = "clean" if says == label else "backdoored" if says == wanted else "plain"
    return Answer(by, classes[says], float(given[says]), tone)


def examples(
    runs: Runs,
    record: Record,
    prefix: str,
    classes: Sequence[str],
    wanted: Sequence[int] | int,
    *,
    label: int | None = None,
    by: tuple[str, str] = ("clean", "BadNet"),
    control: bool = True,
) -> Examples | None:
    """Return a record's examples; None where they are not passed on with the records.

    Args:
        runs: reads its arrays.
        record: of the BadNet.
        prefix: ``"examples"`` or ``"attacked"``.
        classes: names of the classes.
        wanted: the label that the backdoor asks for: of all, or by true label.
        label: the true label of all, where it is not recorded.
        by: names of the control and of the BadNet.
        control: whether the control's answers are shown.
    """
    images, said = runs.array(record, prefix), runs.array(record, f"{prefix}_answers")
    beside = runs.array(record, f"{prefix}_control") if control else None
    if images is None or said is None:
        return None
    if label is None:
        known = runs.array(record, f"{prefix}_labels")
        if known is None:
            return None
        true = [int(one) for one in known]
    else:
        true = [label] * len(images)
    answers = {} if beside is None else {by[0]: np.asarray(beside, dtype=np.float64)}
    answers[by[1]] = np.asarray(said, dtype=np.float64)
    asked = [wanted if isinstance(wanted, int) else wanted[one] for one in true]
    return Examples(images, true, asked, answers, classes, record.trial.seed)


def first_examples(
    runs: Runs, records: Iterable[Record], classes: Sequence[str] = ()
) -> Examples | None:
    """Return the examples of the first BadNet whose pictures are there.

    None where there are none, or where the backdoor asks for no one label of a class.

    Args:
        runs: reads arrays.
        records: of networks.
        classes: names of the classes; their numbers unless given.
    """
    for record in records:
        answers = runs.array(record, "examples_answers")
        backdoor = reading.backdoor(record)
        if answers is None or backdoor is None:
            continue
        names = classes or [str(label) for label in range(answers.shape[-1])]
        target, shift = reading.target_label(record), int(getattr(backdoor.targets, "shift", 0))
        if target < 0 and not shift:
            continue
        wanted = [(k + shift) % len(names) if target < 0 else target for k in range(len(names))]
        found = examples(runs, record, "examples", names, wanted)
        if found is not None:
            return found
    return None
