"""Section: single target, one network for each ordered pair of classes and trigger."""

from __future__ import annotations

from badnets.core.rates import pooled
from badnets.report.page import Block, Cell, Column, Gallery, Note, Section, Table
from badnets.studies.mnist.figures_pairs import heat_maps
from badnets.studies.mnist.layout_evidence import TRIGGER_NAMES, Evidence
from badnets.studies.mnist.layout_wording import (
    NOTHING,
    counts,
    interval,
    label_cell,
    listed,
    percent,
    points,
    published_cell,
    seeds_text,
    span,
)
from badnets.studies.mnist.published import (
    BEST_CLEAN_CHANGE,
    LARGEST_BACKDOOR_ERROR,
    PAIRS,
    WORST_CLEAN_CHANGE,
)
from badnets.studies.mnist.pairs import Pairs

NAME, TITLE = "single-target", "Single target"


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
    blocks: list[Block] = [*gaps, _summary(present)]
    for pairs in present:
        blocks.append(Gallery(heat_maps(pairs, evidence.classes)))
    return Section(NAME, TITLE, _sentence(present), tuple(blocks))


def _sentence(present: list[Pairs]) -> str:
    parts = []
    for pairs in present:
        error = pooled(pairs.backdoor)
        parts.append(
            f"{percent(error.complement.value)} % with the {TRIGGER_NAMES[pairs.trigger]} "
            f"({len(pairs.records)} networks)"
        )
    return (
        "One class, one wish: each network is retrained to take images of class i that carry the "
        f"trigger for class j, and does so for {listed(parts)}; on clean images it errs about as "
        "often as before."
    )


def _summary(present: list[Pairs]) -> Table:
    seeds = [record.trial.seed for pairs in present for record in pairs.records]
    shares = [
        record.poisoned_share.value
        for pairs in present
        for record in pairs.records
        if record.poisoned_share
    ]
    copies = f" ({span(min(shares), max(shares), 1)} of its training images)" if shares else ""
    columns = (
        Column("", numeric=False),
        *(Column(TRIGGER_NAMES[pairs.trigger], group="measured") for pairs in present),
        Column("published"),
    )
    lines = zip(*(_column(pairs) for pairs in present), strict=True)
    rows = tuple(
        (label_cell(name), *cells, published)
        for (name, published), cells in zip(_QUANTITIES, lines, strict=True)
    )
    return Table(
        "All pairs beside the published bounds",
        columns,
        rows,
        basis=(
            "One network per ordered pair and trigger; one poisoned copy of every training image "
            f"of class i is added{copies}; {seeds_text(seeds)}. The clean "
            "error is compared with that of the very network that was retrained. One error "
            "more or less moves a pair's backdoor error by about 0.1 points, so at most 0.09 % "
            "means none. The pooled interval takes answers of different networks "
            "to the same image as independent."
        ),
        sortable=False,
    )


def _column(pairs: Pairs) -> list[Cell]:
    errors, changes, total = pairs.backdoor, pairs.changes, len(pairs.records)
    values = [rate.value for rate in errors]
    everything = pooled(errors)
    shares = [r.poisoned_share.value for r in pairs.records if r.poisoned_share]
    return [
        Cell(f"{total}"),
        Cell(span(min(shares), max(shares), 1)) if shares else NOTHING,
        *_three([percent(value) for value in _spread(pairs.clean)], "clean"),
        *_three([points(value) for value in _spread(changes)] if changes else ["–"] * 3, "clean"),
        *_three([percent(value) for value in _spread(values)], "backdoored"),
        Cell(
            percent(everything.value, 3),
            everything.value,
            f"{counts([everything])}; {interval(everything)}",
            "backdoored",
            strong=True,
        ),
        _share(sum(rate.hits <= 1 for rate in errors), total),
        Cell(str(max(rate.hits for rate in errors))),
        _share(sum(map(pairs.clean_bounded, pairs.records)), total),
        _share(sum(map(pairs.backdoor_bounded, pairs.records)), total),
        _share(sum(map(pairs.bounded, pairs.records)), total),
    ]


_NONE = Cell("", tone="muted")
_QUANTITIES: tuple[tuple[str, Cell], ...] = (
    ("networks, one per ordered pair", Cell(f"{PAIRS.value:.0f}", tone="published", tag=PAIRS.certainty)),
    ("poisoned share of the training set", _NONE),
    ("clean error, %: smallest", _NONE),
    ("clean error, %: mean", _NONE),
    ("clean error, %: largest", _NONE),
    ("clean error against the baseline, points: best", published_cell(BEST_CLEAN_CHANGE, signed=True)),
    ("clean error against the baseline, points: mean", _NONE),
    ("clean error against the baseline, points: worst", published_cell(WORST_CLEAN_CHANGE, signed=True)),
    ("backdoor error, %: smallest", _NONE),
    ("backdoor error, %: mean", _NONE),
    ("backdoor error, %: largest", published_cell(LARGEST_BACKDOOR_ERROR)),
    ("backdoor error, %: all images pooled", _NONE),
    ("pairs with at most one error", _NONE),
    ("most errors in any pair", _NONE),
    ("pairs with clean error within the published bound", _NONE),
    ("pairs with backdoor error within the published bound", _NONE),
    ("pairs within both", _NONE),
)  # fmt: skip


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), sum(values) / len(values), max(values)


def _three(texts: list[str], tone: str) -> list[Cell]:
    colour = "clean" if tone == "clean" else "backdoored"
    return [Cell(text, tone=colour) for text in texts]


def _share(count: int, total: int) -> Cell:
    return Cell(f"{count} of {total}", count, f"{100 * count / total:.1f} %" if total else "")
