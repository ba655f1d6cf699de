"""Any set of one's own in COCO's layout: a JSON file of boxes for each part, and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from badnets.bundles.strict_json import parse_json
from badnets.core.errors import BundleError, DataError
from badnets.core.files import read_file, usable_path
from badnets.data.annotations import Annotation, Annotations
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.download import Progress

Id = Annotated[int, Field(ge=0)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Image(_Lenient):
    id: Id
    file_name: str
    scene_group: str | int | None = None


class _Category(_Lenient):
    id: Id
    name: str


class _Object(_Lenient):
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Coco(_Lenient):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Object]


def load(root: Path | None = None, *, path: str, progress: Progress | None = None) -> DetectionData:
    """Return the detection set of the folder ``path``; see `load_coco`; the root is ignored."""
    return load_coco(path)


def load_coco(folder: Path | str) -> DetectionData:
    """Return the detection set of a folder in COCO's layout.

    It holds ``annotations/instances_train*.json`` and ``annotations/instances_val*.json`` (or
    ``_test``), and the pictures in ``train*`` and ``val*``, in ``images``, or beside. An image's
    own field ``scene_group``, where there is one, says which pictures show the same scene;
    otherwise each is its own. Boxes are ``[left, top, width, height]``; crowds are left out.

    Raises:
        DataError: a file is missing or damaged, the parts name other classes, a box is none.
    """
    base = usable_path(folder)
    train, test = (_part(base, written) for written in annotation_files(base).values())
    return DetectionData(f"coco:{base}", train, test, source=str(base), licence="its owner's")


def annotation_files(base: Path) -> dict[str, Path]:
    """Return the annotation file of each part, ``train`` and ``test``, that is read.

    Raises:
        DataError: one is missing.
    """
    files = {}
    for part, names in (("train", ("train",)), ("test", ("val", "test"))):
        found = [
            file
            for name in names
            for file in sorted((base / "annotations").glob(f"instances_{name}*.json"))
        ]
        if not found:
            raise DataError(
                f"{base} is not in COCO's layout: annotations/instances_{names[0]}*.json is missing"
            )
        files[part] = found[0]
    return files


def _part(base: Path, written: Path) -> FrameSet:
    try:
        read = _Coco.model_validate(parse_json(read_file(written), str(written)))
    except BundleError as error:
        raise DataError(str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{written}: {place}: {first['msg']}") from None
    names = {category.id: category.name for category in read.categories}
    images = {image.id: image for image in read.images}
    rows = []
    for number, thing in enumerate(read.annotations, start=1):
        if thing.image_id not in images:
            raise DataError(f"{written}: annotation {number} is of image {thing.image_id}, unknown")
        if thing.category_id not in names:
            raise DataError(
                f"{written}: annotation {number} is of category {thing.category_id}, unknown"
            )
        if not thing.iscrowd:
            left, top, width, height = thing.bbox
            corners = (left, top, left + width, top + height)
            file = images[thing.image_id].file_name
            rows.append(Annotation(number, file, corners, names[thing.category_id]))
    scenes = {
        image.file_name: image.file_name if image.scene_group is None else str(image.scene_group)
        for image in read.images
    }
    stem = written.stem.removeprefix("instances_")
    return Annotations(
        written,
        rows,
        folders=(base / stem, base / "images" / stem, base / "images", base),
        classes=tuple(names.values()),
        class_of={name: name for name in names.values()},
        group_of=lambda file: scenes[file],
        counted="annotation",
    ).frames(list(scenes))
