"""Runs the attacks: what was tried, what it was refused for, and whether that is what it must be.

A row passes if it is refused for its own reason: a missing file or a server's error must not pass
for a signature that was found wrong. Rows share a repository, of which each gets a copy.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError

from badnets._version import __version__
from badnets.bundles.schema import one_line
from badnets.core.errors import DataError
from badnets.core.files import read_file
from badnets.core.printing import printable
from badnets.core.progress import Listener, Progress
from badnets.core.results import Result
from badnets.hub.attacks.rows import (
    AUDIT_RATE,
    Attack,
    Control,
    Group,
    Limit,
    Skipped,
    WentWrong,
    reason_of,
)
from badnets.hub.attacks.stage import Scene, World, world

GROUPS: dict[str, str] = {
    "bytes": "on_bytes",
    "metadata": "on_metadata",
    "statements": "on_statements",
    "names and files": "on_names",
    "code": "on_code",
    "at rest": "at_rest",
    "races": "races",
    "interrupted": "interrupted",
    "servers": "by_servers",
    "publisher": "by_publishers",
}
"""Group of attacks -> module with its table."""

_OF_THE_ROW = re.compile(
    r"'[^']*'|\"[^\"]*\"|\S*/\S*|\S*[0-9]\S*|\S+\.(?:json|safetensors|md|sig|py|pt|key)\b"
    r"|\b(?:alice|bob|carol|dave|eve|mallory|root|snapshot|timestamp|targets)\b"
)
T = TypeVar("T")
Ended = Literal["refused", "accepted", "for another reason", "skipped"]


class Row(Result):
    """An attack, and what came of it.

    Attributes:
        group: the kind of attack.
        attack: what was done.
        expected: what it must be refused for.
        got: what it was refused for; empty where it was not.
        ended: whether that is right.
        said: the line that a user sees.
        seconds: how long it took.
    """

    group: str = Field(title="group")
    attack: str = Field(title="attack")
    expected: str = Field(title="must be refused for")
    got: str = Field(title="was refused for")
    ended: Ended = Field(title="result")
    said: str = Field(title="line")
    seconds: float = Field(ge=0)


class ControlRow(Result):
    """Something honest, and whether it was let in.

    Attributes:
        control: what was done.
        accepted: whether it was let in, with the right content.
        said: why it was not.
        seconds: how long it took.
    """

    control: str = Field(title="control")
    accepted: bool
    said: str = Field(title="line")
    seconds: float = Field(ge=0)


class LimitRow(Result):
    """An attack that no check of the hub can see.

    Attributes:
        attack: what was done.
        accepted: whether it was let in, as it must be expected.
        why: no check sees it, and what stands in its way.
    """

    attack: str = Field(title="accepted by nature")
    accepted: bool
    why: str = Field(title="why, and what stands in its way")


class BenchReport(Result):
    """What the bench of attacks found.

    Attributes:
        tried: attacks.
        different: refusals that differ by more than names and numbers in their line: what counts
            where variants of one mechanism shall count once.
        accepted: those that were let in.
        rows: every attack.
        controls: everything honest.
        limits: attacks that no check can see.
        rate_of_audits: the document and the words under which their rate is found.
        seconds: of all of it.
        made_with: versions and machine.
    """

    groups: dict[str, str] = Field(title="", exclude=True)
    all_: str = Field(title="all", exclude=True)
    let_in: str = Field(title="controls", exclude=True)
    tried: int
    different: int = Field(title="different refusals")
    accepted: int
    for_another_reason: int
    skipped: int
    wrong: tuple[Row, ...] = Field(title="not as they must be", exclude=True)
    controls_refused: tuple[ControlRow, ...] = Field(title="controls refused", exclude=True)
    rows: tuple[Row, ...]
    controls: tuple[ControlRow, ...]
    limits: tuple[LimitRow, ...] = Field(title="accepted by nature")
    rate_of_audits: tuple[str, str]
    seconds: float = Field(title="seconds")
    made_with: str = Field(title="with")

    @classmethod
    def of(
        cls,
        rows: Iterable[Row],
        controls: Iterable[ControlRow],
        limits: Iterable[LimitRow],
        seconds: float,
        made_with: str | None = None,
    ) -> Self:
        """Return the report of these rows; ``made_with`` is this machine where it is not said."""
        rows, controls = tuple(rows), tuple(controls)
        names = dict.fromkeys(one.group for one in rows)
        refused = [one for one in controls if not one.accepted]
        return cls(
            groups={name: counted(one for one in rows if one.group == name) for name in names},
            all_=counted(rows),
            let_in=f"{len(controls) - len(refused)} of {len(controls)} accepted",
            tried=_number(rows, "refused", "accepted", "for another reason"),
            different=len({(one.got, _line(one.said)) for one in rows if one.ended == "refused"}),
            accepted=_number(rows, "accepted"),
            for_another_reason=_number(rows, "for another reason"),
            skipped=_number(rows, "skipped"),
            wrong=tuple(one for one in rows if one.ended != "refused"),
            controls_refused=tuple(refused),
            rows=rows,
            controls=controls,
            limits=tuple(limits),
            rate_of_audits=AUDIT_RATE,
            seconds=round(seconds, 1),
            made_with=made_with or _made_with(),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the report that ``bench-attacks --json -o FILE`` wrote.

        Raises:
            DataError: it cannot be read as one.
        """
        try:
            said = _Written.model_validate_json(read_file(path, 2**26))
        except ValidationError as error:
            what = f"{path} is no report as `badnets hub bench-attacks --json -o FILE` writes it"
            raise DataError(one_line(error, what)) from None
        return cls.of(said.rows, said.controls, said.limits, said.seconds, said.made_with)

    @property
    def exit_code(self) -> int:
        """1 if an attack was let in, was refused for another reason, or a control was refused."""
        return int(bool(self.accepted or self.for_another_reason or self.controls_refused))


class _Written(BaseModel):
    """What all else of a report follows from."""

    rows: tuple[Row, ...]
    controls: tuple[ControlRow, ...]
    limits: tuple[LimitRow, ...]
    seconds: float
    made_with: str


def _made_with() -> str:
    import platform
    from importlib.metadata import version

    return (
        f"badnets {__version__}, python-tuf {version('tuf')}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def counted(rows: Iterable[Row]) -> str:
    """Return how many were tried and how many were let in, in words."""
    rows = tuple(rows)
    other, skipped = _number(rows, "for another reason"), _number(rows, "skipped")
    return (
        f"{len(rows) - skipped} tried, {_number(rows, 'accepted')} accepted"
        + (f", {other} refused for another reason" if other else "")
        + (f", {skipped} skipped" if skipped else "")
    )


def groups(*names: str) -> list[Group]:
    """Return the groups of these names; all where none is named."""
    modules = [GROUPS[name] for name in names or GROUPS]
    return [import_module(f"badnets.hub.attacks.{module}").GROUP for module in modules]


def bench(
    *names: str, controls: bool = True, folder: Path | None = None, tell: Listener | None = None
) -> BenchReport:
    """Try all attacks of these groups on a real repository on loopback.

    Args:
        names: keys of `GROUPS`; none: all.
        controls: whether what must be let in is tried too, and what no check can see.
        folder: that a temporary folder is made in; None: the system's.
        tell: told how many rows there are of how many.
    """
    from badnets.hub.attacks.controls import CONTROLS, LIMITS

    begun = time.monotonic()
    attacks = [(group.name, attack) for group in groups(*names) for attack in group.attacks]
    honest = CONTROLS if controls else ()
    limits = LIMITS if controls else ()
    total, done = len(attacks) + len(honest) + len(limits), 0

    def each(rows: Iterable[T]) -> list[T]:
        nonlocal done
        found = []
        for row in rows:
            found.append(row)
            done += 1
            if tell is not None:
                tell(Progress(done, total, "attacks"))
        return found

    with world(folder) as made:
        rows = each(tried(group, attack, made) for group, attack in attacks)
        let_in = each(_let_in(control, made) for control in honest)
        seen = each(_seen(limit, made) for limit in limits)
    return BenchReport.of(rows, let_in, seen, time.monotonic() - begun)


def tried(group: str, attack: Attack, made: World) -> Row:
    """Return what came of an attack."""
    error, seconds = ran(attack.run, made)
    said = "" if error is None else printable(" ".join(str(error).split()))[:500]
    got = "" if error is None else reason_of(error)
    ended: Ended = "for another reason"
    if error is None:
        ended = "accepted"
    elif isinstance(error, Skipped):
        ended, got = "skipped", ""
    elif isinstance(error, WentWrong):
        got = "not as it must be"
    elif attack.within_s is not None and seconds > attack.within_s:
        got = f"{got}, after {seconds:.0f} s"
    elif got == attack.reason and attack.says in said:
        ended = "refused"
    return Row(
        group=group,
        attack=attack.name,
        expected=attack.reason,
        got=got,
        ended=ended,
        said=said.replace(str(made.folder), "..."),
        seconds=round(seconds, 3),
    )


def _let_in(control: Control, made: World) -> ControlRow:
    error, seconds = ran(control.run, made)
    said = "" if error is None else f"{reason_of(error)}: {error}"[:500]
    return ControlRow(
        control=control.name, accepted=error is None, said=said, seconds=round(seconds, 3)
    )


def _seen(limit: Limit, made: World) -> LimitRow:
    error, _ = ran(limit.run, made)
    return LimitRow(attack=limit.name, accepted=error is None, why=limit.why)


def ran(run: Callable[[Scene], object], made: World) -> tuple[Exception | None, float]:
    """Return what a row ended with, and how many seconds it took."""
    folder = made.folder / "scene"
    begun = time.monotonic()
    try:
        run(Scene(made, folder))
    except Exception as error:  # noqa: BLE001 - an uncaught fault is what is looked for
        return error, time.monotonic() - begun
    finally:
        _delete(folder)
    return None, time.monotonic() - begun


def _line(said: str) -> str:
    """Return a line without the names, places, digests and numbers in it."""
    return _OF_THE_ROW.sub("*", said)


def _number(rows: Iterable[Row], *ended: Ended) -> int:
    return sum(one.ended in ended for one in rows)


def _delete(folder: Path) -> None:
    if folder.exists():
        for one in folder.rglob("*"):
            if one.is_dir() and not one.is_symlink():
                one.chmod(0o755)
        shutil.rmtree(folder)
