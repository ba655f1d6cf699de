"""The leaderboard as a page: what is left at a glance, every row, and what looking says."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from badnets.core.rates import pooled
from badnets.report.page import (
    Block,
    Cell,
    Column,
    Folded,
    Note,
    Number,
    Page,
    Section,
    Table,
)
from badnets.studies.leaderboard import boards
from badnets.studies.leaderboard.beside import beside
from badnets.studies.leaderboard.gathering import Gathered
from badnets.studies.leaderboard.looks import looks
from badnets.studies.leaderboard.matrices import matrices
from badnets.studies.leaderboard.naming import AS_TRAINED, base_of, is_plain
from badnets.studies.leaderboard.rows import Row, rows
from badnets.studies.outcomes import WORKS
from badnets.studies.wording import percent

NAME = "leaderboard"
MANY = 12  # collapsed groups that are named in a note; all are in the table and the CSV


class Leaderboard:
    """The rows, and what the page says of them all.

    Args:
        found: everything that there are records of.
        command: what makes the page again.
        csv: name of the file beside the page.
    """

    def __init__(self, found: Gathered, command: str, csv: str) -> None:
        self.found, self.command, self.csv = found, command, csv
        self.rows = list(rows(found.entries, found.depths))
        self.looks = list(looks(found.glances))

    @property
    def page(self) -> Page:
        """The page."""
        return Page(
            title="What is left of a backdoor",
            lead=self._lead,
            story=None,
            numbers=tuple(self._numbers()),
            sections=tuple(self._sections()),
            command=self.command,
            kicker="badnets \u00b7 leaderboard \u00b7 attacks and defences side by side",
            source=f"Drawn from {len(self.found.entries):,} records; nothing was trained for it.",
            notes=tuple(self._notes()),
        )

    @property
    def _attacked(self) -> list[Row]:
        """Rows of the plain kinds of backdoors."""
        return [row for row in self.rows if is_plain(row.key.attack)]

    @property
    def _lead(self) -> str:
        attacks = {row.key.attack for row in self._attacked}
        sets = {base_of(row.key.data) for row in self._attacked}
        done = {row.key.defence for row in self.rows} | {one.look for one in self.looks}
        kinds = {_kind(name) for name in done - {AS_TRAINED}}
        return (
            f"{_many(len(attacks), 'kind')} of attack on {_many(len(sets), 'data set')}, "
            f"{_many(len(kinds), 'defence')}, {_many(len(self.found.entries), 'network')}. Every "
            "number opens the networks that it rests on, and the command that makes them again."
        )

    def _numbers(self) -> Iterator[Number]:
        trained = [r for r in self._attacked if r.key.defence == AS_TRAINED and r.success]
        if trained:
            yield Number(
                "Attack success, as trained",
                f"{percent(fmean(row.success.mean for row in trained), 1)} %",
                f"mean over {_many(len(trained), 'row')}, "
                f"{_many(sum(len(row.counted) for row in trained), 'network')}",
                "backdoored",
            )
        treated: dict[str, list[Row]] = {}
        for row in self._attacked:
            if row.key.defence != AS_TRAINED and row.success:
                treated.setdefault(row.key.defence, []).append(row)
        if treated:
            name, own = max(treated.items(), key=lambda item: len(item[1]))
            worst = max(own, key=lambda row: row.success.mean)
            losses = [lost for row in own for lost in row.losses]
            cost = f"; {100 * fmean(losses):.1f} points of clean accuracy lost" if losses else ""
            yield Number(
                f"Attack success, {name}",
                f"{percent(fmean(row.success.mean for row in own), 1)} %",
                f"mean over {_many(len(own), 'row')}: the defence with most; worst: "
                f"{worst.key.attack} on {worst.key.data}, {percent(worst.success.mean, 1)} %{cost}",
                "clean",
            )
        audits = [one for one in self.looks if boards.is_audit(one)]
        called = pooled(one.called for one in audits if is_plain(one.key.attack))
        clean = {id(one.clean): one.alarms for one in audits if is_plain(one.key.attack)}
        if called.total:
            alarms = pooled(clean.values())
            yield Number(
                "Backdoored networks found by an audit",
                f"{percent(called, 0)} %",
                f"{called.hits} of {called.total}, of plain kinds of attack that work",
            )
            yield Number(
                "Clean networks called backdoored",
                f"{percent(alarms, 1)} %",
                f"{alarms.hits} of {alarms.total} beside them; 5 % are allowed",
                "muted",
            )

    def _notes(self) -> Iterator[Note]:
        if damaged := self.found.damaged:
            more = f"; and {len(damaged) - 3} more" if len(damaged) > 3 else ""
            said = f"{_many(len(damaged), 'record')} left out: {'; '.join(damaged[:3])}{more}."
            yield Note(said, "warning")

    def _sections(self) -> Iterator[Section]:
        tables = matrices(self.rows, self.looks)
        if tables:
            yield Section(
                "glance",
                "At a glance",
                "How many triggered images still get the attacker's answer, in per cent: the "
                "deeper the colour, the more is left. A small number below: the points of clean "
                "accuracy that it costs, where they are two or more. On the right, what an audit, "
                "a check of the training set and a guard at the input find. A dash has not been "
                "measured.",
                tuple(tables),
            )
        yield Section(
            "rows", "Every row", _ROWS, (boards.of_rows(self.rows, self.csv), *self._fallen())
        )
        if self.looks:
            yield Section(
                "looks", "What looking says", _LOOKS, (boards.of_looks(self.looks, self.csv),)
            )
        if published := tuple(beside(self.rows)):
            yield Section("published", "Beside BackdoorBench", _BESIDE, published)
        yield Section("counted", "What is counted", _COUNTED, tuple(map(Note, _RULES)))

    def _fallen(self) -> Iterator[Block]:
        fallen = [row for row in self.rows if row.fallen]
        if not fallen:
            return
        count = sum(len(row.fallen) for row in fallen)
        names = [f"{row.key.defence} on {row.key.data}, {row.key.attack}" for row in fallen]
        more = f"; and {len(names) - MANY} more" if len(names) > MANY else ""
        yield Note(
            f"{_many(count, 'network')} collapsed: they give nearly always the same answer, are in "
            f"no mean and never count as a success: {'; '.join(names[:MANY])}{more}.",
            "warning",
        )
        columns = ("record", "attack", "defence", "data", "network", "seed")
        lines = tuple(
            (
                *map(Cell, (one.name, row.key.attack, row.key.defence)),
                *map(Cell, (row.key.data, row.key.network, str(one.seed))),
            )
            for row in fallen
            for one in row.fallen
        )
        titles = tuple(Column(name, numeric=False) for name in columns)
        yield Folded("The collapsed networks", (Table("Collapsed networks", titles, lines),))


def _kind(defence: str) -> str:
    """Return a defence without which layers were retrained, and what an audit compared with."""
    return "retrained" if defence.startswith("retrained") else defence.partition(",")[0]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


_ROWS = (
    "One row for each kind of attack, rate of poisoned images, defence, data set and architecture: "
    "means over networks of several seeds, with 95 % intervals. Networks of several settings that "
    "are of no study share a row. It says how many settings there are, and what they differ in "
    "where that number is pointed at; from where to where they go stands in place of the interval."
)
_LOOKS = (
    "None of these changes a network: audits of models and of training sets, and guards at the "
    "input. Beside what they find stands what they say of clean networks and images."
)
_BESIDE = (
    "BackdoorBench's leaderboard has BadNets with 10 % of the images poisoned. Compare what each "
    "method leaves of the attack, not the accuracies: networks, trainings and images differ."
)
_COUNTED = "The same rules hold for every row."
_RULES = (
    "Attack success: triggered images that get the attacker's answer, those left out whose true "
    "class it is. A clean network's: the same images, answered by a network without a backdoor. "
    "Robust: triggered images that are named rightly.",
    "Intervals are of the mean over networks, on one network's images. Objects in street scenes "
    "have none here: objects of one scene are alike.",
    f"After a defence a network counts if its backdoor worked before, on {percent(WORKS, 0)} % of "
    "the images or more. Collapsed networks are named, and in no mean.",
    "Rates of poisoned images stand in one row between 0, 2, 5, 10, 20, 50 and 100 %.",
    "An audit judges a network by clean ones. Where a study has its own, they are those of its "
    "calibration part; 'packaged null' means those that come with badnets.",
)
