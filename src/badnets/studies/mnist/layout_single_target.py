"""Section: single target, one network for each ordered pair of classes and trigger."""

from __future__ import annotations

from collections.abc import Callable

from badnets.core.rates import pooled
from badnets.report.page import Block, Cell, Column, Gallery, Note, Row, Section, Table, Tone
from badnets.studies.mnist.figures_pairs import heat_maps
from badnets.studies.mnist.layout_evidence import TRIGGER_NAMES, Evidence
from badnets.studies.mnist.pairs import Pairs
from badnets.studies.mnist.published import (
    BEST_CLEAN_CHANGE,
    LARGEST_BACKDOOR_ERROR,
    PAIRS,
    WORST_CLEAN_CHANGE,
)
from badnets.studies.wording import (
    NOTHING,
    bare_interval,
    counts,
    label_cell,
    listed,
    percent,
    points,
    published_cell,
    seeds_text,
    span,
)

NAME, TITLE = "single-target", "Single target"
_NONE = Cell("", tone="muted")


def section(evidence: Evidence) -> Section:
    """Return the summary beside the published bounds, and two heat-maps per trigger."""
    baselines = {record.name: record.clean.error for record in evidence.of("baseline")}
    measured = [
        Pairs(trigger, tuple(evidence.of(f"single-target {trigger}")), baselines)
        for trigger in TRIGGER_NAMES
    ]
    expected = len(evidence.scale.pairs)
    gaps: list[Note] = []
    for trigger, name in TRIGGER_NAMES.items():
        what = f"single-target networks ({name})"
        gaps.extend(evidence.gaps(f"single-target {trigger}", expected, what))
    present = [pairs for pairs in measured if pairs.records]
    if not present:
        return Section(NAME, TITLE, "The single-target attack has not been run yet.", tuple(gaps))
    blocks: list[Block] = [*gaps, _errors(present), _counted(present)]
    for pairs in present:
        blocks.append(Gallery(heat_maps(pairs, evidence.classes)))
    return Section(NAME, TITLE, _sentence(present), tuple(blocks))


def _sentence(present: list[Pairs]) -> str:
    parts = []
    changes: list[float] = []
    for pairs in present:
        error = pooled(pairs.backdoor)
        changes += pairs.changes
        parts.append(
            f"{percent(error.complement.value)} % of them with the {TRIGGER_NAMES[pairs.trigger]} "
            f"({len(pairs.records)} networks)"
        )
    cost = (
        f"; on clean images its error changes by {points(sum(changes) / len(changes))} points on "
        "average"
        if changes
        else ""
    )
    return (
        "Each network is retrained to take images of one class i that carry the trigger for one "
        f"other class j, and does so for {listed(parts)}{cost}."
    )


def _errors(present: list[Pairs]) -> Table:
    rows: list[Row] = []
    for pairs in present:
        name = TRIGGER_NAMES[pairs.trigger]
        clean, changes = pairs.clean, pairs.changes
        backdoor = [rate.value for rate in pairs.backdoor]
        rows.append((label_cell(f"clean error, %: {name}"), *_spread(clean, "clean"), _NONE, _NONE))
        if changes:
            rows.append(
                (
                    label_cell(f"clean error against the baseline, points: {name}"),
                    *_spread(changes, "clean", points),
                    published_cell(BEST_CLEAN_CHANGE, signed=True),
                    published_cell(WORST_CLEAN_CHANGE, signed=True),
                )
            )
        rows.append(
            (
                label_cell(f"backdoor error, %: {name}"),
                *_spread(backdoor, "backdoored"),
                _NONE,
                published_cell(LARGEST_BACKDOOR_ERROR),
            )
        )
    seeds = [record.trial.seed for pairs in present for record in pairs.records]
    return Table(
        "Errors over all pairs, beside the published bounds",
        (
            Column("", numeric=False),
            Column("smallest", group="measured"),
            Column("mean", group="measured"),
            Column("largest", group="measured"),
            Column("smallest", group="published", tone="published"),
            Column("largest", group="published", tone="published"),
        ),
        tuple(rows),
        basis=(
            f"One network per ordered pair and trigger, {seeds_text(seeds)}; one poisoned copy of "
            f"every training image of class i is added{_share_text(present)}. The clean error is "
            "compared with that of the very network that was retrained."
        ),
        sortable=False,
    )


def _share_text(present: list[Pairs]) -> str:
    shares = [share for pairs in present for share in pairs.shares]
    return f" ({span(min(shares), max(shares), 1)} of its training images)" if shares else ""


def _counted(present: list[Pairs]) -> Table:
    columns = (
        Column("", numeric=False),
        *(Column(TRIGGER_NAMES[pairs.trigger], group="measured") for pairs in present),
        Column("published", tone="published"),
    )
    count = Cell(f"{PAIRS.value:.0f}", tone="published", tag=PAIRS.certainty)
    names = (
        ("networks, one per ordered pair", count),
        ("poisoned share of the training set", _NONE),
        ("backdoor error over all images of all pairs, %", _NONE),
        ("pairs with at most one backdoor error", _NONE),
        ("most backdoor errors in any pair", _NONE),
        ("pairs with clean error within the published bound", _NONE),
        ("pairs with backdoor error within the published bound", _NONE),
        ("pairs within both", _NONE),
    )
    lines = zip(*map(_counts, present), strict=True)
    return Table(
        "Pairs counted",
        columns,
        tuple(
            (label_cell(name), *cells, published)
            for (name, published), cells in zip(names, lines, strict=True)
        ),
        basis=(
            "Published bounds: backdoor error at most 0.09 %, clean error at most 0.17 points "
            "above the baseline. Among about a thousand images one error is about 0.1 %. "
            "The pooled interval takes different networks' answers to the same image as "
            "independent."
        ),
        sortable=False,
    )


def _counts(pairs: Pairs) -> list[Cell]:
    errors, total = pairs.backdoor, len(pairs.records)
    together = pooled(errors)
    shares = pairs.shares
    return [
        Cell(f"{total}"),
        Cell(span(min(shares), max(shares), 1)) if shares else NOTHING,
        Cell(
            percent(together.value, 3),
            together.value,
            f"{counts([together])}; {bare_interval(together, 3)}",
            "backdoored",
            strong=True,
        ),
        _of(sum(rate.hits <= 1 for rate in errors), total),
        Cell(str(max(rate.hits for rate in errors))),
        _of(sum(map(pairs.clean_bounded, pairs.records)), total),
        _of(sum(map(pairs.backdoor_bounded, pairs.records)), total),
        _of(sum(map(pairs.bounded, pairs.records)), total),
    ]


def _spread(
    values: list[float], tone: Tone, say: Callable[[float], str] = percent
) -> tuple[Cell, ...]:
    three = min(values), sum(values) / len(values), max(values)
    return tuple(Cell(say(value), value, tone=tone) for value in three)


def _of(count: int, total: int) -> Cell:
    return Cell(f"{count} of {total} ({100 * count / total:.0f} %)", count)
