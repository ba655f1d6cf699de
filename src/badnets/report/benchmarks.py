"""Pages of benchmarks: what was found beside what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from badnets.report.figures import COLUMNS, Figure, measured_on, row_of
from badnets.report.page import Number, Page, Section, Table


class Part(NamedTuple):
    """A section of such a page.

    Attributes:
        name: its anchor.
        title, lead: its words.
        benches: benchmarks whose figures it holds.
    """

    name: str
    title: str
    lead: str
    benches: tuple[str, ...]


class Document(NamedTuple):
    """Such a page.

    Attributes:
        name: of its files.
        title, kicker: its words.
        parts: its sections.
    """

    name: str
    title: str
    kicker: str
    parts: tuple[Part, ...]

    @property
    def command(self) -> str:
        """What measures all of it again."""
        benches = " ".join(bench for part in self.parts for bench in part.benches)
        return f"python -m bench {benches} --json results/{self.name}.jsonl --replace"


SWEEPS = Document(
    "sweeps",
    "What sweeps cost, and what they survive",
    "badnets · sweeps on one machine and on several",
    (
        Part(
            "trial",
            "What a trial costs beside its training",
            "Trials that do nothing: all that is left is asking, claiming, sending, checking and "
            "keeping. The cost of one must not grow with their number.",
            ("sweeps", "sweeps_ray"),
        ),
        Part(
            "ledger",
            "The ledger",
            "A SQLite file and a PostgreSQL server on the same machine, both with 100,000 records.",
            ("ledger_scale", "ledger"),
        ),
        Part(
            "drivers",
            "Several drivers on one ledger",
            "Each claims what it runs, for a time that it renews.",
            ("drivers",),
        ),
        Part(
            "blows",
            "Killed in the middle",
            "Nodes, drivers and the database are killed while a sweep runs; in the end every trial "
            "has one record.",
            ("sweep_kills",),
        ),
        Part(
            "cohorts",
            "Cohorts",
            "Trainings that differ in backdoor, seed or learning rate, computed as one.",
            ("cohort",),
        ),
    ),
)
GUARDS = Document(
    "guards",
    "What a guard at the input tells apart",
    "badnets · inputs, as they come",
    (
        Part(
            "guard",
            "Triggered inputs and clean ones",
            "How often a triggered input scores higher than a clean one, by the guard that is used "
            "unasked and by each method alone, in the mean over up to three networks of the "
            "careful user's study; no guard saw the trigger. For triggers that are spread over the "
            "picture the best method counts. Then the time of a guarded network.",
            ("guard",),
        ),
    ),
)
DOCUMENTS = (SWEEPS, GUARDS)


def figures_page(document: Document, figures: Sequence[Figure]) -> Page:
    """Return the page.

    Args:
        document: which.
        figures: of its benchmarks; others are passed over.
    """
    wanted = [bench for part in document.parts for bench in part.benches]
    known = [one for one in figures if one.benchmark in wanted]
    judged = [one for one in known if one.verdict in ("met", "missed")]
    met = sum(one.verdict == "met" for one in judged)
    sections = []
    for part in document.parts:
        own = [one for bench in part.benches for one in known if one.benchmark == bench]
        if own:
            rows = tuple(map(row_of, own))
            table = Table(
                "What was wanted, what was found",
                COLUMNS,
                rows,
                basis=measured_on(own),
                sortable=False,
            )
            sections.append(Section(part.name, part.title, part.lead, (table,)))
    return Page(
        title=document.title,
        lead=f"{met} of {len(judged)} figures are met"
        + ("." if met == len(judged) else "; the others are named below."),
        story=None,
        numbers=(
            Number("Figures met", f"{met} of {len(judged)}", "of those that were wanted", "clean"),
        ),
        sections=tuple(sections),
        command=document.command,
        kicker=document.kicker,
        source="Each row names the command that finds it again. Times hold for the machine that is "
        "named below the table.",
    )
