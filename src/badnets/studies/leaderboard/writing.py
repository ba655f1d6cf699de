"""The leaderboard as files: a page, its numbers as CSV, and a summary in Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.bundles.atomic import write_text
from badnets.core.errors import SettingError
from badnets.core.garbage import uncollected
from badnets.core.printing import no_formula
from badnets.core.rates import Rate
from badnets.report import write_html
from badnets.studies.aggregate import Over
from badnets.studies.defended.published import BADNETS
from badnets.studies.leaderboard.boards import rates_text
from badnets.studies.leaderboard.entries import Entry
from badnets.studies.leaderboard.gathering import gather
from badnets.studies.leaderboard.looks import Look
from badnets.studies.leaderboard.naming import AS_PUBLISHED, AS_TRAINED
from badnets.studies.leaderboard.page import NAME, Leaderboard
from badnets.studies.leaderboard.rows import Key, Row

if TYPE_CHECKING:
    from badnets.ledger import Ledger

COLUMNS = (
    "row", "source", "data", "network", "attack", "poisoning_rate", "defence", "share", "measure",
    "value", "low", "high", "n", "networks", "collapsed", "weak",
    "settings", "differ_in", "seeds", "records",
)  # fmt: skip
RATES = ("success", "control", "robust", "clean", "again", "again_control")
TITLES = {
    "success": "attack success",
    "control": "attack success of a clean network",
    "robust": "robust accuracy",
    "clean": "clean accuracy",
    "again": "attack success after 50 poisoned images",
    "again_control": "the same of a clean network",
}
LOST = "clean accuracy lost (smallest, largest)"
IMAGES = {
    "found": "poisoned or triggered images flagged",
    "wronged": "other images flagged",
    "passed": "attacker's answer passes",
}


def write_leaderboard(
    ledger: Ledger | None, exports: Sequence[Path], out: Path, command: str, *, force: bool = False
) -> tuple[list[Path], list[str]]:
    """Write the page and the CSV beside it; return both paths, and what was left out.

    Args:
        ledger: a ledger; None: exports alone.
        exports: files that `badnets ledger export` wrote.
        out: the page; the CSV has its name.
        command: what makes the page again.
        force: whether files that are there are replaced.

    Raises:
        SettingError: a file is there already, one is no export, or there are no records.
        LedgerError: a ledger or a file cannot be read.
        OutputError: a file cannot be written.
    """
    beside = out.with_suffix(".csv")
    for path in (out, beside):
        if path.exists() and not force:
            raise SettingError(f"{path} is there already: name another file, or give --force")
    with uncollected():
        found = gather(ledger, exports)
        board = Leaderboard(found, command, beside.name)
        write_text(beside, to_csv(board))
        return [write_html(board.page, out), beside], found.damaged


def write_document(exports: Sequence[Path], target: Path, command: str) -> list[Path]:
    """Write ``leaderboard.md``, the page and the CSV to a folder; return their paths.

    Raises: as `write_leaderboard`.
    """
    from badnets.report import to_markdown  # matplotlib, for pages that have drawings

    board = Leaderboard(gather(None, exports), command, f"{NAME}.csv")
    page, files = board.page, {end: target / f"{NAME}.{end}" for end in ("csv", "html", "md")}
    write_text(files["csv"], to_csv(board))
    write_html(page, files["html"])
    write_text(files["md"], to_markdown(page, NAME).text)
    return [files["md"], files["html"], files["csv"]]


def to_csv(board: Leaderboard) -> str:
    """Return every number of every row as a line: shares in [0, 1], with what they rest on.

    The first line of a row names its seeds and records.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in board.rows:
        pooled = [row.pooled.settings or "", " ".join(row.pooled.differ_in)]
        writer.writerows(map(_plain, _named_once(_of_row(row), row.every, pooled)))
    for look in board.looks:
        own = [one.entry for one in look.own]
        writer.writerows(map(_plain, _named_once(_of_look(look, own), own, ["", ""])))
    writer.writerows(map(_plain, _published(board)))
    return text.getvalue()


def _named_once(
    lines: Iterable[list[object]], entries: Sequence[Entry], pooled: Sequence[object]
) -> Iterator[list[object]]:
    """Yield lines, the first with what differs, the seeds, and the names of the records."""
    seeds = " ".join(map(str, sorted({one.seed for one in entries})))
    last = [*pooled, seeds, " ".join(one.name for one in entries)]
    for line in lines:
        yield [*line, *last]
        last = [""] * len(last)


def _of_row(row: Row) -> Iterator[list[object]]:
    key = row.key
    counts = [len(row.counted), len(row.fallen), len(row.weak)]
    head = _head(key.name, key, row.every, key.defence)
    for name in RATES:
        over: Over = getattr(row, name)
        if over or (name == "success" and not row.counted):
            ends: tuple[object, object] = ("", "")
            if over and not row.has_scenes:
                ends = over.interval
            n = over.typical.total if over else ""
            yield [*head, TITLES[name], over.mean if over else "", *ends, n, *counts]
    if row.losses:
        mean = sum(row.losses) / len(row.losses)
        ends = (min(row.losses), max(row.losses))
        yield [*head, LOST, mean, *ends, "", *counts]


def _of_look(look: Look, own: Sequence[Entry]) -> Iterator[list[object]]:
    state = "" if look.key.defence == AS_TRAINED else f", {look.key.defence}"
    head = _head(look.name, look.key, own, f"{look.look}{state}")
    rates: dict[str, Rate] = {
        "called backdoored or poisoned": look.called,
        "clean ones called so": look.alarms,
        **{title: look.images(name) for name, title in IMAGES.items()},
    }
    for title, rate in rates.items():
        if rate.total:
            ends = (rate.value, *rate.interval, rate.total)
            yield [*head, title, *ends, len(own), "", ""]


def _published(board: Leaderboard) -> Iterator[list[object]]:
    sets = {row.key.data for row in board.rows}
    for data, published in BADNETS.items():
        for one in published if data in sets else ():
            head = [
                "",
                "BackdoorBench",
                data,
                "PreActResNet-18",
                AS_PUBLISHED,
                "10 %",
                one.title,
                "",
            ]
            for name in ("accuracy", "success", "robust"):
                title = TITLES["clean" if name == "accuracy" else name]
                value = getattr(one, name).value / 100
                yield [*head, title, f"{value:.4f}", *[""] * (len(COLUMNS) - len(head) - 2)]


def _head(name: str, key: Key, entries: Sequence[Entry], defence: str) -> list[object]:
    rates = rates_text(entries)[0] if key.rates else ""
    head = [name, "badnets", key.data, key.network, key.attack, rates and f"{rates} %"]
    return [*head, defence, key.share]


def _plain(line: Sequence[object]) -> list[object]:
    return [
        f"{one:.6g}" if isinstance(one, float) else no_formula(one) if isinstance(one, str) else one
        for one in line
    ]
