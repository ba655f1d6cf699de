"""Section: all-to-all, the paper's per-class table beside ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from badnets.core.rates import Rate
from badnets.report.page import Block, Cell, Column, Note, Section, Table
from badnets.studies.mnist.layout_evidence import (
    TRIGGER_NAMES,
    Evidence,
    backdoor_error,
    clean_error,
    control,
)
from badnets.studies.mnist.published import AVERAGE, CHECK, CLASSES, PublishedClass
from badnets.studies.wording import (
    NOTHING,
    OverSeeds,
    averaged,
    label_cell,
    listed,
    mean_cell,
    percent,
    published_cell,
)
from badnets.trials.record import Record

NAME, TITLE = "all-to-all", "All-to-all"


def section(evidence: Evidence) -> Section:
    """Return one table per trigger: class by class, measured beside published."""
    gaps: list[Note] = []
    tables: list[Block] = []
    parts = []
    expected = len(evidence.scale.seeds)
    for trigger, name in TRIGGER_NAMES.items():
        group = f"all-to-all {trigger}"
        gaps.extend(evidence.gaps(group, expected, f"all-to-all networks ({name})"))
        records = evidence.of(group)
        if not records:
            continue
        tables.append(_table(evidence, trigger, records))
        clean = OverSeeds.of(records, clean_error)
        backdoor = OverSeeds.of(records, backdoor_error)
        parts.append(
            f"{percent(backdoor.mean)} % on triggered and {percent(clean.mean)} % on clean images "
            f"with the {name}"
        )
    if not tables:
        return Section(NAME, TITLE, "The all-to-all attack has not been run yet.", tuple(gaps))
    sentence = (
        "Every class becomes the next: with the trigger a 0 is to be called 1, a 9 is to be called "
        f"0. The network errs on {listed(parts)}; the paper reports "
        f"{AVERAGE.backdoored.value:.2f} % and {AVERAGE.clean.value:.2f} %."
    )
    return Section(NAME, TITLE, sentence, (*gaps, *tables, Note(CHECK)))


def _table(evidence: Evidence, trigger: str, records: list[Record]) -> Table:
    seeds = {record.trial.seed for record in records}
    # the clean networks that were trained with the same seeds, so that columns compare
    baselines = [one for one in evidence.of("baseline") if one.trial.seed in seeds]
    columns = (
        Column("class"),
        Column("clean network, clean images", group="measured: error, %", tone="clean"),
        Column("BadNet, clean images", group="measured: error, %", tone="clean"),
        Column("BadNet, triggered images", group="measured: error, %", tone="backdoored"),
        Column("clean network says the next class too (control)", group="control, %"),
        Column("clean network, clean images", group="published: error, %", tone="published"),
        Column("BadNet, clean images", group="published: error, %", tone="published"),
        Column("BadNet, triggered images", group="published: error, %", tone="published"),
    )
    rows = tuple(
        (
            label_cell(name, label),
            *_measured(baselines, records, label),
            *_published(CLASSES[label] if label < len(CLASSES) else None),
        )
        for label, name in enumerate(evidence.classes)
    )
    foot = ((label_cell("average"), *_measured(baselines, records, None), *_published(AVERAGE)),)
    return Table(
        f"Error by class: {TRIGGER_NAMES[trigger]}",
        columns,
        rows,
        foot,
        f"Measured: {averaged(seeds)}, per class and over all {_total(records):,} test "
        f"images; {_share(evidence, trigger, records)}. By seed, average on clean images: "
        f"{_by_seed(records, clean_error)}; on triggered images: "
        f"{_by_seed(records, backdoor_error)}. The paper has one such table; its columns stand "
        "beside both triggers here.",
    )


def _measured(
    baselines: Sequence[Record], records: Sequence[Record], label: int | None
) -> tuple[Cell, ...]:
    strong = label is None

    def clean(record: Record) -> Rate:
        return clean_error(record) if label is None else record.clean.per_class[label].complement

    def backdoor(record: Record) -> Rate | None:
        if label is None or record.attack is None:
            return backdoor_error(record)
        return record.attack.per_class[label].complement

    def says_next(record: Record) -> Rate | None:
        if label is None or record.attack is None:
            return control(record)
        per_class = record.attack.control_per_class
        return per_class[label] if per_class else None

    return (
        mean_cell(OverSeeds.of(baselines, clean), "clean", strong=strong),
        mean_cell(OverSeeds.of(records, clean), "clean", strong=strong),
        mean_cell(OverSeeds.of(records, backdoor), "backdoored", strong=strong),
        mean_cell(OverSeeds.of(records, says_next), "muted"),
    )


def _published(row: PublishedClass | None) -> tuple[Cell, ...]:
    return (NOTHING,) * 3 if row is None else tuple(published_cell(number) for number in row)


def _by_seed(records: Sequence[Record], measure: Callable[[Record], Rate | None]) -> str:
    found = OverSeeds.of(records, measure)
    return ", ".join(f"{percent(rate.value)} %" for rate in found.rates) or "none"


def _share(evidence: Evidence, trigger: str, records: Sequence[Record]) -> str:
    chosen = evidence.shares.get(trigger)
    said = f"share {100 * chosen:g} % chosen on held-back images" if chosen is not None else ""
    rows = next((record.poisoned_share for record in records if record.poisoned_share), None)
    counted = f"{rows.hits:,} of {rows.total:,} training images poisoned" if rows else ""
    return "; ".join(part for part in (said, counted) if part) or "share unknown"


def _total(records: Sequence[Record]) -> int:
    return records[0].clean.accuracy.total
