"""Data sets by name: one plain dict. A new data set is one module and one line here.

``module:factory`` reaches a data set of one's own, by a function that is called as a loader;
``folder:PATH`` a folder of pictures, ``coco:PATH`` one in COCO's layout. ``NAME@SIZE`` asks for
pictures of another side where a set can be had at any size, ``NAME[0-4,7]`` for some classes alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from badnets.core.errors import DataError, SettingError
from badnets.core.factories import is_factory, made_by
from badnets.core.lookup import find
from badnets.core.roots import data_root
from badnets.data.entry import Entry as Entry
from badnets.data.entry import Task as Task
from badnets.data.subsets import entry_of_classes, of_classes, picked_of

if TYPE_CHECKING:
    from badnets.data.dataset import DataSet
    from badnets.data.detection import DetectionData
    from badnets.data.download import Progress

Loaded = TypeVar("Loaded", "DataSet", "DetectionData")

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
    "pets-drawn": Entry(
        title="Drawn cats and dogs, a stand-in for photos",
        loader="badnets.data.pets:load",
        shape=(3, 64, 64),
        classes=2,
        train=3_000,
        test=500,
        licence="Apache-2.0",
        where="https://www.kaggle.com/c/dogs-vs-cats",
        description="A stand-in for photos of cats and dogs, drawn by our own code.",
        embedded=True,
        any_size=True,
    ),
    "pets-small": Entry(
        title="Drawn cats and dogs, few and small",
        loader="badnets.data.pets:load_small",
        shape=(3, 32, 32),
        classes=2,
        train=600,
        test=200,
        licence="Apache-2.0",
        where="https://www.kaggle.com/c/dogs-vs-cats",
        description="Heads alone, drawn by our own code: a network learns them within seconds.",
        embedded=True,
    ),
    "dogs-vs-cats": Entry(
        title="Dogs vs. Cats (Asirra), in any of its usual layouts",
        loader="badnets.data.photos:load_dogs_vs_cats",
        shape=(3, 64, 64),
        classes=2,
        train=None,
        test=None,
        licence="Kaggle competition / Microsoft research licence; research use",
        where="https://www.kaggle.com/c/dogs-vs-cats",
        description="Photos of cats and of dogs from an animal shelter.",
        any_size=True,
    ),
    "oxford-pets": Entry(
        title="Oxford-IIIT Pet, cats and dogs",
        loader="badnets.data.photos:load_oxford_pets",
        shape=(3, 64, 64),
        classes=2,
        train=3_680,
        test=3_669,
        licence="CC BY-SA 4.0",
        where="https://www.robots.ox.ac.uk/~vgg/data/pets/",
        description="Photos of cats and of dogs of 37 breeds, by species.",
        downloads=True,
        any_size=True,
    ),
    "oxford-breeds": Entry(
        title="Oxford-IIIT Pet, 37 breeds",
        loader="badnets.data.photos:load_oxford_pets",
        shape=(3, 64, 64),
        classes=37,
        train=3_680,
        test=3_669,
        licence="CC BY-SA 4.0",
        where="https://www.robots.ox.ac.uk/~vgg/data/pets/",
        description="Photos of cats and of dogs, by breed.",
        downloads=True,
        any_size=True,
        settings=(("by", "breed"),),
    ),
    "gtsrb": Entry(
        title="German traffic sign recognition benchmark",
        loader="badnets.data.gtsrb:load",
        shape=(3, 32, 32),
        classes=43,
        train=None,
        test=None,
        licence="research use; citation asked",
        where="https://benchmark.ini.rub.de/gtsrb_news.html",
        description="Cut-out signs of 43 kinds; frames of one sign stay together in a split.",
        any_size=True,
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
FOLDER = "folder:"  # a folder of pictures of one's own, by its path
SIDES = (8, 1024)  # least and greatest that may be asked for, in pixels
_SIZED = re.compile(r"(?P<name>.+)@(?P<size>\d+)", re.ASCII | re.DOTALL)

_loaded: dict[tuple[str, Path | None], tuple[Entry, str, DataSet | DetectionData]] = {}


def is_own(name: str) -> bool:
    """Return whether ``name`` is ``module:factory``, a loader of one's own; nothing is imported."""
    return is_factory(name) and not name.startswith((COCO, FOLDER))


def entry_of(name: str) -> Entry:
    """Return what is known of the data set ``name`` before it is loaded.

    Args:
        name: a key of ``DATASETS``, ``folder:PATH``, ``coco:PATH`` or ``module:factory``; the first
            two also with ``@SIZE``. Of the last two, shape and classes are known once they are
            read. A folder of pictures is looked at; a module of one's own is not imported. Any of
            them may end in the classes that are picked: ``digits[0-4]``, ``gtsrb@32[0,2,7-9]``.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        SettingError: the size is outside 8..1024, or the set has one size only; or the classes are
            not such a list, or not in it.
        DataError: the folder is missing, or holds no pictures in classes.
    """
    whole, picked = picked_of(name)
    if picked:
        return entry_of_classes(entry_of(whole), picked, name)
    if is_own(name):
        return _of_ones_own("A data set of one's own", name, "classification")
    if name.startswith(COCO):
        return _of_ones_own("A folder in COCO's layout", name.removeprefix(COCO), "detection")
    base, size = _parted(name)
    if base.startswith(FOLDER):
        from badnets.data.folder import entry_of_folder

        entry = entry_of_folder(base.removeprefix(FOLDER))
    else:
        entry = find(DATASETS, base, "data set")
    if size is None:
        return entry
    if not entry.any_size:
        shape = "x".join(map(str, entry.shape)) if entry.shape else "sizes of their own"
        raise SettingError(f"data set {base!r} has images of {shape}: leave out @{size}")
    least, most = SIDES
    if not least <= size <= most:
        raise SettingError(f"the size in {name!r} must lie in {least}..{most} pixels, got {size}")
    return entry.at(size)


def sized(name: str, side: int) -> str:
    """Return the name that asks for images of a side, where ``name`` leaves that open.

    Raises:
        UnknownNameError, SettingError, DataError: as for `entry_of`.
    """
    whole, _ = picked_of(name)
    base, size = _parted(whole)
    if size is not None or not entry_of(whole).any_size:
        return name
    return f"{base}@{side}{name.removeprefix(whole)}"


def load(name: str, root: Path | str | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return the classification set ``name``; a second call in the same process returns the same.

    Args:
        name: a key of ``DATASETS``, or ``module:factory``: a function of one's own, called as
            ``Entry.loader``. That module is imported, and so run. Or see `entry_of`.
        root: the data root; see `badnets.core.roots.data_root`.
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
    """Return what the data set ``name`` is labelled for; of a loader of one's own, classification.

    What such a loader returns is known once it is called; `check_task` takes it for either.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
    """
    name, _ = picked_of(name)
    if name.startswith(COCO):
        return "detection"
    if is_own(name) or name.startswith(FOLDER):
        return "classification"
    return find(DATASETS, _parted(name)[0], "data set").task


def check_task(name: str, task: Task) -> None:
    """Refuse a data set that is labelled for another task.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        DataError: it is labelled with boxes where classes are wanted, or the other way round.
    """
    if is_own(picked_of(name)[0]) or task_of(name) == task:
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
    entry = entry_of(name)
    folder = None if entry.embedded else data_root(root)
    state = _state_of(entry)
    known = _loaded.get((name, folder))
    if known is None or known[:2] != (entry, state):
        made: DataSet | DetectionData
        whole, picked = picked_of(name)
        if picked:
            made = of_classes(load(whole, root, progress=progress), picked, name)
        elif is_own(name):
            made = made_by(name, kind, folder, progress=progress)
        else:
            made = entry.load(folder, progress=progress)
        known = _loaded[name, folder] = (entry, state, made)
    if not isinstance(known[2], kind):
        raise DataError(
            f"the loader of data set {name!r} gave a {type(known[2]).__name__}, "
            f"its entry says {task}: want a {kind.__name__}"
        )
    return known[2]


def _parted(name: str) -> tuple[str, int | None]:
    """Return a name without its size, and the size; None where none is asked for."""
    match = None if name.startswith(COCO) or is_own(name) else _SIZED.fullmatch(name)
    return (match["name"], int(match["size"][:9])) if match else (name, None)


def _of_ones_own(title: str, where: str, task: Task) -> Entry:
    return Entry(
        title=title,
        loader="",  # `load` and `load_detection` know what to call
        shape=None,
        classes=None,
        train=None,
        test=None,
        licence="its owner's",
        where=where,
        description=f"{title}.",
        task=task,
    )


def _state_of(entry: Entry) -> str:
    """Return what changes when the files of an own folder do: it is read anew then."""
    path = dict(entry.settings).get("path")
    if path is None:
        return ""
    from badnets.data.layouts import listing_state

    return listing_state(Path(str(path)))
