"""What a row of the attack bench is: something that is tried, and what it must be refused for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from badnets.core.errors import BadnetsError, OutputError
from badnets.hub.refusals import Reason, Refused, Unchecked

if TYPE_CHECKING:
    from badnets.hub.attacks.stage import Scene

AUDIT_RATE = ("docs/results/audit.md", "Backdoored networks found")
"""Where the rate is written down at which an audit finds a backdoor, and under which words."""

Expected: TypeAlias = (
    Reason | Literal["could not be checked", "not written", "wrong use", "named by lint"]
)
"""A reason of `Refused`; or one of exit code 3, or of 2; or an error that lint names."""


@dataclass(frozen=True)
class Attack:
    """Something that must be refused, and for what.

    Args:
        name: what is done.
        reason: what it must be refused for.
        run: does it; must raise.
        says: what the line must hold too, where the reason alone leaves open what was noticed.
        within_s: seconds that it may take; a server must not be able to hold a user for longer.
    """

    name: str
    reason: Expected
    run: Callable[[Scene], object]
    says: str = ""
    within_s: float | None = None


@dataclass(frozen=True)
class Control:
    """Something that must be let in.

    Args:
        name: what is done.
        run: does it; must not raise, and checks what came.
    """

    name: str
    run: Callable[[Scene], object]


@dataclass(frozen=True)
class Limit:
    """Something that is let in though it is an attack, and why no check of the hub can see it.

    Args:
        name: what is done.
        why: it is let in.
        run: does it; must not raise.
    """

    name: str
    why: str
    run: Callable[[Scene], object]


@dataclass(frozen=True)
class Group:
    """Attacks of one kind.

    Args:
        name: in a word or two.
        what: in a sentence.
        attacks: one table.
    """

    name: str
    what: str
    attacks: tuple[Attack, ...]


class NamedByLint(BadnetsError):  # noqa: N818 - what it is called where it is caught
    """Lint named what is wrong."""


class Skipped(Exception):  # noqa: N818 - caught by the bench alone
    """A row cannot be run here, and why."""


class WentWrong(Exception):  # noqa: N818 - caught by the bench alone
    """It was refused, but not as it should be: something ran, or was left behind."""


def check(holds: object, line: str) -> None:
    """End a row whose attempt did not come out as it must."""
    if not holds:
        raise WentWrong(line)


def reason_of(error: BaseException) -> str:
    """Return what an attempt was refused for, in the words of `Expected` where there is one."""
    match error:
        case Refused():
            return error.reason
        case Unchecked():
            return "could not be checked"
        case NamedByLint():
            return "named by lint"
        case OutputError() if error.exit_code == 3:
            return "not written"
        case BadnetsError():
            return "wrong use"
    return f"a fault: {type(error).__name__}"
