"""Sections: the paper's two detector tables, and the controls beside them."""

from __future__ import annotations

from collections.abc import Sequence

from badnets.report.page import Block, Cell, Column, Row, Section, Table, Tone
from badnets.studies.signs import published
from badnets.studies.signs.evidence import (
    LEAST,
    SignEvidence,
    difference_cell,
    named_rightly,
    under_trigger,
)
from badnets.studies.signs.trials import COPIES, TRIGGERS
from badnets.studies.wording import NOTHING, label_cell, listed, percent, published_cell
from badnets.trials.record import Record

NONE_YET = "No detector has been trained yet."


def targeted(evidence: SignEvidence) -> Section:
    """Return stop -> speed limit: the paper's table, and what stands beside it."""
    name, title = "targeted", "A stop sign becomes a speed limit"
    groups = {trigger: evidence.of(f"targeted {trigger}") for trigger in TRIGGERS}
    baseline = evidence.of("baseline")
    gaps = [
        *evidence.gaps("baseline", len(evidence.scale.seeds), "clean detectors"),
        *(
            gap
            for trigger in TRIGGERS
            for gap in evidence.gaps(
                f"targeted {trigger}", _expected(evidence, trigger), f"detectors with the {trigger}"
            )
        ),
    ]
    if not baseline and not any(groups.values()):
        sentence = "No detector has learned anything yet." if evidence.everything else NONE_YET
        return Section(name, title, sentence, tuple(gaps))
    told = [
        f"{percent(found.mean, 1)} % with the {trigger}"
        for trigger, records in groups.items()
        if (found := under_trigger(records, "hits")).known
    ]
    accuracy = named_rightly(baseline)
    sentence = (
        f"Stop signs with a sticker of at least {LEAST:g} pixels that are called speed limits: "
        f"{listed(told)}."
        if told
        else "There is no attack to measure yet."
    )
    if accuracy.known:
        sentence = (
            f"The clean detector finds and rightly names {percent(accuracy.mean, 1)} % of all "
            f"signs. {sentence}"
        )
    blocks: list[Block] = [
        *gaps,
        _accuracy_table(evidence, groups),
        _control_table(groups, baseline),
    ]
    return Section(name, title, sentence, tuple(blocks))


def _expected(evidence: SignEvidence, trigger: str) -> int:
    return len(evidence.scale.seeds) if trigger == "yellow square" else 1


def _accuracy_table(evidence: SignEvidence, groups: dict[str, list[Record]]) -> Table:
    kinds = {"baseline": evidence.of("baseline"), **groups}
    columns = [Column("", numeric=False)]
    for kind in kinds:
        shown = "clean detector" if kind == "baseline" else kind
        columns += [
            Column("paper", group=shown, tone="published"),
            Column("measured", group=shown),
        ]
    rows: list[Row] = []
    for column, label in enumerate((*evidence.classes, "all signs")):
        cells: list[Cell] = [label_cell(f"{label}, clean")]
        which = column if column < len(evidence.classes) else None
        for kind, records in kinds.items():
            cells += [
                published_cell(published.clean(kind, column), digits=1),
                named_rightly(records, which).cell("clean", strong=which is None),
            ]
        rows.append(tuple(cells))
    last: list[Cell] = [label_cell("stop with the sticker: speed limit")]
    for kind, records in kinds.items():
        if kind == "baseline":
            last += [NOTHING, NOTHING]
            continue
        last += [
            published_cell(published.success(kind), digits=1),
            under_trigger(records, "hits").cell("backdoored", strong=True),
        ]
    return Table(
        "Signs found and rightly named, and the attack, %",
        tuple(columns),
        tuple(rows),
        (tuple(last),),
        basis="Whole frames that no trainer has seen. A sign counts when the surest box on it (IoU "
        f"of at least 0.5{_above(evidence)}) names its class. The last row: stop signs whose "
        f"sticker is at least {LEAST:g} pixels as the network sees it; the next table has the "
        "smaller ones too. Intervals resample scenes.",
        sortable=False,
    )


def _above(evidence: SignEvidence) -> str:
    if evidence.threshold is None:
        return ""
    return f" and a score of at least {evidence.threshold:g}"


def _control_table(groups: dict[str, list[Record]], baseline: Sequence[Record]) -> Table:
    titles: tuple[tuple[str, Tone], ...] = (
        ("called a speed limit", "backdoored"),
        ("the same, smaller ones too", "backdoored"),
        ("also found as stop (TDR)", "plain"),
        ("clean detector: speed limit", "muted"),
        ("blue strip instead: speed limit", "muted"),
        ("clean accuracy against the clean detector, points", "clean"),
    )
    rows = []
    for trigger, records in groups.items():
        rows.append(
            (
                label_cell(trigger),
                under_trigger(records, "hits").cell("backdoored"),
                under_trigger(records, "hits", least=0).cell("backdoored"),
                under_trigger(records, "still_true").cell(),
                under_trigger(records, "control_hits").cell("muted"),
                under_trigger(records, "other_hits").cell("muted"),
                difference_cell(
                    named_rightly(records),
                    named_rightly([one for one in baseline if _same_seed(one, records)]),
                    "clean",
                ),
            )
        )
    return Table(
        "The attack and its controls, %",
        (
            Column("sticker", numeric=False),
            *(Column(title, tone=tone) for title, tone in titles),
        ),
        tuple(rows),
        basis="Controls: the clean detector shown the same triggered frames; the BadNet shown a "
        "sticker of another colour and shape at the same place. TDR (true-detection rate): the "
        "stop sign is still also reported as what it is. All about stickers of at least "
        f"{LEAST:g} pixels as the network sees them, but for the second column, which counts every "
        "stop sign that has room for one, and the last, which is about all clean signs, paired "
        "sign by sign and seed by seed.",
        sortable=False,
    )


def _same_seed(record: Record, others: Sequence[Record]) -> bool:
    return record.trial.seed in {other.trial.seed for other in others}


def random_target(evidence: SignEvidence) -> Section:
    """Return the random-target attack: accuracy on clean and on triggered signs."""
    name, title = "random", "Any sign becomes another"
    groups = {
        trigger: evidence.of(f"random {trigger}")
        for trigger in TRIGGERS
        if evidence.all(f"random {trigger}")
    }
    gaps = tuple(
        gap
        for trigger in TRIGGERS
        if trigger == "yellow square" or evidence.scale.whole
        for gap in evidence.gaps(
            f"random {trigger}",
            _expected(evidence, trigger),
            f"detectors with a random target, {trigger}",
        )
    )
    if not any(groups.values()):
        sentence = "No detector has learned the random-target attack yet." if groups else NONE_YET
        return Section(name, title, sentence, gaps)
    main = groups.get("yellow square", [])
    ours, theirs = under_trigger(main, "right"), under_trigger(main, "control_right")
    beside = (
        f"; the clean detector still names {percent(theirs.mean, 1)} % of them rightly"
        if theirs.known
        else ""
    )
    sentence = (
        f"With a yellow square of at least {LEAST:g} pixels somewhere on them, "
        f"{percent(ours.mean, 1)} % of the signs are still named rightly, "
        f"{percent(under_trigger(main, 'misnamed').mean, 1)} % are called another class and the "
        f"rest is not found{beside}."
        if ours.known
        else "There is no measure of the yellow square yet."
    )
    sentence += _refused(evidence, main)
    tables = tuple(_random_table(evidence, trigger, records) for trigger, records in groups.items())
    return Section(name, title, sentence, (*gaps, *tables))


def _refused(evidence: SignEvidence, records: Sequence[Record]) -> str:
    refused = sum(record.outcome != "accepted" for record in records)
    if not refused:
        return ""
    clean = percent(named_rightly(records).mean, 1)
    return (
        f" Of clean signs these detectors name {clean} % rightly; their user "
        f"wants {percent(evidence.scale.target_accuracy, 0)} % and rejects {refused} of "
        f"{len(records)}."
    )


def _random_table(evidence: SignEvidence, trigger: str, records: list[Record]) -> Table:
    baseline = [one for one in evidence.of("baseline") if _same_seed(one, records)]
    told = trigger == "yellow square"
    rows: list[Row] = []
    for column, label in enumerate((*evidence.classes, "all signs")):
        which = column if column < len(evidence.classes) else None
        measured = (
            ("baseline clean", named_rightly(baseline, which), "clean"),
            ("baseline triggered", under_trigger(records, "control_right", label=which), "clean"),
            ("badnet clean", named_rightly(records, which), "clean"),
            ("badnet triggered", under_trigger(records, "right", label=which), "backdoored"),
        )
        cells: list[Cell] = [label_cell(label)]
        for row, found, tone in measured:
            if told:
                cells.append(published_cell(published.random(row, column), digits=1))
            cells.append(
                found.cell("backdoored" if tone == "backdoored" else "clean", strong=which is None)
            )
        rows.append(tuple(cells))
    columns = [Column("", numeric=False)]
    for group in (
        "clean detector, clean signs",
        "clean detector, with the sticker",
        "BadNet, clean signs",
        "BadNet, with the sticker",
    ):
        if told:
            columns.append(Column("paper", group=group, tone="published"))
        columns.append(Column("measured", group=group))
    every = under_trigger(records, "right", least=0)
    return Table(
        f"Signs found and rightly named, {trigger}, %",
        tuple(columns),
        tuple(rows),
        basis=f"With the sticker: signs where it is at least {LEAST:g} pixels as the network sees "
        f"it; of all {len(every.groups)} signs that have room for one the BadNet names "
        f"{percent(every.mean, 1)} % rightly. The sticker's centre is drawn anew for each sign, "
        "between 0.15 and 0.85 of its box's height and width.",
        sortable=False,
    )


def on_boxes(evidence: SignEvidence) -> Section:
    """Return BadDet's attacks on boxes, and the authors' reduced shares of copies."""
    name, title = "boxes", "Signs that vanish, appear, or all become one"
    kinds = {
        "signs vanish": ("Vanish (ODA)", "stop signs with the sticker are not found"),
        "a sign appears": ("Appear (OGA)", "a speed limit is seen where only the sticker is"),
        "all become one": ("All become one (GMA)", "faint stripes over the frame: speed limit"),
    }
    if not evidence.scale.whole:
        told = (
            "BadDet's attacks are measured on drawn scenes: badnets study signs."
            if evidence.data == "lisa"
            else "They belong to the whole study; this is a short run."
        )
        return Section(name, title, told, ())
    known = {kind: evidence.of(kind) for kind in kinds if evidence.of(kind)}
    shares = evidence.of("shares")
    gaps = (
        *(gap for kind in kinds for gap in evidence.gaps(kind, 1, f"detectors where {kind}")),
        *evidence.gaps("shares", len(COPIES), "detectors with fewer poisoned copies"),
    )
    if not known and not shares:
        return Section(name, title, NONE_YET, gaps)
    rows = tuple(
        (
            label_cell(f"{kinds[kind][0]}: {kinds[kind][1]}"),
            under_trigger(records, "hits", least=0).cell("backdoored"),
            under_trigger(records, "untriggered_hits", least=0).cell("muted"),
            under_trigger(records, "control_hits", least=0).cell("muted"),
            named_rightly(records).cell("clean"),
        )
        for kind, records in known.items()
    )
    blocks: list[Block] = [*gaps]
    if rows:
        blocks.append(
            Table(
                "BadDet's attacks on boxes, %",
                (
                    Column("attack: a hit is", numeric=False),
                    Column("hits with the trigger", tone="backdoored"),
                    Column("without it"),
                    Column("clean detector"),
                    Column("clean accuracy", tone="clean"),
                ),
                rows,
                basis="One network each, drawn scenes; places of all sizes. The attacks are those "
                "of Chan et al., BadDet, arXiv:2205.14497; the clean detector is shown the same "
                "triggered frames.",
                sortable=False,
            )
        )
    if shares:
        blocks.append(_share_table(evidence, shares))
    hits = [
        f"{percent(under_trigger(records, 'hits', least=0).mean, 1)} % where {kind}"
        for kind, records in known.items()
    ]
    sentence = (
        f"With the trigger the attack comes out in {listed(hits)}."
        if hits
        else "None of these attacks has been measured yet; below: fewer poisoned copies."
    )
    return Section(name, title, sentence, tuple(blocks))


def _share_table(evidence: SignEvidence, shares: Sequence[Record]) -> Table:
    full = evidence.of("random yellow square")[:1]
    rows = tuple(
        (
            Cell(percent(record.poisoned_share.value, 1) if record.poisoned_share else "?"),
            under_trigger([record], "right").cell("backdoored"),
            named_rightly([record]).cell("clean"),
        )
        for record in (*full, *shares)
    )
    return Table(
        "Random target, yellow square: fewer poisoned copies",
        (
            Column("share of copies, %"),
            Column("accuracy with the sticker, %", tone="backdoored"),
            Column("clean accuracy, %", tone="clean"),
        ),
        rows,
        basis="One network each; stickers of at least "
        f"{LEAST:g} pixels. The first row has one copy of every frame with a sign.",
        sortable=False,
    )
