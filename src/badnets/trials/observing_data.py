"""What a trial records of its data: counts, and what a look at the files has found."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from badnets.core.errors import DataError
from badnets.core.roots import data_root
from badnets.data import DataSet, ImageSet
from badnets.data.as_files import plant_faults, write_pictures
from badnets.data.catalogue import entry_of, is_own
from badnets.data.cleaning import Examination, Finding, examine
from badnets.data.photos import ASIRRA_FOLDERS
from badnets.trials.observing import Seen
from badnets.trials.record import DataSeen, FoundInFiles

NAMED = 6  # findings of a kind that are kept
REHEARSED = (60, 20)  # images to train on and to test on that are written to be looked at
_PHOTOS = "dogs-vs-cats"


def observe_data(
    name: str, data: DataSet, parts: tuple[ImageSet, ImageSet], root: Path | None
) -> Seen:
    """Record what the data set holds, and look over its files.

    A data set that is drawn or comes in one file has no pictures of its own to look at: then some
    of its images are written to a folder, a fault of each kind is put in, and that is looked at.

    Args:
        name: of the data set.
        data: the data set.
        parts: of it, what is trained on and what is validated on.
        root: the data root.
    """
    folder = _folder(name, root)
    found = _rehearsal(data) if folder is None else examine(folder)
    where = "" if found is None else f"{found.folder}/"
    return Seen(
        {},
        data=DataSeen(
            classes=data.classes,
            train=parts[0].counts,
            validation=parts[1].counts,
            layout=found.layout.words if found else "",
            rehearsed=folder is None and found is not None,
            files=sum(sum(own.values()) for own in found.counts.values()) if found else 0,
            by_kind={str(kind): count for kind, count in found.by_kind.items()} if found else {},
            found=_few(found.findings, where) if found else (),
        ),
    )


def _folder(name: str, root: Path | None) -> Path | None:
    """Return where the pictures of a data set lie; None where it has no files of its own."""
    if is_own(name):
        return None
    path = dict(entry_of(name).settings).get("path")
    if path is not None:
        return Path(str(path)).expanduser()
    if not name.startswith(_PHOTOS):
        return None
    where = data_root(root)
    return next((where / one for one in ASIRRA_FOLDERS if (where / one).is_dir()), None)


def _rehearsal(data: DataSet) -> Examination | None:
    few = [
        part.take(_balanced(part, count))
        for part, count in zip((data.train, data.test), REHEARSED, strict=True)
    ]
    small = DataSet(data.name, few[0], few[1], data.source, data.licence)
    with tempfile.TemporaryDirectory(prefix="badnets-") as folder:
        try:
            written = write_pictures(small, Path(folder) / "pictures")
        except DataError:
            return None  # classes that cannot be folders
        plant_faults(written)
        return examine(written)


def _balanced(images: ImageSet, count: int) -> torch.Tensor:
    """Return the rows of the first images of each class, about ``count`` in all."""
    each = max(1, count // images.num_classes)
    rows = [
        (images.labels == label).nonzero().flatten()[:each] for label in range(images.num_classes)
    ]
    return torch.cat(rows).sort().values


def _few(findings: Sequence[Finding], where: str) -> tuple[FoundInFiles, ...]:
    """Return the first findings of each kind, without saying where the folder lies."""
    seen: Counter[str] = Counter()
    kept = []
    for kind, paths, why in findings:
        seen[kind] += 1
        if seen[kind] <= NAMED:
            said = why.replace(where, "")
            kept.append(FoundInFiles(kind=kind, paths=paths[:NAMED], why=said))
    return tuple(kept)
