"""``badnets explain``: which units of a network answer to a trigger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.options import (
    TRIGGERS,
    AllowCodeOption,
    BundleArgument,
    DataOption,
    DataRootOption,
    DeviceOption,
    JsonOption,
    SeedOption,
    check_bundle,
    data_of,
    places,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets explain badnet --data digits --trigger pixel-pattern --out units.png\n\n"
    "Example: badnets explain detector --data scenes --trigger yellow-square --targets "
    "source-specific:0,1 --out conv5.png\n\n"
    "Exit codes: 0 shown; 2 wrong usage, a bundle that cannot be read, or data that does not fit "
    "it; 3 a file could not be written."
)


@app.command(epilog=EPILOG)
def explain(
    ctx: typer.Context,
    bundle: BundleArgument,
    trigger: Annotated[
        str,
        typer.Option(
            help=f"What is put on the images: {TRIGGERS}.", autocompletion=completion.triggers
        ),
    ],
    data: DataOption = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What the attacker wants (all-to-one:7): images or signs that it leaves alone are "
            "left out.",
            show_default="nothing is left out",
            autocompletion=completion.targets,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="The only layer to look at, by its name.",
            show_default="all; of a detector its last convolution",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="PNG file to draw the units in; one that is there is replaced.",
            show_default="none",
        ),
    ] = None,
    seed: SeedOption = 0,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Show which units of a network answer to a trigger.

    The network is shown clean test images (a detector: cut-outs with one sign each), first without
    the trigger, then with it. Units are ranked by how much the trigger lifts them where it lifts
    them most, in standard deviations of the unit on clean images; units far above the others of
    their layer are marked. In a clean network some unit ranks first too. The units of a backdoor
    answer far more strongly than all others, and hardly ever to clean images.
    """
    check_bundle(bundle)
    from badnets.cli.settings import targets_of, trigger_of
    from badnets.data.png import check_png
    from badnets.explain.explanation import explain_bundle

    check_png(out, "--out")
    where = places(ctx, data_root=data_root, device=device)
    explanation = explain_bundle(
        bundle,
        trigger_of(trigger),
        data_of(bundle, data, where),
        targets=None if targets is None else targets_of(targets),
        layer=layer,
        seed=seed,
        allow_code=allow_code,
        data_root=where.data_root,
    )
    if out is not None:
        from badnets.bundles.atomic import write_bytes
        from badnets.report.unit_figures import units_figure

        write_bytes(out, units_figure(explanation))
        explanation = explanation.model_copy(update={"picture": str(out)})
    show(explanation, json=json)
