"""``badnets audit inputs``: which inputs of a classifier look triggered."""

from __future__ import annotations

from typing import Annotated

import typer

from badnets.audit.guards.base import INPUT_METHODS
from badnets.cli import completion
from badnets.cli.options import (
    AllowCodeOption,
    BundleArgument,
    DataRootOption,
    DeviceOption,
    JsonOption,
    SeedOption,
    check_bundle,
    places,
)
from badnets.cli.printer import show

EPILOG = (
    "Example: badnets audit inputs net pictures --clean trusted-pictures\n\n"
    "Example: badnets audit inputs net digits --clean digits --method strip --json\n\n"
    "Exit codes: 0 no more are flagged than of clean inputs; 1 more are; 2 wrong usage, or a model "
    "or pictures that cannot be read; 3 it could not be checked, or not all of it."
)


def inputs(
    ctx: typer.Context,
    bundle: BundleArgument,
    pictures: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|NAME",
            help="Folder of pictures, all below it are looked at; or the name of a data set, whose "
            "test part is.",
        ),
    ],
    clean: Annotated[
        str,
        typer.Option(
            help="Clean images that the model was not trained on: a folder, or the name of a data "
            "set, whose test part is taken. Their labels are not needed.",
            autocompletion=completion.data,
        ),
    ],
    max_false_rejections: Annotated[
        float,
        typer.Option(min=0.0001, max=0.5, help="Share of clean inputs that may be flagged."),
    ] = 0.01,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Take this method, and each that is named so: {', '.join(INPUT_METHODS)}.",
            show_default="those that add no pass through the model",
        ),
    ] = None,
    seed: SeedOption = 0,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Say which inputs of a classifier look triggered, and whether more do than clean ones would.

    Clean images say how far from them inputs may lie: a part of them fits the methods, and another
    sets the threshold. The fewer there are, the larger is the smallest share of false rejections
    that they support; where that is larger than what is asked for, no input is flagged.
    """
    check_bundle(bundle)
    from badnets.cli.bar import one_bar

    where = places(ctx, data_root=data_root, device=device)
    from badnets.audit.guards.auditing import inputs as audit_inputs

    with one_bar(where) as progress:
        verdict = audit_inputs(
            bundle,
            pictures,
            clean,
            max_false_rejections=max_false_rejections,
            methods=method,
            allow_code=allow_code,
            data_root=where.data_root,
            seed=seed,
            progress=progress,
        )
    show(verdict, json=json)
    raise typer.Exit(verdict.exit_code)
