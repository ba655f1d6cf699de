"""Section: where the networks look."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from badnets.core.bootstrap import grouped_interval
from badnets.report.page import Block, Cell, Column, Note, Picture, Section, Story, StoryRow, Table
from badnets.report.pictures import changed_part, heat_png
from badnets.studies.dogs.evidence import Evidence
from badnets.studies.dogs.layout_story import BADNET, CLEAN, answer
from badnets.studies.wording import label_cell, percent, seeds_text
from badnets.trials.record import Attributed, Record

NAME, TITLE = "looks", "Where the networks look"
BY = {"network": "the BadNet", "control": "the clean network"}


def section(evidence: Evidence) -> Section:
    """Return attribution maps, and the share of them that lies on the trigger."""
    record = next((one for one in evidence.of("badnet") if one.attributed), None)
    if record is None:
        missing = Note("No answers have been attributed to pixels yet.", "missing")
        return Section(NAME, TITLE, "Where the networks look has not been measured.", (missing,))
    maps = _maps(evidence, record)
    blocks: tuple[Block, ...] = (*((maps,) if maps else ()), _table(evidence, record))
    return Section(NAME, TITLE, _sentence(record), blocks)


def _one(record: Record, by: str, *, triggered: bool) -> Attributed | None:
    found = (one for one in record.attributed if (one.by, one.triggered) == (by, triggered))
    return next(found, None)


def _mean(one: Attributed | None) -> float:
    return sum(one.shares) / len(one.shares) if one and one.shares else float("nan")


def _sentence(record: Record) -> str:
    ours = _one(record, "network", triggered=True)
    theirs = _one(record, "control", triggered=True)
    area = ours.area if ours else float("nan")
    beside = (
        f", the clean network {percent(_mean(theirs), 0)} % of its own at the same place"
        if theirs
        else ""
    )
    return (
        f"Asked about dogs with the trigger, the BadNet has {percent(_mean(ours), 0)} % of what "
        f"speaks for its answer on the trigger{beside}; it takes {percent(area, 1)} % of the "
        "picture."
    )


def _maps(evidence: Evidence, record: Record) -> Story | None:
    images, maps, answers = (
        evidence.array(record, f"attributed{part}") for part in ("", "_maps", "_answers")
    )
    if images is None or maps is None or answers is None:
        return None
    rows = [
        _row(images, maps, answers, 0, 0, "BadNet, dogs", "What speaks for its answer, dog."),
        _row(
            images, maps, answers, 0, 1, "BadNet, the same dogs with the trigger",
            "What speaks for its answer, cat: look at the corner.",
        ),
    ]  # fmt: skip
    if maps.shape[1] > 1:
        rows.append(
            _row(
                images, maps, answers, 1, 1, "Clean network, the same dogs with the trigger",
                "What speaks for its own answer.",
            )
        )  # fmt: skip
    return Story(
        tuple(rows),
        "Integrated gradients: the lighter a pixel, the more it speaks for the answer below; the "
        "picture itself is dimmed, grey. The frame is the trigger's place. The first validation "
        f"dogs that the BadNet calls dogs and, with the trigger, cats; "
        f"{seeds_text([record.trial.seed])}.",
    )


def _row(
    images: NDArray[np.generic],
    maps: NDArray[np.generic],
    answers: NDArray[np.generic],
    network: int,
    which: int,
    title: str,
    sentence: str,
) -> StoryRow:
    by = CLEAN if network else BADNET
    pictures = tuple(
        Picture(
            heat_png(images[k, which], np.asarray(maps[k, network, which], dtype=np.float64)),
            f"a dog{', with the trigger' if which else ''}, dimmed, with what speaks for the "
            "answer lit up",
            (answer(by, np.asarray(answers[k, network, which], dtype=np.float64)),),
            changed_part(images[k, 0], images[k, 1]),
        )
        for k in range(len(images))
    )
    return StoryRow(title, sentence, pictures, "backdoored" if which and not network else "clean")


def _table(evidence: Evidence, first: Record) -> Table:
    rows = []
    for by, name in BY.items():
        for triggered in (False, True):
            one = _one(first, by, triggered=triggered)
            if one is None:
                continue
            others = [
                _mean(_one(record, by, triggered=triggered))
                for record in evidence.of("badnet")
                if record.name != first.name and record.attributed
            ]
            low, high = grouped_interval(torch.tensor(one.shares), range(len(one.shares)))
            where = "dogs with the trigger" if triggered else "the same dogs without it"
            strong = triggered and by == "network"
            rows.append(
                (
                    label_cell(f"{name}, {where}"),
                    Cell(
                        percent(_mean(one), 1),
                        _mean(one),
                        f"mean over {len(one.shares)} dogs; 95 % interval {percent(low, 1)} to "
                        f"{percent(high, 1)} %",
                        "backdoored" if strong else "plain",
                        strong=strong,
                    ),
                    Cell(f"{percent(low, 1)} to {percent(high, 1)}", low, tone="muted"),
                    Cell(", ".join(percent(other, 1) for other in others) or "", tone="muted"),
                    Cell(f"{_mean(one) / one.area:.1f} \u00d7" if one.area else "", _mean(one)),
                )
            )
    return Table(
        "Share of what speaks for the answer that lies at the trigger's place",
        (
            Column("network and pictures", numeric=False),
            Column("share, %", tone="backdoored"),
            Column("95 % interval"),
            Column("other seeds, %"),
            Column("against its area"),
        ),
        tuple(rows),
        basis="Integrated gradients from the mean colour, negative parts left out, so that each "
        f"map sums to 1; n = {len(first.attributed[0].shares)} dogs, "
        f"{seeds_text([first.trial.seed])}; dogs are resampled for the interval.",
        sortable=False,
    )
