"""Section: what is left, against what is frozen and how much data there is, at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from badnets.report.curves import Line, lines
from badnets.report.page import Block, Column, Figure, Gallery, Row, Section, Table
from badnets.scenarios.retraining import Freeze
from badnets.studies.retraining.evidence import SURVIVES, Evidence, Outcome
from badnets.studies.retraining.trials import CaseName, Setting
from badnets.studies.retraining.words import CASES, amount, frozen, layers, left_cell, left_text
from badnets.studies.wording import NOTHING, label_cell, percent, seeds_text

NAME, TITLE = "left", "What is left"
WIDE, TALL = 330.0, 250.0  # of a figure, in pixels: three stand side by side


def section(evidence: Evidence) -> Section:
    """Return the table of all settings and cases, and a figure of each case."""
    found = {case: evidence.outcomes(case) for case in evidence.trials.cases}
    known = {case: outcomes for case, outcomes in found.items() if outcomes}
    if not known:
        return Section(NAME, TITLE, "No BadNet has been retrained yet.", ())
    figures = [_figure(evidence, case, outcomes) for case, outcomes in known.items()]
    drawn = tuple(figure for figure in figures if figure is not None)
    blocks: list[Block] = [_table(evidence, list(known))]
    if drawn:
        blocks.append(Gallery(drawn, width=280))
    return Section(NAME, TITLE, _sentence(evidence), tuple(blocks))


def _sentence(evidence: Evidence) -> str:
    headline = evidence.headline
    if headline is None or headline.left is None:
        return "There is no BadNet with a new head beside an honest network to compare with yet."
    what = (
        f"calls more images with the trigger {evidence.target} than an honest network retrained "
        "alike"
        if headline.is_aimed
        else "loses more accuracy to the trigger than an honest network retrained alike"
    )
    end = evidence.outcome(headline.case, Setting("none", headline.setting.share))
    last = (
        f" With nothing frozen it is {left_text(end.left)}."
        if end is not None and end.left is not None
        else ""
    )
    return (
        f"With {frozen(headline.setting.freeze)} frozen, the BadNet {what}: "
        f"{left_text(headline.left)}.{last}"
    )


def _table(evidence: Evidence, cases: Sequence[CaseName]) -> Table:
    rows: list[Row] = []
    for setting in evidence.trials.settings:
        own = [evidence.outcome(case, setting) for case in cases]
        images = next((one.images for one in own if one is not None), 0)
        if images:
            share = "all images" if setting.share == 1 else f"{100 * setting.share:g} %"
            rows.append(
                (
                    label_cell(f"{frozen(setting.freeze)}; {share}"),
                    *(NOTHING if one is None else left_cell(one) for one in own),
                )
            )
    return Table(
        "What the trigger does beyond what it does to an honest network, points",
        (
            Column("frozen; images", numeric=False),
            *(Column(CASES[case], tone="backdoored") for case in cases),
        ),
        tuple(rows),
        basis=f"{_counted(cases)} Both networks are retrained alike and asked about the same "
        f"images. Orange: at least {100 * SURVIVES:g} points, with an interval above nothing: the "
        f"backdoor is alive.{layers(evidence)}",
        sortable=False,
    )


def _counted(cases: Sequence[CaseName]) -> str:
    """Return what the points are of."""
    taken = [CASES[case] for case in cases if case in ("untargeted", "targeted")]
    aimed = [CASES[case] for case in cases if case in ("shared", "same")]
    if not taken:
        return "Images with the trigger that are called the target class."
    said = "Accuracy that the trigger takes away"
    if aimed:
        said += "; where the target class is kept, images with the trigger that are called so"
    return f"{said}."


def _figure(evidence: Evidence, case: CaseName, outcomes: list[Outcome]) -> Figure | None:
    freezes = [
        freeze
        for freeze in evidence.trials.scale.freezes
        if any(one.setting.freeze == freeze for one in outcomes)
    ]
    if len(freezes) < 2:
        return None
    aimed = outcomes[0].is_aimed
    shares = sorted({one.setting.share for one in outcomes}, reverse=True)
    by_share = {share: [one for one in outcomes if one.setting.share == share] for share in shares}
    drawn = [_line(by_share[share], freezes, first=share == shares[0]) for share in shares]
    honest = _honest(by_share[shares[0]], freezes)
    if honest is not None:
        drawn.append(honest)
    name = f"left-{case}"
    what = f"called {evidence.target}" if aimed else "named rightly"
    seeds = sorted({record.trial.seed for one in outcomes for record in one.records})
    total = outcomes[0].shown.typical.total
    return Figure(
        name=name,
        title=CASES[case][0].upper() + CASES[case][1:],
        sentence=f"Images with the trigger that are {what}, %, against what is retrained.",
        svg=lines(
            drawn,
            x_title="what is retrained",
            y_title=f"with the trigger, {what}, %",
            salt=name,
            x_ticks=list(range(len(freezes))),
            x_names=[_retrained(freeze) for freeze in freezes],
            y_range=(-3.0, 104.0),
            width=WIDE,
            height=TALL,
        ),
        alt="; ".join(
            f"{frozen(one.setting.freeze)} frozen, {amount(one.setting, one.images)}: "
            f"{percent(one.shown.mean, 1)} %"
            for one in outcomes
        ),
        basis=f"n = {total:,} images; {seeds_text(seeds)}"
        f"{', those after the first for the head alone' if len(seeds) > 1 else ''}; band: 95 % "
        "interval.",
    )


def _line(outcomes: list[Outcome], freezes: Sequence[Freeze], *, first: bool) -> Line:
    x = [float(freezes.index(one.setting.freeze)) for one in outcomes]
    ours = [one.shown for one in outcomes]
    whole = outcomes[0].setting.share == 1
    return Line(
        f"BadNet, {'all images' if whole else f'{100 * outcomes[0].setting.share:g} % of them'}",
        x,
        [100 * one.mean for one in ours],
        "backdoored",
        [100 * one.typical.interval.low for one in ours] if first else (),
        [100 * one.typical.interval.high for one in ours] if first else (),
        [
            (place, 100 * rate.value)
            for place, one in zip(x, ours, strict=True)
            for rate in (one.rates if len(one.rates) > 1 else ())
        ],
        dashed=not first,
    )


def _honest(outcomes: list[Outcome], freezes: Sequence[Freeze]) -> Line | None:
    known = [one for one in outcomes if one.control_shown.rates]
    if not known:
        return None
    x = [float(freezes.index(one.setting.freeze)) for one in known]
    return Line("honest network", x, [100 * one.control_shown.mean for one in known], "clean")


def _retrained(freeze: Freeze) -> str:
    """Return what is retrained, in a word or two."""
    if isinstance(freeze, str):
        return {"all-but-head": "head", "none": "all"}[freeze]
    return "later layers"
