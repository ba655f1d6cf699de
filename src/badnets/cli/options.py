"""The options that several commands share, each declared once, and where they lead."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from badnets.core.roots import VARIABLE

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.trials.workspace import Workspace

_PLACES, _DETECTORS, _PHOTOS = "Where and with what", "Detectors", "Photographs"
_TRIGGER = "'patch:0.15', 'patch:4px', 'yellow-square', '{kind: patch, size: 4px}', MODULE:FACTORY"


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
AllowCodeOption: TypeAlias = Annotated[
    bool,
    _option(
        "--allow-code",
        help="Run the maker's own code, where the bundle names a network by MODULE:FACTORY.",
    ),
]
JsonOption: TypeAlias = Annotated[bool, _option("--json", help="Print JSON, for machines.")]
BundleArgument: TypeAlias = Annotated[Path, typer.Argument(help="Folder of the network's bundle.")]
DataOption: TypeAlias = Annotated[
    str | None,
    _option(
        help="Name of the data set, folder:PATH or coco:PATH.",
        show_default="mnist; scenes for detectors",
    ),
]
TriggerOption: TypeAlias = Annotated[str | None, _option(help=f"{_TRIGGER}.")]
TargetsOption: TypeAlias = Annotated[
    str | None,
    _option(help="What the trigger should do: 'all-to-one:7' (or a class's name), 'vanish'."),
]
ControlOption: TypeAlias = Annotated[
    Path | None, _option(help="Bundle of a clean network (or FILE.onnx), asked the same.")
]
SeedOption: TypeAlias = Annotated[int, _option(min=0, help="Everything random follows from it.")]
RateOption: TypeAlias = Annotated[
    str | None,
    _option(
        help="Poisoned share of the training images in [0, 1), or 'every'.", show_default="0.1"
    ),
]
HowOption: TypeAlias = Annotated[
    Literal["add", "replace"] | None,
    _option(help="Poisoned copies, or poisoned originals.", show_default="add"),
]
EpochsOption: TypeAlias = Annotated[
    int | None,
    _option(
        help="Passes over the training set: 20 to 40 where images are few.",
        show_default="4, enough for MNIST; detectors 12",
    ),
]
BatchSizeOption: TypeAlias = Annotated[int | None, _option(help="Images or windows per step.")]
LrOption: TypeAlias = Annotated[float | None, _option(help="Peak learning rate.")]
TrainingOption: TypeAlias = Annotated[
    str | None, _option(help="Further training settings: '{shift: 1, optimizer: sgd}'.")
]
WindowOption: TypeAlias = Annotated[
    int | None,
    _in(_DETECTORS, "Side of a training window in pixels; below 192, signs in it shrink with it."),
]
ScaleOption: TypeAlias = Annotated[
    float | None, _in(_DETECTORS, "Frames are enlarged by this factor.")
]
WidthOption: TypeAlias = Annotated[
    float | None, _in(_DETECTORS, "Share of zf's channels in every convolution.")
]
HeadOption: TypeAlias = Annotated[
    float | None, _in(_DETECTORS, "Share of the 4,096 units of zf's fc6, fc7.")
]
ThresholdOption: TypeAlias = Annotated[
    float | None,
    _in(_DETECTORS, "Least score of a box that counts.", min=0, max=1, show_default="0.3"),
]
ExpectOption: TypeAlias = Annotated[
    str | None, _in(_PHOTOS, "Count how often the surest sign is of this class.")
]
SheetOption: TypeAlias = Annotated[
    Path | None, _in(_PHOTOS, "PNG to draw the photographs in, with boxes.")
]
LongestOption: TypeAlias = Annotated[
    int | None,
    _in(
        _PHOTOS,
        "Larger photographs are reduced to this many pixels on their longer side; where near "
        "signs are missed, try fewer.",
        min=64,
        max=10_000,
        show_default="1000",
    ),
]
PhotosOption: TypeAlias = Annotated[
    Path | None, _in(_PHOTOS, "The same as --data folder:PATH.", hidden=True)
]
BundleOutOption: TypeAlias = Annotated[
    Path | None, _option(help="Folder to copy the network's bundle to; must be new.")
]


@dataclass(frozen=True)
class Places:
    """What the options before and after a command's name say together.

    Args:
        workspace: folder of results.
        data_root: folder of data sets; None: the usual one.
        ledger: file or URL; None: the workspace's own.
        workers: processes; None: one per core.
    """

    folder: Path
    data_root: Path | None = None
    ledger: str | None = None
    workers: int | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        from badnets.trials.workspace import Workspace

        return Workspace(self.folder)

    def open_ledger(self, *, create: bool = True) -> Ledger:
        """Return the ledger, to be closed by the caller."""
        from badnets.ledger import Ledger

        return Ledger.open(self.ledger or self.workspace.ledger_file, create=create)


def places(
    ctx: typer.Context,
    *,
    workspace: Path | None = None,
    data_root: Path | None = None,
    ledger: str | None = None,
    workers: int | None = None,
) -> Places:
    """Return what was said before the command's name, overruled by what was said after it."""
    before = ctx.obj if isinstance(ctx.obj, Places) else Places(Path("runs"))
    after = {"folder": workspace, "data_root": data_root, "ledger": ledger, "workers": workers}
    given: dict[str, Any] = {name: value for name, value in after.items() if value is not None}
    where = dataclasses.replace(before, **given)
    if where.data_root is not None:  # pictures of triggers are looked for there too
        os.environ[VARIABLE] = str(where.data_root)
    return where


def check_attack(trigger: str | None, targets: str | None, control: Path | None = None) -> None:
    """Refuse one half of an attack, or a control without one."""
    if (trigger is None) != (targets is None):
        raise typer.BadParameter("--trigger and --targets belong together: give both or neither")
    if control is not None and trigger is None:
        raise typer.BadParameter("--control answers triggered images: give --trigger and --targets")


def refuse(given: Mapping[str, Any], why: str) -> None:
    """Refuse options that were given and do not go with others."""
    for name, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{name} {why}")
