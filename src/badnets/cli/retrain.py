"""``badnets retrain``: a downloaded classifier, adapted to a user's own clean images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import AllowCodeOption, DataRootOption, JsonOption, places

app = typer.Typer(add_completion=False)

_MEASURED = "What is left of its backdoor"
EPILOG = (
    "Example: badnets retrain badnet --data 'digits[5-9]' --freeze conv1,conv2 --out mine\n\n"
    "Example: badnets retrain badnet --data digits --share 0.2 --trigger pixel-pattern --targets "
    "all-to-one:7 --control clean\n\n"
    "Exit codes: 0 the user accepts the network; 1 she rejects it, or it has learned nothing; "
    "2 wrong usage, a malformed bundle, or data that does not fit it; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def retrain(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Folder of the downloaded classifier's bundle.")],
    data: Annotated[
        str,
        typer.Option(
            help="The user's clean images: a data set, folder:PATH, or some classes, NAME[0-4,7]."
        ),
    ],
    freeze: Annotated[
        str,
        typer.Option(
            help="What stays as downloaded: 'all-but-head', 'none', or layers, 'conv1,conv2'."
        ),
    ] = "all-but-head",
    share: Annotated[
        float, typer.Option(help="Share of the training images that is used, in (0, 1].")
    ] = 1.0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    training: Annotated[
        str | None, typer.Option(help="Further training settings: '{shift: 1, optimizer: sgd}'.")
    ] = None,
    target_accuracy: Annotated[
        float, typer.Option(help="The user accepts at or above it on test images, in [0, 1].")
    ] = 0.9,
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 0,
    trigger: Annotated[
        str | None,
        typer.Option(help="Put it on test images: 'patch:4'.", rich_help_panel=_MEASURED),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What it was to do, in labels of BUNDLE: 'all-to-one:7', 'random-wrong'.",
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(
            help="Bundle of a clean network: retrained in the same way, asked the same.",
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write the network's bundle to; must be new.")
    ] = None,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Retrain a downloaded classifier on clean images of your own.

    It is accepted by its accuracy on test images. Where the classes are others, it gets a new head.
    With --trigger and --targets it is also measured what is left of a backdoor: how often triggered
    images still get the target class (attack success, where that class is still there), and what
    accuracy the trigger costs whatever is answered. Images of a size that can be chosen are taken
    at the network's own.
    """
    from badnets.cli.asked import retraining_asked
    from badnets.cli.bundles import refuse_taken
    from badnets.cli.measuring import attack_of
    from badnets.cli.retrain_shown import retrain_and_show

    if (trigger is None) != (targets is None):
        raise typer.BadParameter("--trigger and --targets belong together: give both or neither")
    if control is not None and trigger is None:
        raise typer.BadParameter("--control answers triggered images: give --trigger and --targets")
    if not 0 <= target_accuracy <= 1:
        raise typer.BadParameter(f"--target-accuracy must be in [0, 1], got {target_accuracy}")
    if out is not None:
        refuse_taken(out)
    order = retraining_asked(
        freeze,
        share,
        training=training,
        training_options={"epochs": epochs, "batch_size": batch_size, "lr": lr},
    )
    accepted = retrain_and_show(
        bundle,
        data,
        places(ctx, data_root=data_root).data_root,
        order,
        attack_of(trigger, targets),
        control,
        target_accuracy=target_accuracy,
        seed=seed,
        out=out,
        allow_code=allow_code,
        json=json,
    )
    raise typer.Exit(0 if accepted else 1)
