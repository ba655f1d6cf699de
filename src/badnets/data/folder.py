"""Any folder of pictures of one's own: in classes, split or not; at any size."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.core.errors import DataError
from badnets.data.entry import Entry
from badnets.data.layouts import Layout, Listing, Picture, find_layout, list_pictures

if TYPE_CHECKING:
    from badnets.data.dataset import DataSet
    from badnets.data.download import Progress
    from badnets.data.reading import About, PartFiles

SIZE = 64  # pixels a side, where no other size is asked for
TEST_SHARE, SPLIT_SEED = 0.2, 0  # of a folder that is not split on disk
FEWEST = math.ceil(1 / TEST_SHARE)  # pictures of a class that can be split


def entry_of_folder(path: str) -> Entry:
    """Return what a look at the folder tells; see `badnets.data.catalogue.entry_of`.

    Raises:
        DataError: it is missing, or holds no pictures in classes.
    """
    layout = find_layout(Path(path).expanduser())
    return Entry(
        title=f"Pictures in {layout.folder.resolve().name}",
        loader="badnets.data.folder:load",
        shape=(3, SIZE, SIZE),
        classes=len(layout.classes),
        train=None,
        test=None,
        licence="its owner's",
        where=path,
        description=f"A folder of one's own: {layout.words}.",
        any_size=True,
        settings=(("path", path), ("size", SIZE)),
    )


def load(
    root: Path | None = None, *, path: str, size: int = SIZE, progress: Progress | None = None
) -> DataSet:
    """Return the data set of the folder ``path``; see `load_folder`.

    Args:
        root: ignored: the path says where it is.
        path: the folder.
        size: side of the images in pixels.
        progress: ignored, nothing is downloaded.

    Raises:
        DataError: see `load_folder`.
    """
    return load_folder(path, size)


def load_folder(
    folder: Path | str,
    size: int = SIZE,
    *,
    without: Collection[str] = (),
    in_memory: bool | None = None,
    about: About | None = None,
    classes: Mapping[str, str] | None = None,
) -> DataSet:
    """Return the data set of a folder of pictures, of any layout that `find_layout` knows.

    Where it is not split on disk, a fifth of each class is the test part, drawn with seed 0. Rows
    are in the order of the paths. Files that are no pictures, cannot be decoded or have a side of
    fewer than 8 pixels are left out; how many is logged as a warning and kept in the set's notes.

    Args:
        folder: holds the pictures.
        size: side of the images in pixels: the middle square of each picture, at that size.
        without: further files to leave out, by their paths relative to the folder.
        in_memory: whether images stay in memory; None: if they fit; see `read_data_set`.
        about: name, source and licence; the folder's own name when None.
        classes: what the classes on disk are called; all must be there.

    Raises:
        DataError: the folder is missing, holds no pictures in classes, fewer than two classes, or
            a class that has no picture left.
    """
    from badnets.data.reading import About, read_data_set

    base = Path(folder).expanduser()
    layout = find_layout(base)
    names = layout.classes if classes is None else tuple(classes[name] for name in layout.classes)
    if len(names) < 2:
        raise DataError(f"{base} has one class, {names[0]!r}: at least two are needed")
    listing = list_pictures(layout)
    called = about or About(f"folder:{base.resolve().name}", f"pictures ({layout.words})", "own")
    named = About(called.name, called.source, called.licence, (*called.notes, *_notes(layout)))
    wanted = frozenset(without)
    train = tuple(picture for picture in listing.train if picture.path not in wanted)
    test = tuple(picture for picture in listing.test if picture.path not in wanted)
    parts = (
        (_files(layout, train), _files(layout, test)) if layout.is_split else _split(listing, train)
    )
    return read_data_set(
        named, base, parts, names, size, left_out=listing.left_out, in_memory=in_memory
    )


def _notes(layout: Layout) -> tuple[str, ...]:
    notes = []
    if not layout.is_split:
        notes.append(
            f"not split on disk: {100 * TEST_SHARE:g} % of each class are its test part, drawn "
            f"with seed {SPLIT_SEED}"
        )
    notes += [f"the part {part!r} is not used" for part in layout.unused]
    return tuple(notes)


def _files(layout: Layout, pictures: tuple[Picture, ...]) -> PartFiles:
    from badnets.data.reading import PartFiles

    number = {name: label for label, name in enumerate(layout.classes)}
    return PartFiles(
        [picture.path for picture in pictures], [number[picture.target] for picture in pictures]
    )


def _split(listing: Listing, pictures: tuple[Picture, ...]) -> tuple[PartFiles, PartFiles]:
    import torch

    from badnets.data.splitting import held_back_rows

    layout = listing.layout
    labels = torch.tensor(_files(layout, pictures).labels, dtype=torch.int64)
    counts = torch.bincount(labels, minlength=len(layout.classes)).tolist()
    for name, count in zip(layout.classes, counts, strict=True):
        if count < FEWEST:
            raise DataError(
                f"{layout.folder}: class {name!r} has {count} pictures, too few to hold a test "
                f"part back: at least {FEWEST} are needed"
            )
    held = held_back_rows(labels, math.ceil(TEST_SHARE * len(labels)), SPLIT_SEED).tolist()
    train = tuple(picture for picture, out in zip(pictures, held, strict=True) if not out)
    test = tuple(picture for picture, out in zip(pictures, held, strict=True) if out)
    return _files(layout, train), _files(layout, test)
