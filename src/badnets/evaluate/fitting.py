"""Networks from bundles that fit a data set, and data sets that fit a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from badnets.bundles import InputSpec
from badnets.core.devices import best_device
from badnets.core.errors import BundleError, SettingError
from badnets.core.lookup import shortened
from badnets.data import FrameSet, ImageSet, load
from badnets.data.catalogue import DATASETS, Task, entry_of, sized, task_of
from badnets.data.folder import read_loose, read_pictures
from badnets.data.layouts import LeftOut, loose_pictures
from badnets.data.names import COCO, FOLDER, parse_name
from badnets.data.splitting import shuffled
from badnets.models import load_detector, load_subject
from badnets.models.description import described
from badnets.models.onnx_file import is_onnx
from badnets.models.subject import HasLogits

if TYPE_CHECKING:
    from badnets.models.detector import Detector

MOST_LOOSE = 2560  # pictures without classes that are looked at
_HOLDS: dict[Task, str] = {"classification": "a classifier", "detection": "a detector"}
_LABELLED: dict[Task, str] = {
    "classification": "has a class for each image",
    "detection": "is labelled with boxes",
}


def task_of_bundle(path: Path) -> Task:
    """Return what the network in a bundle or an ONNX file is for; the latter is a classifier.

    Raises:
        BundleError: the bundle is malformed.
    """
    return "classification" if is_onnx(path) else described(path).config.task


def name_of(given: Path | str) -> str:
    """Return the data set's name that a path or a name stands for."""
    text = str(given)
    if isinstance(given, str) and (text in DATASETS or parse_name(text).kind != "known"):
        return text
    place = Path(text).expanduser()
    if isinstance(given, str) and not place.is_dir():
        return text
    is_coco = any((place / "annotations").glob("instances_train*.json"))
    return f"{COCO if is_coco else FOLDER}{text}"


def fitting_data(path: Path, task: Task, data: str | None) -> str:
    """Return the data set that is asked for, or the one that the bundle was trained on.

    Raises:
        UnknownNameError: there is no such data set.
        SettingError: it is labelled for another task than the bundle's network; or none is asked
            for, and the bundle names none that is known by name.
    """
    if data is None:
        return _claimed_data(path, task)
    data = name_of(data)
    # one's own says what it is once it is loaded
    if parse_name(data).kind == "own" or task_of(data) == task:
        return data
    named = [name for name, entry in DATASETS.items() if entry.task == task]
    known = ", ".join([*named, f"{COCO if task == 'detection' else FOLDER}PATH"])
    raise SettingError(
        f"{path} holds {_HOLDS[task]}, but data set {data!r} {_LABELLED[task_of(data)]}: "
        f"take one that {_LABELLED[task]} ({known})"
    )


def _claimed_data(path: Path, task: Task) -> str:
    """Return the data set that a bundle says it was trained on."""
    claims = None if is_onnx(path) else described(path).claims
    parts = [] if claims is None else [name.rpartition("-") for name in claims.data]
    named = {data for data, _, part in parts if part in ("train", "test")}
    known = [
        data
        for data in named
        if (parsed := parse_name(data)).kind == "known"
        and (entry := DATASETS.get(parsed.base)) is not None
        and entry.task == task
    ]
    if len(known) == 1:
        return known[0]
    folders = [data for data in named if parse_name(data).kind == "folder"]
    if len(folders) == 1 and task == "classification":
        return _own_folder(path, folders[0])
    said = ", ".join(sorted(named))[:100]
    raise SettingError(
        f"{path} names no data set that badnets knows"
        + (f" (it says: {said})" if said else "")
        + ": give --data, as in --data folder:PATH"
    )


def _own_folder(path: Path, name: str) -> str:
    """Return the name of the folder that a bundle was trained on, if that lies here unchanged."""
    bundle, parsed = described(path), parse_name(name)
    folder, spec = Path(parsed.base), bundle.config.input
    if len(folder.parts) != 1 or not folder.is_dir():
        raise SettingError(
            f"{path} was trained on a folder called {parsed.base!r}, not found here as it was: "
            "give --data folder:PATH"
        )
    data = load(parsed.at(spec.height)).in_channels(spec.channels)
    if bundle.claims is None or data.test.digest != bundle.claims.data.get(f"{name}-test"):
        raise SettingError(
            f"{path} was trained on other pictures than those that are in {folder} now: to take "
            f"them all the same, give --data {name}"
        )
    return name


class Fitted(NamedTuple):
    """A network, and test images that are read as it takes them.

    Attributes:
        subject: the network.
        data: name of the data set, with the size that its images are read at.
        images: its test images.
        pictures: how they are read to fit, in a line; None where they are as they come.
        is_labelled: whether they came with labels; else all are 0.
    """

    subject: HasLogits
    data: str
    images: ImageSet
    pictures: str | None
    is_labelled: bool = True


def fitted(
    path: Path | str, data: str, data_root: Path | str | None = None, *, allow_code: bool = False
) -> Fitted:
    """Return the network in a bundle or an ONNX file, with the test images of a data set.

    A folder of pictures, and any set whose size can be chosen, is read at the size that the
    network takes, and in grey where it takes grey; its middle alone where the network is shown no
    more. Classes of the same names in another order are counted as the network does.

    Raises:
        BundleError: it is malformed, holds a detector, or names code without consent to run it.
        SettingError: it takes images of another shape than the data has, or knows other classes.
        BadnetsError: there is no such data set, or it cannot be read.
    """
    path = Path(path)
    return fitted_to(loaded(path, allow_code=allow_code), data, data_root, path=path)


def fitted_to(
    subject: Any,
    data: str,
    data_root: Path | str | None = None,
    *,
    path: Path | None = None,
    any_pictures: bool = False,
    read: Callable[[str], ImageSet] | None = None,
) -> Fitted:
    """Return a network with the test images of a data set; see `fitted`.

    Args:
        subject: the network.
        data: name of the data set.
        data_root: where data sets lie; None: the usual place.
        path: of its bundle or ONNX file; None: it is in none.
        any_pictures: whether images of some of the network's classes will do, and pictures in no
            folders for classes too.
        read: reads other images of the set of a name; None: its test part is taken.

    Raises:
        BadnetsError: as for `fitted`.
    """
    data, wanted, said = name_of(data), subject.input, list[str]()
    what = "the network" if path is None else f"the network in {path}"
    loose = _loose(data) if any_pictures else []
    if loose:
        return _loosely_fitted(subject, data, loose, what)
    entry, named = entry_of(data), data
    own = parse_name(data).kind == "folder"
    other_size = own or entry.shape is None or entry.shape[1:] != wanted.shape[1:]
    if entry.any_size and parse_name(data).size is None and other_size:
        named = sized(data, _side(wanted, what, data))
    rest = 0
    if read is None:
        data_set = load(named, data_root)
        images, rest = data_set.test, len(data_set.train)
    else:
        images = read(named)
    if own or named != data:
        said.append(f"at {images.shape[1]} x {images.shape[2]} pixels")
    images = _as_taken(images, wanted, said, middle=named != data, grey=entry.any_size)
    if subject.classes != images.classes and set(subject.classes) == set(images.classes):
        images = images.among(subject.classes)
        said.append("with its classes counted as the network does")
    elif any_pictures and set(images.classes) < set(subject.classes):
        said.append(f"of {images.num_classes} of its {subject.num_classes} classes")
        images = images.among(subject.classes)
    if path is not None and is_onnx(path) and subject.num_classes == images.num_classes:
        from badnets.models.onnx_subject import load_onnx

        subject = load_onnx(path, images.classes)  # the file may name none
    _check_fit(subject, what, data, images, unnamed=own and any_pictures)
    pictures = [f"read {', '.join(said)}"] if said else []
    if own and rest:
        pictures.append(f"the test part, {len(images)} of {rest + len(images)}")
    return Fitted(subject, named, images, "; ".join(pictures) or None)


def pictures_as_taken(
    subject: Any, folder: Path, names: Sequence[str]
) -> tuple[Any, dict[int, LeftOut]]:
    """Return some pictures as a network takes them, ``(n, C, H, W)`` uint8, and the others by row.

    Raises:
        SettingError: it takes images that are not square, or none that pictures can be made into.
    """
    import torch

    what, data = "the network", f"{FOLDER}{folder}"
    stored, bad = read_pictures(folder, names, _side(subject.input, what, data), in_memory=True)
    if not len(stored):
        return torch.empty(0, *subject.input.shape, dtype=torch.uint8), bad
    images = ImageSet(stored, torch.zeros(len(stored), dtype=torch.int64), subject.classes)
    images = _as_taken(images, subject.input, [], middle=True, grey=True)
    _check_fit(subject, what, data, images)
    return images.images, bad


def _loose(data: str) -> list[str]:
    """Return the pictures of a folder that tells no classes; else none."""
    parsed = parse_name(data)
    return loose_pictures(Path(parsed.base).expanduser()) if parsed.kind == "folder" else []


def _loosely_fitted(subject: Any, data: str, names: list[str], what: str) -> Fitted:
    """Return a network with pictures that have no labels."""
    import torch

    folder, wanted, said = Path(parse_name(data).base).expanduser(), subject.input, list[str]()
    chosen = [names[row] for row in shuffled(len(names), 0)[:MOST_LOOSE].tolist()]
    stored = read_loose(folder, chosen, parse_name(data).size or _side(wanted, what, data))
    images = ImageSet(stored, torch.zeros(len(stored), dtype=torch.int64), subject.classes)
    images = _as_taken(images, wanted, said, middle=True, grey=True)
    _check_fit(subject, what, data, images)
    pictures = "; ".join(["without labels", *said])
    return Fitted(subject, data, images, pictures, is_labelled=False)


def _side(wanted: InputSpec, what: str, data: str) -> int:
    """Return the side that pictures are read at for a network."""
    if wanted.height != wanted.width:
        raise SettingError(
            f"{what} takes images of {_sides(wanted.shape)}; the pictures of {data} are read as "
            "squares: take data of that shape"
        )
    return round(wanted.height / wanted.crop)


def _as_taken(
    images: ImageSet, wanted: InputSpec, said: list[str], *, middle: bool, grey: bool
) -> ImageSet:
    """Return the part of images that a network sees, in its colours; and say so."""
    if middle and images.shape[1] > wanted.height:
        images = images.in_the_middle(wanted.height)
        said.append(f"of which it sees the middle {wanted.height} x {wanted.width}")
    if grey and wanted.channels == 1 != images.shape[0]:
        images = images.in_grey()
        said.append("in grey")
    return images


def fitting_classifier(
    path: Path, data: str, images: ImageSet, *, allow_code: bool = False
) -> HasLogits:
    """Return the network in a bundle or an ONNX file, if it has the images' classes and shape.

    Raises:
        BundleError, SettingError: as for `fitted`.
    """
    subject = loaded(path, allow_code=allow_code)
    _check_fit(subject, f"the network in {path}", data, images)
    return subject


def loaded(path: Path, *, allow_code: bool) -> HasLogits:
    """Return the network in a bundle or an ONNX file, on the best device."""
    if is_onnx(path):
        from badnets.models.onnx_subject import load_onnx  # onnx is slow to import

        return load_onnx(path)
    return load_subject(path, allow_code=allow_code).to(best_device())


def _check_fit(
    subject: HasLogits, what: str, data: str, images: ImageSet, *, unnamed: bool = False
) -> None:
    if subject.input.shape != images.shape:
        size = parse_name(data).size
        cure = f"leave out @{size}" if size else "use the data set that it was trained for"
        raise SettingError(
            f"{what} takes images of {_sides(subject.input.shape)}, those of {data} "
            f"are {_sides(images.shape)}: {cure}, or a folder of pictures, which is read to fit"
        )
    if subject.num_classes != images.num_classes:
        raise SettingError(
            f"{what} knows {subject.num_classes} classes, {data} has "
            f"{images.num_classes}: use the data set that it was trained for, or pictures of those "
            f"classes ({shortened(subject.classes)})"
            + (
                "; pictures that name no class, in one folder, are named by the model itself"
                if unnamed
                else ""
            )
        )


def _sides(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))


def fitting_detector(path: Path, data: str, frames: FrameSet) -> Detector:
    """Return the detector in a bundle, if it has the classes of the data.

    Raises:
        BundleError: the bundle is malformed, or holds a classifier.
        SettingError: its classes are others, or in another order.
    """
    detector = load_detector(path).to(best_device())
    if detector.classes != frames.classes:
        raise SettingError(
            f"the detector in {path} knows the classes {', '.join(detector.classes)}, {data} has "
            f"{', '.join(frames.classes)}: use data with its classes, in their order"
        )
    return detector


def refuse_onnx(path: Path, wanted: str) -> Path:
    """Return the path of a bundle; ``wanted`` says what an ONNX file does not allow.

    Raises:
        BundleError: it is an ONNX file.
    """
    if is_onnx(path):
        raise BundleError(
            f"{path} is an ONNX file, known by its answers alone: to {wanted} the network, take "
            "the bundle that it was made from"
        )
    return path
