"""The options that several commands share, each declared once, and where they lead."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from badnets.cli import completion
from badnets.core import devices, extras, roots

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.runners.display import Display
    from badnets.trials.workspace import Workspace

_PLACES, _DETECTORS, _PHOTOS = "Where and with what", "Detectors", "Photographs"
_PRINTED = "What is printed"
TRIGGERS = (
    "patch:0.125 (a share of the image), patch:4px, yellow-square, FILE.safetensors (as `audit "
    "model --trigger-out` writes it), MODULE:FACTORY, or '{kind: patch, size: 0.125}'"
)
"""How triggers are written, for help texts."""


def _option(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, **settings)


def _in(panel: str, help: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **settings)


WorkspaceOption: TypeAlias = Annotated[
    Path | None,
    _in(
        _PLACES,
        "Folder of ledger, networks and arrays; also BADNETS_WORKSPACE.",
        "--workspace",
        show_default="runs",
    ),
]
DataRootOption: TypeAlias = Annotated[
    Path | None,
    _in(
        _PLACES,
        "Folder of data sets; also BADNETS_DATA.",
        "--data-root",
        show_default="the user's cache",
    ),
]
LedgerOption: TypeAlias = Annotated[
    str | None,
    _in(_PLACES, "Ledger: a file or a database URL.", "--ledger", show_default="in the workspace"),
]
WorkersOption: TypeAlias = Annotated[
    int | None,
    _in(
        _PLACES,
        "Processes that run trials.",
        "--workers",
        min=1,
        show_default="one per core",
    ),
]
DeviceOption: TypeAlias = Annotated[
    str | None,
    _in(
        _PLACES,
        "Where networks compute: cpu, cuda, cuda:1 or mps; also BADNETS_DEVICE.",
        "--device",
        show_default="a CUDA GPU, else the CPU",
    ),
]
FormatOption: TypeAlias = Annotated[
    Literal["text", "json"] | None,
    _in(_PRINTED, "Text for people, or JSON for programs.", "--format", show_default="text"),
]
OutputOption: TypeAlias = Annotated[
    Path | None,
    _in(
        _PRINTED,
        "Write the result to this file instead of printing it. The file must be new; only JSON may "
        "take the place of JSON.",
        "--output",
        "-o",
        show_default="the terminal",
    ),
]
QuietOption: TypeAlias = Annotated[
    bool, _in(_PRINTED, "Print the result, and no progress.", "--quiet")
]
VerboseOption: TypeAlias = Annotated[
    bool,
    _in(
        _PRINTED,
        "Also say on stderr which versions, files and data are used, and the seconds taken.",
        "--verbose",
    ),
]
AllowCodeOption: TypeAlias = Annotated[
    bool,
    _option(
        "--allow-code",
        help="Allow a bundle whose network is its maker's own code (MODULE:FACTORY) to run it.",
    ),
]
JsonOption: TypeAlias = Annotated[
    bool, _option("--json", help="The same as --format json.", hidden=True)
]
ReportOption: TypeAlias = Annotated[
    Literal["text", "json", "sarif"] | None,
    typer.Option(
        help="Text for people, JSON for programs, or SARIF for code scanning.",
        rich_help_panel="What is printed",
        show_default="text",
    ),
]
BundleArgument: TypeAlias = Annotated[
    Path,
    typer.Argument(help="Folder of the network: a bundle, or a download of transformers or timm."),
]
DataOption: TypeAlias = Annotated[
    str | None,
    _option(
        help="Name of the data set, folder:PATH or coco:PATH.",
        show_default="what the bundle says it was trained on",
        autocompletion=completion.data,
    ),
]
TriggerOption: TypeAlias = Annotated[
    str | None,
    _option(help=f"What is put on the images: {TRIGGERS}.", autocompletion=completion.triggers),
]
TargetsOption: TypeAlias = Annotated[
    str | None,
    _option(
        help="What the network is to answer then: all-to-one:7 (or a class by its name), "
        "all-to-all, source-specific:1,7; of a detector also vanish.",
        autocompletion=completion.targets,
    ),
]
ControlOption: TypeAlias = Annotated[
    Path | None,
    _option(
        help="Bundle (or FILE.onnx) of a clean network, which is shown the same triggered images."
    ),
]
SeedOption: TypeAlias = Annotated[
    int, _option(min=0, help="Number that decides everything random.")
]
RateOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--rate",
        "--poisoning-rate",
        help="Poisoned images as a share of the training images, in [0, 1); or 'every'.",
        show_default="0.1",
    ),
]
HowOption: TypeAlias = Annotated[
    Literal["add", "replace"] | None,
    _option(
        "--how",
        "--mode",
        help="Add poisoned copies to the images, or replace images by poisoned ones.",
        show_default="add",
    ),
]
EpochsOption: TypeAlias = Annotated[
    int | None,
    _option(
        help="Passes over the training set.",
        show_default="as is usual for the data: mnist 4, digits 16, pictures of your own 40; "
        "detectors 12",
    ),
]
BatchSizeOption: TypeAlias = Annotated[
    int | None,
    _option(
        help="Images (of a detector: windows) per training step.",
        show_default="as is usual for the data",
    ),
]
LrOption: TypeAlias = Annotated[
    float | None, _option(help="Peak learning rate.", show_default="as is usual for the data")
]
TrainingOption: TypeAlias = Annotated[
    str | None,
    _option(help="Further training settings, as a mapping: '{shift: 1, optimizer: sgd}'."),
]
WindowOption: TypeAlias = Annotated[
    int | None,
    _in(_DETECTORS, "Side of a training window, in pixels; below 192, signs are made smaller too."),
]
ScaleOption: TypeAlias = Annotated[
    float | None, _in(_DETECTORS, "Factor by which frames are enlarged first.")
]
WidthOption: TypeAlias = Annotated[
    float | None, _in(_DETECTORS, "Share of the channels of network zf to keep, in (0, 1].")
]
HeadOption: TypeAlias = Annotated[
    float | None,
    _in(_DETECTORS, "Share of the 4,096 units in zf's layers fc6 and fc7 to keep, in (0, 1]."),
]
ThresholdOption: TypeAlias = Annotated[
    float | None,
    _in(
        _DETECTORS,
        "Boxes with a lower score are ignored; in [0, 1].",
        min=0,
        max=1,
        show_default="0.3",
    ),
]
ExpectOption: TypeAlias = Annotated[
    str | None,
    _in(_PHOTOS, "Class that each photograph's surest sign should have; the share is reported."),
]
SheetOption: TypeAlias = Annotated[
    Path | None, _in(_PHOTOS, "PNG file to draw the photographs in, with boxes.")
]
LongestOption: TypeAlias = Annotated[
    int | None,
    _in(
        _PHOTOS,
        "Most pixels on a photograph's longer side; larger ones are reduced. Try fewer where "
        "near signs are missed.",
        min=64,
        max=10_000,
        show_default="1000",
    ),
]
PhotosOption: TypeAlias = Annotated[
    Path | None, _in(_PHOTOS, "The same as --data folder:PATH.", hidden=True)
]
PageOption: TypeAlias = Annotated[
    Path | None,
    _option(
        metavar="FILE.html",
        help="Also write all of it as a page; one that is there is replaced.",
        show_default="none",
    ),
]
BundleOutOption: TypeAlias = Annotated[
    Path | None, _option(help="Folder to write the network to, as a bundle; must be new.")
]


@dataclass(frozen=True)
class Places:
    """What the options before and after a command's name say together.

    Args:
        folder: the workspace's, of results.
        data_root: folder of data sets; None: the usual one.
        ledger: file or URL; None: the workspace's own.
        workers: processes; None: one per core.
        device: where networks compute; None: a CUDA GPU, else the CPU.
        format: what results are printed as; None: text.
        output: file for what would be printed.
        quiet: whether progress is left out.
        verbose: whether it is said what is loaded from where.
    """

    folder: Path = Path("runs")
    data_root: Path | None = None
    ledger: str | None = None
    workers: int | None = None
    device: str | None = None
    format: Literal["text", "json"] | None = None
    output: Path | None = None
    quiet: bool = False
    verbose: bool = False

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        from badnets.trials.workspace import Workspace

        return Workspace(self.folder)

    @property
    def display(self) -> Display | None:
        """What shows how far trials are; None: the usual one."""
        from badnets.runners.display import Silent

        return Silent() if self.quiet else None

    @property
    def has_ledger(self) -> bool:
        """Whether the ledger is there, or is on a server, which is not asked."""
        from badnets.ledger.connecting import is_there

        return is_there(self.ledger or self.workspace.ledger_file)

    def open_ledger(self, *, create: bool = True) -> Ledger:
        """Return the ledger, to be closed by the caller."""
        from badnets.ledger import Ledger

        return Ledger.open(self.ledger or self.workspace.ledger_file, create=create)

    def overruled(self, **after: Any) -> Places:
        """Return these with what else was given: all that is neither None nor False."""
        given = {name: value for name, value in after.items() if value not in (None, False)}
        return dataclasses.replace(self, **given)


def places(
    ctx: typer.Context,
    *,
    workspace: Path | None = None,
    data_root: Path | None = None,
    ledger: str | None = None,
    workers: int | None = None,
    device: str | None = None,
) -> Places:
    """Return what was said before the command's name, overruled by what was said after it.

    Raises:
        SettingError: by a command that takes one: there is no such device.
    """
    before = ctx.obj if isinstance(ctx.obj, Places) else Places()
    where = before.overruled(
        folder=workspace, data_root=data_root, ledger=ledger, workers=workers, device=device
    )
    if where.data_root is not None:  # pictures of triggers are looked for there too
        os.environ[roots.VARIABLE] = str(where.data_root)
    if where.device is not None:  # whatever computes, in processes of its own too, looks there
        os.environ[devices.VARIABLE] = where.device
    if "device" in ctx.params and os.environ.get(devices.VARIABLE) and extras.installed("train"):
        devices.best_device()  # refuses one that is not there before work is spent
    return where


def check_bundle(*paths: Path | None) -> None:
    """Refuse what is no model, before what takes seconds to import; ONNX files are let pass.

    Raises:
        BundleError: a bundle is missing or malformed.
    """
    from badnets.models.description import described
    from badnets.models.onnx_file import is_onnx

    for path in paths:
        if path is not None and not is_onnx(path):
            described(path)


def check_page(path: Path | None) -> None:
    """Refuse a name that no page is written under."""
    if path is not None and path.suffix not in (".html", ".htm"):
        raise typer.BadParameter(f"--page: a page is written as NAME.html, got {path.name!r}")


def command_of(ctx: typer.Context, verb: str, usual: Mapping[str, Any]) -> str:
    """Return the command line that makes a page again.

    Args:
        ctx: of the command, whose argument is ``bundle``.
        verb: the command's name.
        usual: option -> value that need not be said.
    """
    words = ["badnets", *verb.split(), str(ctx.params["bundle"])]
    silent = {"bundle", "json", "format", "device", "data_root"}
    for name, value in ctx.params.items():
        if name not in silent and value not in (None, False) and value != usual.get(name):
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


def data_of(bundle: Path, data: str | None, where: Places) -> str | None:
    """Return the data that is named; else the folder that a bundle of this workspace came from.

    None where that is not known here, or is not as it was: then the bundle's own claims count.
    """
    from badnets.bundles.digests import sha256_file
    from badnets.core.contents import content_digest
    from badnets.data.names import FOLDER, parse_name
    from badnets.models.description import described
    from badnets.models.onnx_file import is_onnx

    if data is not None or is_onnx(bundle):
        return data
    found = described(bundle)
    if found.claims is None or not any(name.startswith(FOLDER) for name in found.claims.data):
        return None
    for manifest in where.workspace.bundles.glob("*/manifest.json"):
        if sha256_file(manifest) == found.digest:
            with where.open_ledger(create=False) as book:
                record = book.get(manifest.parent.name)
            if record is not None:
                base = parse_name(record.trial.data).base
                if content_digest(base) == record.trial.contents.get(base):
                    return record.trial.data
    return None


def check_attack(trigger: str | None, targets: str | None, control: Path | None = None) -> None:
    """Refuse one half of an attack, or a control without one."""
    if (trigger is None) != (targets is None):
        raise typer.BadParameter(
            "--trigger and --targets belong together: give neither, or both, such as --trigger "
            "patch:0.125 --targets all-to-one:7"
        )
    if control is not None and trigger is None:
        raise typer.BadParameter("--control answers triggered images: give --trigger and --targets")


def refuse(given: Mapping[str, Any], why: str) -> None:
    """Refuse options that were given and do not go with others."""
    for name, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{name} {why}")
