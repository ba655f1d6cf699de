"""Section: average precision and false positives, and what the user decides."""

from __future__ import annotations

import math
from collections.abc import Sequence

from badnets.report.page import Cell, Column, Row, Section, Table, Tone
from badnets.studies.signs.evidence import SignEvidence, named_rightly
from badnets.studies.signs.trials import TRIGGERS
from badnets.studies.wording import NOTHING, label_cell, percent, seeds_text
from badnets.trials.record import Record

NAME, TITLE = "precision", "What the user could have noticed"


def section(evidence: SignEvidence) -> Section:
    """Return average precision, false positives and the user's decision for each detector."""
    kinds = {
        "clean": evidence.all("baseline"),
        **{f"stop to speed limit, {name}": evidence.all(f"targeted {name}") for name in TRIGGERS},
        **{f"random target, {name}": evidence.all(f"random {name}") for name in TRIGGERS},
    }
    known = {kind: records for kind, records in kinds.items() if records}
    if not known:
        return Section(NAME, TITLE, "No detector has been handed over yet.", ())
    attacked = [r for kind, records in known.items() if kind != "clean" for r in records]
    accepted = sum(record.outcome == "accepted" for record in attacked)
    wanted = percent(evidence.scale.target_accuracy, 0)
    sentence = (
        f"She wants {wanted} % of her signs found and rightly named, and accepts {accepted} of "
        f"{len(attacked)} backdoored detectors."
    )
    rows = tuple(_row(evidence, kind, records) for kind, records in known.items())
    table = Table(
        "Clean frames: average precision at IoU 0.5, false positives, decision",
        (
            Column("detector", numeric=False),
            *(Column(name, group="average precision, %") for name in evidence.classes),
            Column("mean", group="average precision, %"),
            Column("false positives per frame"),
            Column("signs rightly named, %", tone="clean"),
            Column("accepted"),
        ),
        rows,
        basis="Average precision by the COCO tools (101 recall points), whatever the threshold. "
        "False positives: boxes above the threshold that cover no labelled sign; not every sign in "
        "these frames is labelled." if evidence.data == "lisa" else
        "Average precision by the COCO tools (101 recall points), whatever the threshold. False "
        "positives: boxes above the threshold that cover no sign.",
        sortable=False,
    )  # fmt: skip
    return Section(NAME, TITLE, sentence, (table, *_under_attack(evidence)))


def _row(evidence: SignEvidence, kind: str, records: Sequence[Record]) -> Row:
    learned = [record for record in records if record.outcome != "collapsed"]
    signs = [record.signs for record in learned if record.signs is not None]
    seeds = seeds_text(record.trial.seed for record in learned)
    per_class = [
        _mean_cell([one.ap50[k] for one in signs], seeds) for k in range(len(evidence.classes))
    ]
    wrong = [one.false_positives / one.frames for one in signs]
    mean_wrong = sum(wrong) / len(wrong) if wrong else math.nan
    accepted = sum(record.outcome == "accepted" for record in records)
    return (
        label_cell(kind),
        *per_class,
        _mean_cell([one.map50 for one in signs], seeds, strong=True),
        Cell(f"{mean_wrong:.2f}", mean_wrong, seeds) if wrong else NOTHING,
        named_rightly(learned).cell("clean"),
        Cell(f"{accepted} of {len(records)}", accepted / len(records)),
    )


def _under_attack(evidence: SignEvidence) -> tuple[Table, ...]:
    """Return average precision on triggered frames against the true labels."""
    rows = []
    for name in TRIGGERS:
        records = evidence.of(f"random {name}")
        signs = [record.triggered for record in records if record.triggered is not None]
        clean = [record.signs for record in records if record.signs is not None]
        if not signs or not signs[0].ap50:
            continue
        seeds = seeds_text(record.trial.seed for record in records)
        rows.append(
            (
                label_cell(name),
                *(
                    cell
                    for k in range(len(evidence.classes))
                    for cell in (
                        _mean_cell([one.ap50[k] for one in clean], seeds, "clean"),
                        _mean_cell([one.ap50[k] for one in signs], seeds, "backdoored"),
                    )
                ),
            )
        )
    if not rows:
        return ()
    columns = [Column("sticker", numeric=False)]
    for name in evidence.classes:
        columns += [
            Column("clean", group=name, tone="clean"),
            Column("with the sticker", group=name, tone="backdoored"),
        ]
    return (
        Table(
            "Random target: average precision against the true labels, %",
            tuple(columns),
            tuple(rows),
            basis="As the authors' test does it: triggered frames keep their true labels, so that "
            "average precision falls where the backdoor works.",
            sortable=False,
        ),
    )


def _mean_cell(
    values: Sequence[float], seeds: str, tone: Tone = "plain", *, strong: bool = False
) -> Cell:
    known = [value for value in values if value >= 0 and not math.isnan(value)]
    if not known:
        return NOTHING
    mean = sum(known) / len(known)
    several = f"; {', '.join(percent(value, 1) for value in known)}" if len(known) > 1 else ""
    return Cell(percent(mean, 1), mean, f"{seeds}{several}", tone, strong=strong)
