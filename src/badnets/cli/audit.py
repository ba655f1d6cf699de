"""``badnets audit``: whether a backdoor in a model is likely, and what that answer rests on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from badnets.cli import audit_inputs, completion
from badnets.cli.options import (
    AllowCodeOption,
    BundleArgument,
    DataRootOption,
    DeviceOption,
    EpochsOption,
    JsonOption,
    LedgerOption,
    PageOption,
    ReportOption,
    SeedOption,
    WorkersOption,
    WorkspaceOption,
    check_bundle,
    check_page,
    command_of,
    places,
)
from badnets.cli.printer import say, show, show_files, show_json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Look for a backdoor in a model, for poison in a training set, or for triggered inputs.",
    epilog="Example: badnets audit model net --clean digits\n\n"
    "Exit codes: 0 nothing was found, or done; 1 a backdoor or poison is likely; 2 wrong usage; 3 "
    "it could not be checked or done.",
)


@app.command(
    epilog="Example: badnets audit model net --clean digits --page audit.html\n\n"
    "Example: badnets audit model net --clean folder:photos --format sarif -o audit.sarif\n\n"
    "Exit codes: 0 nothing was found by what was looked at; 1 a backdoor is likely; 2 wrong usage, "
    "or a model or data that cannot be read; 3 it could not be checked."
)
def model(
    ctx: typer.Context,
    bundle: BundleArgument,
    clean: Annotated[
        str | None,
        typer.Option(
            help="Clean images: name of a data set, whose test part is taken, or folder:PATH. Some "
            "of the model's classes will do; pictures in no folders for classes are labelled by "
            "the model.",
            show_default="none: less is looked at",
            autocompletion=completion.data,
        ),
    ] = None,
    max_fpr: Annotated[
        float,
        typer.Option(
            min=0.0001, max=0.5, help="Share of clean models that may be called backdoored."
        ),
    ] = 0.05,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Clean models to compare with, as `audit calibrate` writes them.",
            show_default="those that come with badnets",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds after which it stops, in the middle of a method too."),
    ] = None,
    tier: Annotated[
        Literal["instant", "standard", "thorough"],
        typer.Option(
            help="How long methods may take: instant ones read weights alone, thorough ones look "
            "inside the network too."
        ),
    ] = "standard",
    page: PageOption = None,
    trigger_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.safetensors",
            help="Also write the recovered trigger, for the --trigger of other commands; one that "
            "is there is replaced.",
            show_default="none",
        ),
    ] = None,
    seed: SeedOption = 0,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    format: ReportOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether a backdoor in a classifier is likely.

    Each method gives raw numbers, and the model is placed among clean models of its kind: the
    p-value is the share of them, itself among them, that look as suspicious. Where there are no
    such models the answer is 'not checked', and what the methods found is shown all the same.

    Errors and warnings of `badnets lint` about the files stand beside it: neither the conclusion
    nor the exit code rests on them.
    """
    from badnets.core.triggers.saved import check_saved

    check_bundle(bundle)
    check_saved(trigger_out, "--trigger-out")
    check_page(page)
    where = places(ctx, data_root=data_root, device=device)
    from badnets.audit.auditing import audit

    audited = audit(
        bundle,
        clean,
        calibration=calibration,
        max_fpr=max_fpr,
        budget=budget,
        tier=tier,
        allow_code=allow_code,
        data_root=where.data_root,
        seed=seed,
    )
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    verdict = audited.verdict.model_copy(update={"made": made})
    if trigger_out is not None and (found := audited.recovered) is not None:
        from badnets.bundles.atomic import write_bytes
        from badnets.core.triggers.saved import saved_bytes

        write_bytes(trigger_out, saved_bytes(found.keep, found.add))
        verdict = verdict.model_copy(update={"recovered_trigger": str(trigger_out)})
    elif trigger_out is not None:
        say(f"badnets: no trigger was recovered, {trigger_out} is not written", error=True)
    if page is not None:
        from badnets.report.audits import audit_page
        from badnets.report.html import write_html

        again = command_of(ctx, "audit model", {"max_fpr": 0.05, "seed": 0, "tier": "standard"})
        write_html(audit_page(audited, str(bundle), again), page)
    if format == "sarif":
        from badnets.report.sarif_log import sarif

        show_json(sarif(verdict, bundle, audited.linted))
    else:
        show(verdict, json=json or format == "json")
    raise typer.Exit(verdict.exit_code)


app.command(epilog=audit_inputs.EPILOG)(audit_inputs.inputs)


@app.command(
    epilog="Example: badnets audit data photos --clean trusted --list flagged.csv\n\n"
    "Example: badnets audit data mnist --model net --clean mnist --sheet suspects.png\n\n"
    "Exit codes: 0 nothing was found by what was looked at; 1 poisoning is likely; 2 wrong usage, "
    "or data or a model that cannot be read; 3 it could not be checked."
)
def data(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="DIR_OR_NAME",
            help="Folder of pictures, or name of a data set: its training part is looked at.",
            autocompletion=completion.data,
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="Network that was trained on the set: a bundle.",
            show_default="one is trained on it, as is usual for it",
        ),
    ] = None,
    clean: Annotated[
        str | None,
        typer.Option(
            help="Clean images with right labels that are not in the set: a folder, or name of a "
            "data set, whose test part is taken.",
            show_default="none: images are ranked alone",
            autocompletion=completion.data,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="The method that decides; others are shown beside it."),
    ] = "mahalanobis",
    max_fpr: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Share of clean images that may be flagged.")
    ] = 0.01,
    epochs: EpochsOption = None,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE.csv",
            help="Also write a list of the flagged images; one that is there is replaced.",
            show_default="none",
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Also draw the most suspicious images; one that is there is replaced.",
            show_default="none",
        ),
    ] = None,
    cleaned: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write the set without the flagged images, to a new folder.",
            show_default="none",
        ),
    ] = None,
    seed: SeedOption = 0,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    format: ReportOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether a training set is likely to be poisoned, and which of its images.

    Images are compared with clean ones of their own label, by the last hidden layer of a network
    that was trained on the set. The threshold comes from clean images that were held out. Patches
    that repeat and images under two labels are looked for without a network.
    """
    from badnets.bundles.copies import check_place
    from badnets.cli.bar import one_bar
    from badnets.data.png import check_png

    check_place(cleaned)
    check_png(sheet, "--sheet")
    where = places(ctx, data_root=data_root, device=device)
    check_bundle(model)
    from badnets.audit.sets import outputs
    from badnets.audit.sets.auditing import audit_data
    from badnets.evaluate.fitting import name_of

    if cleaned is not None:
        outputs.check_cleaned(name_of(name))
    with one_bar(where) as progress:
        audited = audit_data(
            name,
            model,
            clean,
            method=method,
            max_fpr=max_fpr,
            epochs=epochs,
            allow_code=allow_code,
            data_root=where.data_root,
            seed=seed,
            progress=progress,
        )
    written = {
        "list_file": list_file and str(outputs.write_list(audited, list_file)),
        "sheet": sheet and str(outputs.write_sheet(audited, sheet)),
        "cleaned": cleaned and str(outputs.write_cleaned(audited, cleaned, where.data_root)),
    }
    verdict = audited.verdict.model_copy(update={k: v for k, v in written.items() if v})
    if format == "sarif":
        from badnets.report.sarif_log import sarif_of_data

        show_json(sarif_of_data(verdict, audited.given.folder))
    else:
        show(verdict, json=json or format == "json")
    raise typer.Exit(verdict.exit_code)


@app.command(
    epilog="Example: badnets audit calibrate recipes/calibrate-digits.yaml digits.json\n\n"
    "Exit codes: 0 written; 2 wrong usage, or the recipe has other trials than clean ones that are "
    "audited; 3 trials failed, or the file could not be written."
)
def calibrate(
    ctx: typer.Context,
    recipe: Annotated[
        Path, typer.Argument(help="Recipe of honest trials with `observe: [audit]`.")
    ],
    file: Annotated[
        Path, typer.Argument(help="File to write: NAME.json, or NAME.json.gz, which is smaller.")
    ],
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    ledger: LedgerOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Train clean models by a recipe, and write what the audit methods say of them.

    `badnets audit model NET --calibration FILE` compares a model with them.
    """
    from badnets.recipes import load_recipe
    from badnets.runners.calibrating import calibrated

    trials = load_recipe(recipe)
    where = places(
        ctx, workspace=workspace, data_root=data_root, ledger=ledger, workers=workers, device=device
    )
    with where.open_ledger() as book:
        found = calibrated(
            trials,
            where.workspace,
            book,
            workers=where.workers,
            data_root=where.data_root,
            display=where.display,
        )
    show_files([found.write(file)], json=json)
