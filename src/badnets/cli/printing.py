"""What goes to stdout: tables for people, JSON for machines, rates with their counts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from badnets.core.rates import Rate
    from badnets.evaluate.survival import Survival
    from badnets.trials.record import Record

CLEAN, BACKDOORED, FAINT = "blue", "dark_orange", "bright_black"  # told apart by the colour-blind


def stdout() -> Console:
    """Return the console for results; plain and as wide as needed where it is no terminal."""
    return _console(sys.stdout)


def stderr() -> Console:
    """Return the console for progress and warnings."""
    return _console(sys.stderr)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """Print a table; where stdout is no terminal, plain and as wide as it needs to be.

    Args:
        columns: headings.
        rows: cells, as many as there are columns.
        right: headings of the columns that are flush right.
    """
    cells = [list(row) for row in rows]
    if sys.stdout.isatty():
        _draw(columns, cells, right)
    else:
        _write([list(columns), *cells], [name in right for name in columns])


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names with their values, one under the other."""
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        print(f"{name:{width}}  {value}")


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stdout().print(table)


def _write(lines: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        )
        print("  ".join(padded).rstrip())


def rate_text(rate: Rate | None) -> str:
    """Return a rate with its counts and its 95 % interval, a dash where none was measured."""
    if rate is None or not rate.total:
        return "-"
    low, high = (100 * end for end in rate.interval)
    return f"{rate} [{low:.2f}, {high:.2f}]"


def rate_json(rate: Rate | None) -> dict[str, Any] | None:
    """Return a rate as JSON has it: counts, value and 95 % interval."""
    if rate is None or not rate.total:
        return None
    low, high = rate.interval
    return {"hits": rate.hits, "total": rate.total, "value": rate.value, "low": low, "high": high}


def record_facts(record: Record) -> list[tuple[str, str]]:
    """Return what a person wants to know of a record first."""
    facts = [
        ("trial", f"{record.name}  {record.trial.title}"),
        ("outcome", f"{record.outcome}: {record.reason}"),
    ]
    if record.signs is not None:
        from badnets.cli.sign_rates import record_of_signs_facts

        facts += record_of_signs_facts(record)
    else:
        facts += _rates(record)
    if record.weights is not None:
        facts.append(("starting weights", str(record.weights)))
    if record.poisoned_share is not None:
        facts.append(("poisoned share", str(record.poisoned_share)))
    return facts


def _rates(record: Record) -> list[tuple[str, str]]:
    facts = [("clean accuracy", rate_text(record.clean.accuracy))]
    if record.attack is not None and record.outcome == "collapsed":
        facts.append(("attack", "not reported: a network that learned nothing attacks nothing"))
    elif record.attack is not None:
        facts += [
            ("attack success", rate_text(record.attack.success)),
            ("  of a clean network", rate_text(record.attack.control)),
            ("robust accuracy", rate_text(record.attack.robust)),
        ]
    if record.survival is not None and record.outcome != "collapsed":
        facts += survival_facts(record.survival)
    return facts


def survival_facts(left: Survival) -> list[tuple[str, str]]:
    """Return what a trigger still costs a retrained classifier, whatever is answered."""
    trained, total = left.trained
    facts = [("accuracy, triggered", rate_text(left.triggered))]
    if left.control_triggered is not None:
        facts += [
            ("  of a clean network", rate_text(left.control_triggered)),
            ("  its clean accuracy", rate_text(left.control_clean)),
        ]
    return [*facts, ("retrained", f"{trained:,} of {total:,} weights on {left.images:,} images")]


def record_json(record: Record) -> dict[str, Any]:
    """Return a record as JSON has it, with the rates of its head spelled out."""
    attack, of_signs = record.attack, {}
    if record.signs is not None:
        from badnets.cli.sign_rates import record_of_signs_json

        of_signs = record_of_signs_json(record)
    return {
        "name": record.name,
        "title": record.trial.title,
        "outcome": record.outcome,
        "reason": record.reason,
        "clean_accuracy": rate_json(record.clean.accuracy),
        "attack_success_rate": rate_json(attack.success if attack else None),
        "control": rate_json(attack.control if attack else None),
        "robust_accuracy": rate_json(attack.robust if attack else None),
        "poisoned_share": rate_json(record.poisoned_share),
        **(survival_json(record.survival) if record.survival is not None else {}),
        **of_signs,
        "trial": record.trial.model_dump(mode="json", exclude_defaults=True),
    }


def survival_json(left: Survival) -> dict[str, Any]:
    """Return what is left of a backdoor after retraining, as JSON has it."""
    return {
        "attack_success_rate_before": rate_json(left.before),
        "triggered_accuracy": rate_json(left.triggered),
        "control_clean_accuracy": rate_json(left.control_clean),
        "control_triggered_accuracy": rate_json(left.control_triggered),
        "images": left.images,
        "retrained_weights": rate_json(left.trained),
    }


def print_records(records: Iterable[Record]) -> None:
    """Print one line per record."""
    print_table(
        ("name", "trial", "outcome", "clean accuracy", "attack success", "clean network"),
        [_line(record) for record in records],
        right=("clean accuracy", "attack success", "clean network"),
    )


def _line(record: Record) -> tuple[str, ...]:
    attack = record.attack if record.outcome != "collapsed" else None
    return (
        record.name,
        record.trial.title,
        record.outcome,
        str(record.clean.accuracy),
        "-" if attack is None else str(attack.success),
        "-" if attack is None or attack.control is None else str(attack.control),
    )


def _console(stream: Any) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, emoji=False, soft_wrap=not stream.isatty())
