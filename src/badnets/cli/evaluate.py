"""``badnets evaluate``: what a network does on test images, clean and triggered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from badnets.cli.options import DataRootOption, JsonOption, places
from badnets.cli.printing import print_facts, print_json, print_table, rate_json, rate_text

if TYPE_CHECKING:
    from badnets.evaluate.results import AttackResult, CleanResult

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets evaluate badnet --data digits --trigger pixel-pattern --targets "
    "all-to-one:7\n\n"
    "Exit codes: 0 measured; 1 the network has learned nothing (collapsed); 2 wrong usage, a "
    "malformed bundle, or data that does not fit it."
)


@app.command(epilog=EPILOG)
def evaluate(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Folder of the network's bundle.")],
    data: Annotated[str, typer.Option(help="Name of the data set.")] = "mnist",
    trigger: Annotated[
        str | None, typer.Option(help="'patch', 'patch:4' or '{kind: patch, size: 4}'.")
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="What the trigger should do: 'all-to-one:7', 'all-to-all'.")
    ] = None,
    control: Annotated[
        Path | None, typer.Option(help="Bundle of a clean network, asked the same.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides random places of the trigger.")] = 0,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a network, with a trigger or without.

    Clean accuracy on the test images; with --trigger and --targets also how often the trigger
    works (attack success rate) and how often the true label survives it (robust accuracy).
    """
    from badnets.cli.asked import targets_of, trigger_of
    from badnets.cli.measuring import NamedAttack, load_fitting
    from badnets.data import load
    from badnets.evaluate import measure_attack, measure_clean

    if (trigger is None) != (targets is None):
        raise typer.BadParameter("--trigger and --targets belong together: give both or neither")
    if control is not None and trigger is None:
        raise typer.BadParameter("--control answers triggered images: give --trigger and --targets")
    attack = None
    if trigger is not None and targets is not None:
        attack = NamedAttack(trigger_of(trigger), targets_of(targets))
    images = load(data, places(ctx, data_root=data_root).data_root).test
    subject = load_fitting(bundle, data, images)
    other = None if control is None else load_fitting(control, data, images)
    clean = measure_clean(subject, images)
    done = None
    if attack is not None:
        done = measure_attack(subject, images, attack, control=other, seed=seed)
    if json:
        print_json(_as_json(bundle, data, clean, done))
    else:
        _show(subject.classes, clean, done)
    raise typer.Exit(1 if clean.collapsed else 0)


def _show(classes: tuple[str, ...], clean: CleanResult, attack: AttackResult | None) -> None:
    facts = [("clean accuracy", rate_text(clean.accuracy))]
    columns = ["class", "clean accuracy"]
    cells = [[name, str(rate)] for name, rate in zip(classes, clean.per_class, strict=True)]
    if clean.collapsed:
        facts.append(("collapsed", "the network has learned nothing; no attack is reported"))
    elif attack is not None:
        facts += [
            ("attack success", rate_text(attack.success)),
            ("  without the trigger", rate_text(attack.untriggered)),
            ("  of the control", rate_text(attack.control)),
            ("robust accuracy", rate_text(attack.robust)),
        ]
        columns.append("attack success")
        for row, rate in zip(cells, attack.per_class, strict=True):
            row.append(str(rate) if rate.total else "-")
    print_facts(facts)
    print()
    print_table(columns, cells, right=columns[1:])


def _as_json(
    bundle: Path, data: str, clean: CleanResult, attack: AttackResult | None
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "bundle": str(bundle),
        "data": data,
        "collapsed": clean.collapsed,
        "clean_accuracy": rate_json(clean.accuracy),
        "clean_accuracy_per_class": [rate_json(rate) for rate in clean.per_class],
    }
    if attack is not None and not clean.collapsed:
        value |= {
            "attack_success_rate": rate_json(attack.success),
            "attack_success_rate_per_class": [rate_json(rate) for rate in attack.per_class],
            "untriggered": rate_json(attack.untriggered),
            "control": rate_json(attack.control),
            "robust_accuracy": rate_json(attack.robust),
        }
    return value
