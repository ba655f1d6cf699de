"""``badnets explain``: which units of a network answer to a trigger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli import completion
from badnets.cli.options import (
    TRIGGERS,
    AllowCodeOption,
    BundleArgument,
    DataRootOption,
    DeviceOption,
    JsonOption,
    Places,
    SeedOption,
    check_bundle,
    check_page,
    command_of,
    data_of,
    places,
)
from badnets.cli.printer import say, show

app = typer.Typer(add_completion=False)
RECOVERED = "recovered"

EPILOG = (
    "Example: badnets explain badnet --data digits --trigger pixel-pattern --targets all-to-one:7 "
    "--page inside.html\n\n"
    "Example: badnets explain net --clean folder:photos --trigger recovered\n\n"
    "Example: badnets explain detector --data scenes --trigger yellow-square --targets "
    "source-specific:0,1 --out conv5.png\n\n"
    "Exit codes: 0 shown; 2 wrong usage, a bundle that cannot be read, or data that does not fit "
    "it; 3 a file could not be written, or no trigger was recovered."
)


@app.command(epilog=EPILOG)
def explain(
    ctx: typer.Context,
    bundle: BundleArgument,
    trigger: Annotated[
        str,
        typer.Option(
            help=f"What is put on the images: {TRIGGERS}; or 'recovered': what an audit finds.",
            autocompletion=completion.triggers,
        ),
    ] = RECOVERED,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "--clean",
            help="Name of the data set, folder:PATH or coco:PATH.",
            show_default="what the bundle says it was trained on",
            autocompletion=completion.data,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What the attacker wants (all-to-one:7): images or signs that it leaves alone are "
            "left out, and of a classifier it is measured what is left of it without units.",
            show_default="nothing is left out; of a recovered trigger its target",
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
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Also write all of it as a page, of a classifier; one that is there is replaced.",
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

    With --targets it is also measured, on other images, what silencing those units leaves of the
    attack, how much of what speaks for the answers lies on the trigger, and how far triggered
    images lie from the target's own among the network's features.
    """
    check_bundle(bundle)
    check_page(page)
    from badnets.cli.settings import targets_of, trigger_of
    from badnets.data.png import check_png
    from badnets.explain.explanation import explain_bundle

    check_png(out, "--out")
    where = places(ctx, data_root=data_root, device=device)
    named = data_of(bundle, data, where)
    wanted = None if targets is None else targets_of(targets)
    put_on: Any
    if trigger == RECOVERED:
        put_on, target = _recovered(bundle, named, where, seed, allow_code)
        wanted = wanted or target
    else:
        put_on = trigger_of(trigger)
    explanation = explain_bundle(
        bundle,
        put_on,
        named,
        targets=wanted,
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
    if page is not None and explanation.task == "detection":
        raise typer.BadParameter("--page is of a classifier alone: for a detector take --out")
    if page is not None:
        from badnets.models.description import described
        from badnets.report.explanations import explain_page
        from badnets.report.html import write_html

        again = command_of(ctx, "explain", {"trigger": RECOVERED, "seed": 0})
        write_html(explain_page(explanation, described(bundle).config.classes, again), page)
    show(explanation, json=json)


def _recovered(
    bundle: Path, data: str | None, where: Places, seed: int, allow_code: bool
) -> tuple[Any, Any]:
    """Return the trigger that an audit finds, and what it asks for; end where it finds none."""
    from badnets.audit.auditing import audit
    from badnets.core.targets import AllToOne
    from badnets.core.triggers.saved import Affine
    from badnets.evaluate.fitting import fitting_data, refuse_onnx, task_of_bundle

    if task_of_bundle(refuse_onnx(bundle, "look inside")) == "detection":
        raise typer.BadParameter("no trigger of a detector is recovered: give --trigger")
    audited = audit(
        bundle,
        fitting_data(bundle, "classification", data),
        allow_code=allow_code,
        data_root=where.data_root,
        seed=seed,
    )
    if (found := audited.recovered) is None:
        verdict = audited.verdict
        why = "; ".join((verdict.conclusion, *verdict.notes))
        say(f"badnets: the audit recovered no trigger ({why}): give --trigger", error=True)
        raise typer.Exit(3)
    return Affine(found.keep, found.add), AllToOne(found.target)
