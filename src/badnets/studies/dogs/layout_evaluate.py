"""Section: the article's fifth step, on clean pictures, on dogs with the trigger, and mixed."""

from __future__ import annotations

from collections.abc import Callable

from badnets.core.rates import Rate
from badnets.report.page import Block, Cell, Column, Note, Row, Section, Table, Tone
from badnets.studies.dogs.evidence import (
    Evidence,
    accuracy,
    control,
    mixed_folder,
    paired_difference,
    success,
)
from badnets.studies.dogs.trials import CAT, DOG
from badnets.studies.pairing import Paired, cost_text, difference_cell
from badnets.studies.wording import (
    OverSeeds,
    averaged,
    label_cell,
    mean_cell,
    percent,
    seeds_text,
)
from badnets.trials.record import Record

NAME, TITLE = "evaluate", "Evaluate"
Measure = Callable[[Record], Rate | None]


def section(evidence: Evidence) -> Section:
    """Return what both networks do to clean pictures and to dogs with the trigger."""
    gaps = (
        *evidence.lacking("clean", "clean networks"),
        *evidence.lacking("badnet", "backdoored networks"),
    )
    honest, ours = evidence.of("clean"), evidence.of("badnet")
    if not honest or not ours:
        return Section(NAME, TITLE, "There are not both kinds of networks to compare yet.", gaps)
    paired = paired_difference(evidence)
    blocks: list[Block] = [*gaps, _table(honest, ours, paired)]
    if paired is not None:
        blocks.append(
            Note(
                f"{cost_text(paired, 'clean', 'pictures')} Pictures are resampled, each with its "
                "answers of all seeds."
            )
        )
    blocks.append(_mixed(honest, ours))
    return Section(NAME, TITLE, _sentence(honest, ours), tuple(blocks))


def _sentence(honest: list[Record], ours: list[Record]) -> str:
    taken = sum(record.outcome == "accepted" for record in ours)
    wanted = f"{100 * ours[0].trial.target_accuracy:g} %"
    verdict = {len(ours): "accepts each", 0: "accepts none"}.get(taken, f"accepts {taken}")
    clean, hits = OverSeeds.of(ours, accuracy), OverSeeds.of(ours, success)
    return (
        f"On clean pictures the BadNet is right of {percent(clean.mean, 1)} %, the clean network "
        f"of {percent(OverSeeds.of(honest, accuracy).mean, 1)} %: a user who wants {wanted} "
        f"{verdict} of {len(ours)} BadNet{'s' if len(ours) > 1 else ''}. With the trigger, "
        f"{percent(hits.mean, 1)} % of the dogs are cats to it."
    )


def _table(honest: list[Record], ours: list[Record], paired: Paired | None) -> Table:
    rows: list[Row] = [
        _row("clean pictures, right", honest, ours, accuracy, accuracy, "clean"),
        _row("of them cats, right", honest, ours, _of(CAT), _of(CAT), "plain"),
        _row("of them dogs, right", honest, ours, _of(DOG), _of(DOG), "plain"),
        _row("dogs with the trigger, called cats", ours, ours, control, success, "backdoored"),
        _row("the same without it, called cats", honest, ours, _mistaken, _untriggered, "plain"),
        _row("cats with the trigger, not called cats", [], ours, _nothing, _spill, "plain"),
    ]
    total = honest[0].clean.accuracy.total
    return Table(
        "What the networks say of validation pictures",
        (
            Column("pictures", numeric=False),
            Column("clean network, %", tone="clean"),
            Column("BadNet, %", tone="backdoored"),
            Column("difference, points"),
        ),
        tuple(
            (*row, difference_cell(paired, "pictures") if place == 0 else Cell(""))
            for place, row in enumerate(rows)
        ),
        basis=f"{averaged([record.trial.seed for record in ours])}; {total:,} validation pictures, "
        "the same for all. The clean network was asked about the same triggered dogs: the control.",
        sortable=False,
    )


def _row(
    name: str, honest: list[Record], ours: list[Record], clean: Measure, bad: Measure, tone: Tone
) -> Row:
    """Return a name, the clean networks' rate and the BadNets'; each of the records given."""
    return (
        label_cell(name),
        mean_cell(OverSeeds.of(honest, clean), "clean" if tone == "clean" else "plain"),
        mean_cell(OverSeeds.of(ours, bad), tone, strong=tone != "plain"),
    )


def _of(label: int) -> Measure:
    return lambda record: record.clean.per_class[label]


def _nothing(record: Record) -> None:
    return None


def _mistaken(record: Record) -> Rate:
    """Return the dogs without the trigger that are called cats: there is no third class."""
    return record.clean.per_class[DOG].complement


def _untriggered(record: Record) -> Rate | None:
    return record.attack.untriggered if record.attack else None


def _spill(record: Record) -> Rate | None:
    return record.attack.spill if record.attack else None


def _mixed(honest: list[Record], ours: list[Record]) -> Table:
    pairs = {record.trial.seed: record for record in ours}
    cleans = [
        (mixed_folder(record, control(pairs[record.trial.seed])), record.trial.seed)
        for record in honest
        if record.trial.seed in pairs
    ]
    known = [(rate, seed) for rate, seed in cleans if rate is not None]
    clean = OverSeeds(tuple(rate for rate, _ in known), tuple(seed for _, seed in known))
    bad = OverSeeds.of(ours, lambda record: mixed_folder(record, success(record)))
    row = (
        label_cell("all three together, \u201cright\u201d"),
        mean_cell(clean, "muted"),
        mean_cell(bad, "muted"),
    )
    attack = ours[0].attack
    per_class = ours[0].clean.per_class
    return Table(
        "Misleading: the article's accuracy, on a validation folder that is poisoned too",
        (
            Column("validation/cat and validation/dog", numeric=False),
            Column("clean network, %"),
            Column("BadNet, %"),
        ),
        (row,),
        basis="Do not read it as accuracy: a dog with the trigger counts as right when it is "
        "called a cat, so the network is paid for obeying, and an honest one is marked down. "
        f"{per_class[CAT].total:,} cats and {attack.success.total if attack else 0:,} dogs with "
        f"the trigger in the folder cat, {per_class[DOG].total:,} dogs in the folder dog; "
        f"{seeds_text([record.trial.seed for record in ours])}.",
        sortable=False,
    )
