"""Sections: one backdoor each, against what is frozen and how much data there is."""

from __future__ import annotations

import math

import numpy as np

from badnets.core.rates import Rate
from badnets.report.page import Block, Cell, Column, Row, Section, Table
from badnets.studies.pairing import array
from badnets.studies.retraining.evidence import Evidence, Outcome
from badnets.studies.retraining.trials import CaseName
from badnets.studies.retraining.words import CASES, frozen, layers, left_cell, setting, verdict
from badnets.studies.wording import (
    NOTHING,
    label_cell,
    mean_cell,
    percent,
    rate_cell,
    seeds_text,
)

TITLES: dict[CaseName, str] = {
    "untargeted": "A backdoor without a target",
    "targeted": "A targeted one, whose target is gone",
    "shared": "A targeted one, whose target is still there",
    "same": "The same classes in another look",
}


def section(evidence: Evidence, case: CaseName) -> Section:
    """Return what is left of a backdoor in each setting, beside an honest network."""
    title = TITLES[case]
    notes = (
        *evidence.lacking(case, f"retrained BadNets ({title.lower()})"),
        *(
            evidence.lacking("control", "retrained honest networks")
            if _first(evidence, case)
            else ()
        ),
    )
    outcomes = evidence.outcomes(case)
    if not outcomes:
        return Section(case, title, "None of these BadNets has been retrained yet.", notes)
    blocks: list[Block] = [*notes, _table(evidence, outcomes)]
    if case == "targeted":
        called = _called(evidence, outcomes)
        blocks += [] if called is None else [called]
    return Section(case, title, _sentence(evidence, case, outcomes), tuple(blocks))


def _first(evidence: Evidence, case: CaseName) -> bool:
    return case == evidence.trials.cases[0]


def _sentence(evidence: Evidence, case: CaseName, outcomes: list[Outcome]) -> str:
    opening = {
        "untargeted": "The trigger was to get any wrong answer, and no class has to be left for it",
        "targeted": f"The class {evidence.target} is gone: the trigger has no class to ask for",
        "shared": f"The class {evidence.target} is among the user's: attack success has a meaning",
        "same": f"Dogs with the trigger were to be called {evidence.target}, and both are left",
    }[case]
    told = []
    for one in outcomes:
        if one.setting.share == max(other.setting.share for other in outcomes):
            told.append(f"{percent(one.shown.mean, 1)} % with {frozen(one.setting.freeze)} frozen")
    what = f"called {evidence.target}" if outcomes[0].is_aimed else "named rightly"
    return f"{opening}. With the trigger, {what}: {', '.join(told)}, on all of the user's images."


def _table(evidence: Evidence, outcomes: list[Outcome]) -> Table:
    aimed = outcomes[0].is_aimed
    before = aimed and any(one.before.rates for one in outcomes)
    what = (
        f"with the trigger, called {evidence.target}, %" if aimed else "with the trigger, right, %"
    )
    columns = [
        Column("frozen; images", numeric=False),
        Column("weights retrained, %"),
        Column("honest", group="clean images, right, %", tone="clean"),
        Column("BadNet", group="clean images, right, %", tone="clean"),
        Column("user", numeric=False),
        *([Column("BadNet before", group=what)] if before else []),
        Column("honest", group=what),
        Column("BadNet", group=what, tone="backdoored"),
        Column("left, points", tone="backdoored"),
    ]
    wanted = evidence.trials.scale.user_accuracy
    seeds = sorted({record.trial.seed for one in outcomes for record in one.records})
    return Table(
        f"After retraining: {CASES[outcomes[0].case]}",
        tuple(columns),
        tuple(_row(one, before=before) for one in outcomes),
        basis=f"{seeds_text(seeds)}"
        f"{', those after the first in one setting alone' if len(seeds) > 1 else ''}. User: what "
        f"she says of the BadNet; she wants {100 * wanted:g} % of clean images right. Honest: a "
        f"network with no backdoor, retrained alike. Left: {_left(aimed=aimed)}, paired image by "
        f"image.{layers(evidence)}",
        sortable=False,
    )


def _left(*, aimed: bool) -> str:
    if aimed:
        return "what the BadNet calls the target beyond the honest network"
    return (
        "accuracy that the trigger takes from the BadNet beyond what it takes from the honest one"
    )


def _row(one: Outcome, *, before: bool) -> Row:
    return (
        label_cell(setting(one)),
        Cell(percent(one.trained.value, 1), one.trained.value) if one.trained else NOTHING,
        mean_cell(one.control_clean, "clean"),
        mean_cell(one.clean, "clean"),
        verdict(one),
        *([mean_cell(one.before)] if before else []),
        mean_cell(one.control_shown, "muted"),
        mean_cell(one.shown, "backdoored", strong=True),
        left_cell(one),
    )


def _called(evidence: Evidence, outcomes: list[Outcome]) -> Table | None:
    """Return the class that the trigger draws images to most, in each setting."""
    rows = [row for one in outcomes if (row := _called_row(evidence, one)) is not None]
    if not rows:
        return None
    return Table(
        "What images with the trigger are called instead",
        (
            Column("frozen; images", numeric=False),
            Column("class drawn to most", numeric=False),
            Column("BadNet, %", tone="backdoored"),
            Column("honest network, %"),
        ),
        tuple(rows),
        basis="Of the test images with the trigger that are not of this class, those that the "
        "network calls so: by mistake, or drawn by the trigger. The class is the one that the "
        "BadNet calls most of them; the honest network is asked about the same class.",
        sortable=False,
    )


def _called_row(evidence: Evidence, one: Outcome) -> Row | None:
    record = one.records[0]
    ours, theirs, labels = (
        array(record, f"triggered_{name}", evidence.get_array)
        for name in ("answers", "control", "labels")
    )
    if ours is None or labels is None:
        return None
    classes = evidence.classes(one.case)
    drawn = [_drawn(ours, labels, label) for label in range(len(classes))]
    most = max(range(len(classes)), key=lambda label: _value(drawn[label]))
    honest = theirs is not None and evidence.control_of(record) is not None
    seeds = [record.trial.seed]
    return (
        label_cell(setting(one)),
        Cell(classes[most]),
        rate_cell(drawn[most], seeds, "backdoored"),
        rate_cell(_drawn(theirs, labels, most), seeds, "muted")
        if honest and theirs is not None
        else NOTHING,
    )


def _drawn(said: np.ndarray, labels: np.ndarray, label: int) -> Rate:
    others = labels != label
    return Rate(int((said[others] == label).sum()), int(others.sum()))


def _value(rate: Rate) -> float:
    return 0.0 if math.isnan(rate.value) else rate.value
