"""Sections: networks of the whole set, and the networks that are downloaded, before retraining."""

from __future__ import annotations

from collections.abc import Callable

from badnets.core.rates import Rate
from badnets.core.targets import RandomWrong
from badnets.report.page import Block, Cell, Column, Note, Row, Section, Table
from badnets.studies.pairing import Paired, cost_text, difference_cell, paired_accuracy
from badnets.studies.retraining.evidence import Evidence, accuracy, control, success
from badnets.studies.retraining.words import told
from badnets.studies.wording import (
    NOTHING,
    OverSeeds,
    averaged,
    label_cell,
    listed,
    mean_cell,
    percent,
)
from badnets.trials.record import Record

Measure = Callable[[Record], Rate | None]


def whole(evidence: Evidence) -> Section:
    """Return the honest network and the BadNet of all classes, before anybody retrains."""
    name, title = "before", "All classes, before anybody retrains"
    notes = (
        *evidence.lacking("clean", "honest networks of all classes"),
        *evidence.lacking("badnet", "BadNets of all classes"),
    )
    honest, ours = evidence.of("clean"), evidence.of("badnet")
    if not honest or not ours:
        return Section(name, title, "There are not both kinds of networks to compare yet.", notes)
    found = paired_accuracy(ours, honest, evidence.get_array)
    hits = OverSeeds.of(ours, success)
    taken = sum(record.outcome == "accepted" for record in ours)
    backdoor = ours[0].trial.backdoor
    rate = backdoor.rate if backdoor is not None else None
    share = f" {percent(rate, 0)} % of" if isinstance(rate, float) else ""
    sentence = (
        f"With{share} its training images poisoned, the BadNet calls {percent(hits.mean, 1)} % of "
        f"the {told(evidence).images} with the trigger {evidence.target}, and is right of "
        f"{percent(OverSeeds.of(ours, accuracy).mean, 1)} % of the clean ones: a user who wants "
        f"{100 * ours[0].trial.target_accuracy:g} % accepts {taken} of {len(ours)}."
    )
    blocks: list[Block] = [*notes, _compared(evidence, honest, ours, found)]
    if found is not None:
        blocks.append(Note(cost_text(found, "honest", "images")))
    return Section(name, title, sentence, tuple(blocks))


def _compared(
    evidence: Evidence, honest: list[Record], ours: list[Record], found: Paired | None
) -> Table:
    clean = OverSeeds.of(ours, accuracy)
    rows: tuple[Row, ...] = (
        (
            label_cell("clean images, right"),
            mean_cell(OverSeeds.of(honest, accuracy), "clean"),
            mean_cell(clean, "clean", strong=True),
            difference_cell(found, "images"),
        ),
        (
            label_cell(f"with the trigger, called {evidence.target}"),
            mean_cell(OverSeeds.of(ours, control), "muted"),
            mean_cell(OverSeeds.of(ours, success), "backdoored", strong=True),
            Cell(""),
        ),
        (
            label_cell(f"the same without it, called {evidence.target}"),
            NOTHING,
            mean_cell(OverSeeds.of(ours, _untriggered)),
            Cell(""),
        ),
    )
    return Table(
        "What the networks say of test images",
        (
            Column("images", numeric=False),
            Column("honest network, %", tone="clean"),
            Column("BadNet, %", tone="backdoored"),
            Column("difference, points"),
        ),
        rows,
        basis=f"{averaged([record.trial.seed for record in ours])}; {clean.typical.total:,} test "
        f"images; those that are {evidence.target} are left out of the last two rows. The honest "
        "network was asked about the same triggered images.",
        sortable=False,
    )


def downloaded(evidence: Evidence) -> Section:
    """Return the networks that are downloaded, as their maker has them."""
    name, title = "downloaded", "What is downloaded"
    notes = evidence.lacking("downloaded", "networks to download")
    records = evidence.of("downloaded")
    if not records:
        return Section(name, title, "There is no network to download yet.", notes)
    kinds: dict[str, list[Record]] = {}
    for record in records:
        kinds.setdefault(_kind(evidence, record), []).append(record)
    rows = tuple(
        (
            label_cell(kind),
            mean_cell(OverSeeds.of(own, accuracy), "clean"),
            mean_cell(OverSeeds.of(own, success), "backdoored"),
            mean_cell(OverSeeds.of(own, control), "muted"),
        )
        for kind, own in kinds.items()
    )
    table = Table(
        "On test images of the classes that they were trained for",
        (
            Column("network", numeric=False),
            Column("clean images, right, %", tone="clean"),
            Column("the backdoor works, %", tone="backdoored"),
            Column("honest network, the same, %"),
        ),
        rows,
        basis="The backdoor works on an image with the trigger that gets the attacker's label, or "
        "for the untargeted one any wrong label. Networks of several seeds: their mean.",
        sortable=False,
    )
    sentence = f"The networks know {told(evidence).source}. {_poisoned(records)}"
    return Section(name, title, sentence, (*notes, table))


def _kind(evidence: Evidence, record: Record) -> str:
    backdoor = record.trial.backdoor
    if backdoor is None:
        return "honest"
    if isinstance(backdoor.targets, RandomWrong):
        return "BadNet, untargeted: any wrong class"
    return f"BadNet, targeted: {evidence.target}"


def _poisoned(records: list[Record]) -> str:
    shares = [record.poisoned_share for record in records if record.poisoned_share]
    if not shares:
        return "None of them has a backdoor yet."
    told_ = sorted({percent(share.value, 0) for share in shares})
    return (
        f"Of a BadNet's training images {listed(told_)} % were poisoned; its user sees none of "
        "them, and does not know the trigger."
    )


def _untriggered(record: Record) -> Rate | None:
    return record.attack.untriggered if record.attack else None
