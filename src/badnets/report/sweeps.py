"""What sweeps cost and survive, as a page: benchmarks beside the figures that were wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from badnets.report.figures import COLUMNS, Figure, measured_on, row_of
from badnets.report.page import Number, Page, Section, Table

PARTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "trial": (
        "What a trial costs beside its training",
        "Trials that do nothing: all that is left is asking, claiming, sending, checking and "
        "keeping. The cost of one must not grow with their number.",
        ("sweeps", "sweeps_ray"),
    ),
    "ledger": (
        "The ledger",
        "A SQLite file and a PostgreSQL server on the same machine, both with 100,000 records.",
        ("ledger_scale", "ledger"),
    ),
    "drivers": (
        "Several drivers on one ledger",
        "Each claims what it runs, for a time that it renews.",
        ("drivers",),
    ),
    "blows": (
        "Killed in the middle",
        "Nodes, drivers and the database are killed while a sweep runs; in the end every trial has "
        "one record.",
        ("sweep_kills",),
    ),
    "cohorts": (
        "Cohorts",
        "Trainings that differ in backdoor, seed or learning rate, computed as one.",
        ("cohort",),
    ),
}


def sweeps_page(figures: Sequence[Figure], command: str) -> Page:
    """Return the page.

    Args:
        figures: of the benchmarks in `PARTS`; others are passed over.
        command: what makes the page again.
    """
    known = [one for _, _, benches in PARTS.values() for one in figures if one.benchmark in benches]
    judged = [one for one in known if one.verdict in ("met", "missed")]
    met = sum(one.verdict == "met" for one in judged)
    sections = []
    for name, (title, lead, benches) in PARTS.items():
        own = [one for bench in benches for one in known if one.benchmark == bench]
        if own:
            rows = tuple(map(row_of, own))
            table = Table(
                "What was wanted, what was found",
                COLUMNS,
                rows,
                basis=measured_on(own),
                sortable=False,
            )
            sections.append(Section(name, title, lead, (table,)))
    return Page(
        title="What sweeps cost, and what they survive",
        lead=f"{met} of {len(judged)} figures are met"
        + ("." if met == len(judged) else "; the others are named below."),
        story=None,
        numbers=(
            Number("Figures met", f"{met} of {len(judged)}", "of those that were wanted", "clean"),
        ),
        sections=tuple(sections),
        command=command,
        kicker="badnets · sweeps on one machine and on several",
        source="Each row names the command that finds it again. Times hold for the machine that is "
        "named below the table.",
    )
