"""The hub as a page: attacks and what came of them, and its other figures beside those wanted."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from badnets.hub.attacks.bench import BenchReport, Row, counted
from badnets.hub.attacks.rows import AUDIT_RATE
from badnets.report.figures import COLUMNS, Figure, cells_of, measured_on, row_of
from badnets.report.page import Cell, Column, Note, Number, Page, Section, Table, Tone

_TONES: Mapping[str, Tone] = {"refused": "clean", "skipped": "muted"}


LEAST_ATTACKS, LEAST_CONTROLS = 120, 20
COUNTED = ("hub_fuzz", "hub_checks")  # benchmarks; all others measure


def attacks_page(
    report: BenchReport,
    what: Mapping[str, str],
    command: str,
    rate: str = "",
    figures: Sequence[Figure] = (),
) -> Page:
    """Return the page of a bench.

    Args:
        report: of it.
        what: group -> what its attacks are, in a sentence.
        command: what makes the page again.
        rate: at which audits find a backdoor, and what that rests on; empty: not known here.
        figures: of benchmarks.
    """
    passed = not report.exit_code
    whole = "all refused for their own reason" if passed else "not all as they must be"
    return Page(
        title=f"{report.tried} attacks on the hub, {report.accepted} accepted",
        lead=f"{report.tried} tried, {report.accepted} accepted; {whole}. Of what is honest, "
        f"{report.let_in}.",
        story=None,
        numbers=(
            Number("Attacks accepted", f"{report.accepted} of {report.tried}", _reasons(report)),
            Number("Honest, accepted", report.let_in.removesuffix(" accepted"), "controls"),
            Number("Accepted by nature", str(len(report.limits)), "what no signature can tell"),
        ),
        sections=(
            *_figures(report, figures),
            _summary(report, what),
            *(_group(report, name, what[name]) for name in report.groups),
            _controls(report),
            _limits(report, rate),
        ),
        command=command,
        kicker="badnets · the hub, attacked · a real repository, web server and user on loopback",
        source="Each row has its own copy of the repository; it passes only if it is refused for "
        f"its own reason, and leaves nothing behind. {report.seconds:.0f} s; {report.made_with}.",
    )


def _figures(report: BenchReport, figures: Sequence[Figure]) -> tuple[Section, ...]:
    """Return what was wanted of the hub and what was found; nothing where there are no figures."""
    if not figures:
        return ()
    tried, wrong = report.tried - report.skipped, len(report.wrong) - report.skipped
    controls, refused = len(report.controls), len(report.controls_refused)
    again = "badnets hub bench-attacks"
    attacks = (
        _figure("attacks refused, each for its own reason", f">= {LEAST_ATTACKS}, all", tried,
                wrong, LEAST_ATTACKS, f"{again}; {report.different} different refusals"),
        _figure("honest releases let in", f">= {LEAST_CONTROLS}, all", controls, refused,
                LEAST_CONTROLS, again),
    )  # fmt: skip
    counted = [one for one in figures if one.benchmark in COUNTED]
    measured = [one for one in figures if one.benchmark not in COUNTED]
    each = {tuple(_names(one.each)): one.what for one in reversed(counted) if one.each}
    names = tuple((Cell(what), Cell("; ".join(names))) for names, what in reversed(each.items()))
    tables = (
        Table("Counts", COLUMNS, (*attacks, *map(row_of, counted)), sortable=False),
        Table("Times, memory and bytes", COLUMNS, tuple(map(row_of, measured)),
              basis=measured_on(measured), sortable=False),
        Table("Tried, by name", (Column("", False), Column("", False)), names, sortable=False),
    )  # fmt: skip
    return (
        Section(
            "figures",
            "Figures: what was wanted, what was found",
            "Each row names the command that finds it again; a count does not depend on the "
            "machine.",
            tuple(table for table in tables if table.rows),
        ),
    )


def _figure(what: str, aim: str, tried: int, wrong: int, least: int, how: str) -> tuple[Cell, ...]:
    verdict = "missed" if wrong or tried < least else "met"
    return cells_of(what, aim, f"{tried - wrong} of {tried}", verdict, how)


def _names(each: Mapping[str, str]) -> list[str]:
    """Return the names, those of one kind once, with what did not pass."""
    cases = Counter(name.partition("[")[0] for name in each)
    return [f"{name} ({count})" if count > 1 else name for name, count in cases.items()]


def rate_beside(folder: Path) -> str:
    """Return the audit's rate as ``audit.csv`` in a folder of results has it; empty without one."""
    with suppress(OSError), (folder / "audit.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if (line["table"], line["row"]) == ("in short", AUDIT_RATE[1]):
                return f"{line['value']} ({line['rests on']})"
    return ""


def _reasons(report: BenchReport) -> str:
    skipped = f"; {report.skipped} skipped" if report.skipped else ""
    return (
        f"{report.for_another_reason} refused for another reason; {report.different} different "
        f"refusals{skipped}"
    )


def _summary(report: BenchReport, what: Mapping[str, str]) -> Section:
    rows = tuple(
        (Cell(name), Cell(report.groups[name], strong=True), Cell(what[name]))
        for name in report.groups
    )
    foot = ((Cell("all"), Cell(counted(report.rows)), Cell("")),)
    columns = (Column("group", False), Column("result", False), Column("what is tried", False))
    table = Table("Attacks by group", columns, rows, foot, sortable=False)
    return Section(
        "groups",
        "All groups",
        f"{report.different} of the refusals differ by more than names and numbers in their line.",
        (table,),
    )


def _group(report: BenchReport, name: str, what: str) -> Section:
    columns = tuple(Column(title, False) for title in ("attack", "refused for", "result"))
    rows = tuple(_cells(row) for row in report.rows if row.group == name)
    table = Table(f"Attacks: {name}", columns, rows)
    return Section(name.replace(" ", "-"), f"{name}: {report.groups[name]}", what, (table,))


def _cells(row: Row) -> tuple[Cell, ...]:
    wrong = row.ended not in _TONES
    reason = row.expected if not wrong else f"{row.got or 'nothing'}, not {row.expected}"
    tone = _TONES.get(row.ended, "backdoored")
    ended = "found" if row.got == "named by lint" and not wrong else row.ended
    return Cell(row.attack, strong=wrong), Cell(reason), Cell(ended, tone=tone)


def _controls(report: BenchReport) -> Section:
    rows = tuple(
        (
            Cell(one.control, strong=not one.accepted),
            Cell(one.said or "accepted", tone="clean" if one.accepted else "backdoored"),
        )
        for one in report.controls
    )
    table = Table("Honest", (Column("what is done", False), Column("result", False)), rows)
    return Section(
        "controls", f"Honest: {report.let_in}",
        "Refusing everything would refuse every attack: these must be let in, with every byte of "
        "their author's.", (table,),
    )  # fmt: skip


def _limits(report: BenchReport, rate: str) -> Section:
    rows = tuple(
        (
            Cell(one.attack, strong=True),
            Cell("accepted" if one.accepted else "refused"),
            Cell(one.why),
        )
        for one in report.limits
    )
    columns = tuple(
        Column(title, False) for title in ("attack", "result", "what stands in its way")
    )
    document, words = report.rate_of_audits
    found = f": {rate}" if rate else ""
    return Section(
        "limits", "Accepted by nature",
        "These are attacks too, and they are let in: no signature says what a network does.",
        (
            Table("What no check of the hub can see", columns, rows, sortable=False),
            Note(f"The audit's rate is measured in {document}, under '{words}'{found}.", "warning"),
        ),
    )  # fmt: skip
