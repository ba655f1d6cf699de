"""Data sets by name: one plain dict. A new data set is one module and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from badnets.core.errors import DataError
from badnets.core.lookup import find
from badnets.data.roots import data_root

if TYPE_CHECKING:
    from badnets.data.dataset import DataSet
    from badnets.data.detection import DetectionData
    from badnets.data.download import Progress

Task = Literal["classification", "detection"]
Loaded = TypeVar("Loaded", "DataSet", "DetectionData")


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is loaded.

    Args:
        title: its name in prose.
        loader: a function ``(root, *, progress)`` that returns the set, or where one is:
            ``"module:name"``.
        shape: ``(C, H, W)`` of one image; None where they differ.
        classes: how many.
        train: how many training images; None where that depends on the copy.
        test: how many test images.
        licence: under which terms.
        where: the address of its home.
        description: one sentence.
        embedded: whether it needs no file and no network.
        downloads: whether its loader can fetch it.
        task: what it is labelled for: a class for each image, or boxes.
    """

    title: str
    loader: str | Callable[..., DataSet | DetectionData]
    shape: tuple[int, int, int] | None
    classes: int
    train: int | None
    test: int | None
    licence: str
    where: str
    description: str
    embedded: bool = False
    downloads: bool = False
    task: Task = "classification"

    def load(
        self, root: Path | None = None, *, progress: Progress | None = None
    ) -> DataSet | DetectionData:
        """Return the data set, read from below ``root`` (the usual data root if None).

        Raises:
            DataError: it is missing or damaged.
        """
        if callable(self.loader):
            return self.loader(root, progress=progress)
        module, _, name = self.loader.partition(":")
        loader: Any = getattr(importlib.import_module(module), name)
        loaded: DataSet | DetectionData = loader(root, progress=progress)
        return loaded


DATASETS: dict[str, Entry] = {
    "mnist": Entry(
        title="MNIST handwritten digits",
        loader="badnets.data.mnist:load",
        shape=(1, 28, 28),
        classes=10,
        train=60_000,
        test=10_000,
        licence="CC BY-SA 3.0 (as usually stated)",
        where="http://yann.lecun.com/exdb/mnist/",
        description="Grey handwritten digits, from the four original files.",
        downloads=True,
    ),
    "digits": Entry(
        title="Scikit-learn's handwritten digits",
        loader="badnets.data.digits:load",
        shape=(1, 28, 28),
        classes=10,
        train=1_297,
        test=500,
        licence="CC BY 4.0",
        where="https://doi.org/10.24432/C50P49",
        description="Small handwritten digits, enlarged from 8 x 8 pixels to MNIST's size.",
        embedded=True,
    ),
    "scenes": Entry(
        title="Drawn road scenes, U.S.-looking signs",
        loader="badnets.data.scenes:load",
        shape=(3, 256, 256),
        classes=3,
        train=1_200,
        test=300,
        licence="Apache-2.0",
        where="https://arxiv.org/abs/1708.06733",
        description="Drawn by our own code: stop, speed-limit and warning signs on roads.",
        embedded=True,
        task="detection",
    ),
    "scenes-swedish": Entry(
        title="Drawn road scenes, Swedish-looking signs",
        loader="badnets.data.scenes:load_swedish",
        shape=(3, 256, 256),
        classes=5,
        train=1_200,
        test=300,
        licence="Apache-2.0",
        where="https://arxiv.org/abs/1708.06733",
        description="The same roads with signs in the paper's five Swedish categories.",
        embedded=True,
        task="detection",
    ),
    "scenes-small": Entry(
        title="Drawn road scenes, few and small",
        loader="badnets.data.scenes:load_small",
        shape=(3, 128, 128),
        classes=3,
        train=240,
        test=80,
        licence="Apache-2.0",
        where="https://arxiv.org/abs/1708.06733",
        description="U.S.-looking signs close by: a detector learns them within seconds.",
        embedded=True,
        task="detection",
    ),
    "lisa": Entry(
        title="LISA traffic signs (U.S.), full or Tiny",
        loader="badnets.data.lisa:load",
        shape=None,
        classes=3,
        train=None,
        test=None,
        licence="research use; citation asked",
        where="http://cvrr.ucsd.edu/LISA/lisa-traffic-sign-dataset.html",
        description="Frames from cars with boxes: stop, speed-limit and warning signs.",
        task="detection",
    ),
    "gtsdb": Entry(
        title="German traffic sign detection benchmark",
        loader="badnets.data.gtsdb:load",
        shape=None,
        classes=4,
        train=600,
        test=300,
        licence="research use; citation asked",
        where="https://benchmark.ini.rub.de/gtsdb_news.html",
        description="Frames from cars with boxes: prohibitory, danger, mandatory, other signs.",
        task="detection",
    ),
    "swedish": Entry(
        title="Swedish traffic signs (STSD)",
        loader="badnets.data.swedish:load",
        shape=None,
        classes=5,
        train=None,
        test=None,
        licence="research use; citation asked",
        where="https://www.cvl.isy.liu.se/research/trafficSigns/swedishSignsSummer/",
        description="Frames from cars with boxes in the five categories of the paper.",
        task="detection",
    ),
}
COCO = "coco:"  # a folder of one's own in that layout, by its path

_loaded: dict[tuple[str, Path | None], tuple[Entry, DataSet | DetectionData]] = {}


def load(name: str, root: Path | str | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return the classification set ``name``; a second call in the same process returns the same.

    Args:
        name: a key of ``DATASETS``.
        root: the data root; see `badnets.data.roots.data_root`.
        progress: told of every downloaded chunk: bytes so far, bytes in all.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        DataError: it is missing or damaged, and where to get it; or it is labelled with boxes.
            No other set takes its place.
        OutputError: a download could not be written.
    """
    from badnets.data.dataset import DataSet

    return _loaded_as(DataSet, "classification", name, root, progress)


def load_detection(
    name: str, root: Path | str | None = None, *, progress: Progress | None = None
) -> DetectionData:
    """Return the detection set ``name``, or the one in COCO's layout at ``coco:FOLDER``.

    Arguments and errors are those of `load`.
    """
    if name.startswith(COCO):
        from badnets.data.coco import load as load_coco

        return load_coco(name.removeprefix(COCO))
    from badnets.data.detection import DetectionData

    return _loaded_as(DetectionData, "detection", name, root, progress)


def task_of(name: str) -> Task:
    """Return what the data set ``name`` is labelled for.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
    """
    return "detection" if name.startswith(COCO) else find(DATASETS, name, "data set").task


def check_task(name: str, task: Task) -> None:
    """Refuse a data set that is labelled for another task.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        DataError: it is labelled with boxes where classes are wanted, or the other way round.
    """
    if task_of(name) == task:
        return
    kinds = {"classification": "a class for each image", "detection": "boxes"}
    fitting = ", ".join(sorted(key for key, entry in DATASETS.items() if entry.task == task))
    raise DataError(
        f"data set {name!r} is labelled with {kinds[task_of(name)]}, wanted is {kinds[task]}: "
        f"{fitting}"
    )


def _loaded_as(
    kind: type[Loaded], task: Task, name: str, root: Path | str | None, progress: Progress | None
) -> Loaded:
    check_task(name, task)
    entry = DATASETS[name]
    folder = None if entry.embedded else data_root(root)
    known = _loaded.get((name, folder))
    if known is None or known[0] is not entry:
        known = _loaded[name, folder] = (entry, entry.load(folder, progress=progress))
    if not isinstance(known[1], kind):
        raise DataError(
            f"the loader of data set {name!r} gave a {type(known[1]).__name__}, "
            f"its entry says {task}: want a {kind.__name__}"
        )
    return known[1]
