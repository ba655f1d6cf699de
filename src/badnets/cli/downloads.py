"""What commands have in common by which a user makes a network out of a downloaded one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from badnets.cli import completion
from badnets.cli.options import TRIGGERS, check_attack, check_bundle, places

if TYPE_CHECKING:
    from badnets.runners.training import TrainedNetwork

ATTACK = "What is left of a backdoor that you suspect"
DownloadArgument: TypeAlias = Annotated[
    Path, typer.Argument(help="Folder of the downloaded classifier (a bundle).")
]
ShareOption: TypeAlias = Annotated[
    float, typer.Option(help="Share of the training images to use, in (0, 1].")
]
TargetAccuracyOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="The user accepts at or above it on test images, in [0, 1].",
        show_default="as is usual for the data, else 0.9",
    ),
]
SuspectedTriggerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help=f"What is put on test images: {TRIGGERS}.",
        autocompletion=completion.triggers,
        rich_help_panel=ATTACK,
    ),
]
SuspectedTargetsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="What the downloaded network answers then, in its own classes: all-to-one:7, "
        "random-wrong.",
        autocompletion=completion.targets,
        rich_help_panel=ATTACK,
    ),
]
CleanControlOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Bundle of a clean network, to be treated and measured in the same way.",
        rich_help_panel=ATTACK,
    ),
]


def made_of(
    ctx: typer.Context,
    bundle: Path,
    kind: str,
    data: str,
    options: Mapping[str, Any],
    *,
    attack: tuple[str | None, str | None, Path | None],
    target_accuracy: float | None,
    out: Path | None,
    allow_code: bool,
    **where: Any,
) -> tuple[TrainedNetwork, str]:
    """Return the network that a user makes of a download, and the name of the data it fits.

    Args:
        ctx: of the command.
        bundle: the downloaded network.
        kind: of the trial.
        data: the user's images, as they were named.
        options: further options of the trial, as `badnets.cli.settings.recipe_of` takes them.
        attack: trigger, target map, and bundle of a clean network; None where not given.
        target_accuracy: None: as is usual for the data, else 0.9.
        out: where the new bundle goes.
        allow_code: whether a bundle's own code may be run.
        where: options that say where things lie, as `badnets.cli.options.places` takes them.

    Raises:
        BadnetsError: an option is wrong, or does not fit the others, or the trial failed.
    """
    trigger, targets, control = attack
    check_attack(trigger, targets, control)
    from badnets.bundles.copies import check_place
    from badnets.trials.downloaded import DownloadedBundle

    check_place(out)
    check_bundle(control)
    downloaded = DownloadedBundle.of(bundle)
    from badnets.cli.settings import recipe_of, trial_of, typed
    from badnets.core.errors import SettingError
    from badnets.data.catalogue import sized
    from badnets.data.usual import usual_of
    from badnets.evaluate.fitting import fitting_data
    from badnets.models import load_subject
    from badnets.models.description import described
    from badnets.runners.training import train_network

    if described(bundle).config.task == "detection":
        raise SettingError(
            f"{bundle} holds a detector: detectors are retrained by a recipe, and not repaired yet"
        )
    for path in filter(None, (bundle, control)):
        load_subject(path, allow_code=allow_code)  # a stranger's code needs consent
    named = sized(fitting_data(bundle, "classification", data), downloaded.shape[1])
    if target_accuracy is None and usual_of(named) is None:
        target_accuracy = 0.9
    further: dict[str, Any] = {
        "kind": kind,
        "start": {"bundle": str(bundle)},
        "control": {"bundle": str(control)} if control else False,
    }
    if trigger is not None and targets is not None:
        told = {"trigger": typed(trigger, "--trigger"), "targets": typed(targets, "--targets")}
        further["attack"] = told
    given = {"--data": named, "--target-accuracy": target_accuracy, **options}
    trial = trial_of(recipe_of(given, **further))
    place = places(ctx, **where)
    with place.open_ledger() as book:
        network = train_network(
            trial,
            place.workspace,
            book,
            out=out,
            data_root=place.data_root,
            display=place.display,
        )
    return network, named
