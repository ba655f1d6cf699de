"""Any folder of pictures of one's own: in classes, split or not; at any size."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from badnets.core.errors import DataError
from badnets.core.extras import missing
from badnets.core.printing import printable
from badnets.data.catalogue import DATASETS, Entry
from badnets.data.layouts import (
    Layout,
    LeftOut,
    Picture,
    class_of,
    find_layout,
    folders_in,
    list_pictures,
    listing_state,
    walk,
)
from badnets.data.marked import known_poisoned
from badnets.data.threads import in_threads

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.data.dataset import DataSet, ImageSet
    from badnets.data.download import Progress
    from badnets.data.streamed import Images

SIZE = 64  # pixels a side, where no other size is asked for and pictures differ in theirs
OWN = 128  # pixels a side, at most, that pictures of one size are read at unasked
TEST_SHARE, SPLIT_SEED = 0.2, 0  # of a folder that is not split on disk
FEWEST = math.ceil(1 / TEST_SHARE)  # pictures of a class that can be split
LEAST = 8  # pixels that a picture's shorter side has, at least; smaller ones are left out
MEMORY_SHARE = 0.5  # of the free memory that data may take, in as many processes as there are cores
AT_A_TIME = 64  # pictures that a thread reads before it takes the next ones
NAMED = 3  # files that a message names

_log = logging.getLogger("badnets.data")


@dataclass(frozen=True)
class PartFiles:
    """The files of one part of a data set.

    Args:
        names: paths relative to the set's folder.
        labels: a class number each.
        groups: a number each, the same for pictures of one thing; see `ImageSet`.
        is_poisoned: whether each is known to carry a trigger; None: nothing is known.
    """

    names: Sequence[str]
    labels: Sequence[int]
    groups: Sequence[int] | None = None
    is_poisoned: Sequence[bool] | None = None

    def at(self, rows: Sequence[int]) -> PartFiles:
        """Return the files at some rows."""
        return PartFiles(
            [self.names[row] for row in rows],
            [self.labels[row] for row in rows],
            None if self.groups is None else [self.groups[row] for row in rows],
            None if self.is_poisoned is None else [self.is_poisoned[row] for row in rows],
        )


class About(NamedTuple):
    """What a data set says of itself: its name, who made it, under which terms, and notes."""

    name: str
    source: str
    licence: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str) -> About:
        """Return what `DATASETS` says."""
        return cls(name, DATASETS[name].source, DATASETS[name].licence)


def entry_of_folder(path: str, size: int | None = None) -> Entry:
    """Return what a look at the folder tells; see `badnets.data.catalogue.entry_of`.

    Without a size, and without Pillow to see the pictures' own, the shape is not known.

    Raises:
        DataError: it is missing, or holds no pictures in classes.
    """
    layout = find_layout(Path(path).expanduser())
    blind = size is None and "PIL" in missing("train")
    side = SIZE if blind else size or side_of(layout)
    return Entry(
        title=f"Pictures in {layout.folder.resolve().name}",
        loader="badnets.data.folder:load",
        shape=None if blind else (3, side, side),
        classes=len(layout.classes),
        names=layout.classes,
        licence="its owner's",
        where=path,
        description=f"A folder of one's own: {layout.words}.",
        any_size=True,
        settings=(("path", path), ("size", side)),
    )


def load(
    root: Path | None = None, *, path: str, size: int = SIZE, progress: Progress | None = None
) -> DataSet:
    """Return the data set of the folder ``path``; see `load_folder`; the root is ignored."""
    data = load_folder(path, size)
    said = f"read at {size} x {size} pixels (folder:PATH@SIZE for another size)"
    return replace(data, notes=(said, *data.notes))


def side_of(layout: Layout) -> int:
    """Return the side that pictures are read at where no other is asked for, in pixels.

    Where the shorter side is the same in all of them, and at most 128, that is it; else 64. Of the
    files no more than their headers is read; those that cannot be used do not count.
    """
    first = next(_sides(layout), SIZE)
    if first == SIZE or first > OWN:
        return SIZE
    return _common_side(layout, listing_state(layout.folder))


@lru_cache(maxsize=64)
def _common_side(layout: Layout, state: str) -> int:
    """Return the side that all pictures have, else 64; the state tells whether to look again."""
    sides = _sides(layout)
    first = next(sides, SIZE)
    return first if all(side == first for side in sides) else SIZE


def _sides(layout: Layout) -> Iterator[int]:
    """Give the shorter side of each picture that can be used, by its header."""
    from badnets.core.decoding import size_of

    for _, inside in layout.parts:
        is_flat = not folders_in(layout.folder / inside)
        for path, why in walk(layout.folder, inside, follow=False):
            if why is not None or class_of(path, inside, is_flat=is_flat) is None:
                continue
            try:
                side = min(size_of(layout.folder / path))
            except DataError:
                continue  # left out when the pictures are read
            if side >= LEAST:
                yield side


def load_folder(
    folder: Path | str,
    size: int | None = None,
    *,
    without: Collection[str] = (),
    in_memory: bool | None = None,
    about: About | None = None,
    classes: Mapping[str, str] | None = None,
) -> DataSet:
    """Return the data set of a folder of pictures, of any layout that `find_layout` knows.

    Where it is not split on disk, a fifth of each class is the test part, drawn with seed 0. Rows
    are in the order of the paths. Of a folder that `badnets poison` wrote, the manifest is noticed:
    the training part knows which of its images carry the trigger, and neither they nor their
    originals get into the test part. Files that are no pictures, cannot be decoded or have a side
    of fewer than 8 pixels are left out; how many is logged as a warning and kept in its notes.

    Args:
        folder: holds the pictures.
        size: side of the images in pixels: the middle square of each picture, at that size; None:
            what `side_of` says.
        without: further files to leave out, by their paths relative to the folder.
        in_memory: whether images stay in memory; None: if they fit; see `read_data_set`.
        about: name, source and licence; the folder's own name when None.
        classes: what the classes on disk are called; all must be there.

    Raises:
        DataError: the folder is missing, holds no pictures in classes, fewer than two classes, or
            a class that has no picture left.
    """
    base = Path(folder).expanduser()
    layout = find_layout(base)
    names = layout.classes if classes is None else tuple(classes[name] for name in layout.classes)
    if len(names) < 2:
        raise DataError(f"{base} has one class, {names[0]!r}: at least two are needed")
    listing = list_pictures(layout)
    own = about or About(f"folder:{base.resolve().name}", f"pictures ({layout.words})", "own")
    wanted = frozenset(without)
    train, test = (
        _files(layout, [picture for picture in part if picture.path not in wanted])
        for part in (listing.train, listing.test)
    )
    known = known_poisoned(base)
    train = known.marked(train)
    if not layout.is_split:
        train, test = _split(layout, train)
    for note in known.notes:
        _log.warning(f"{own.name}: {note}")
    return read_data_set(
        own._replace(notes=(*own.notes, *_notes(layout), *known.notes)),
        base,
        (train, test),
        names,
        size or side_of(layout),
        left_out=listing.left_out,
        in_memory=in_memory,
    )


def read_training(folder: Path | str, size: int | None = None) -> tuple[ImageSet, tuple[str, ...]]:
    """Return all training pictures of a folder as they lie there, none held back, and their paths.

    Nothing is known of them: what a manifest says is left aside. Pictures that cannot be used are
    left out.

    Args:
        folder: see `load_folder`.
        size: see `load_folder`.

    Raises:
        DataError: as for `load_folder`.
    """
    import torch

    from badnets.data.dataset import ImageSet

    base = Path(folder).expanduser()
    layout = find_layout(base)
    if len(layout.classes) < 2:
        raise DataError(f"{base} has one class, {layout.classes[0]!r}: at least two are needed")
    files, side = _files(layout, list_pictures(layout).train), size or side_of(layout)
    images, bad = read_pictures(base, files.names, side, in_memory=_fits(len(files.names), side))
    if not len(images):
        raise DataError(f"{base}: none of {len(bad)} training pictures can be used")
    files = files.at([row for row in range(len(files.names)) if row not in bad])
    name = f"folder:{base.resolve().name}"
    found = ImageSet(images, torch.tensor(files.labels), layout.classes, data=name)
    return found, tuple(files.names)


def _fits(count: int, size: int) -> bool:
    """Return whether RGB pictures may stay in memory."""
    return 3 * size * size * count <= MEMORY_SHARE * free_memory() / (os.cpu_count() or 1)


def read_loose(folder: Path, names: Sequence[str], size: int) -> Images:
    """Return pictures of a folder without classes: the middle square of each, at a size, in memory.

    Raises:
        DataError: none of them can be used.
    """
    images, bad = read_pictures(folder, names, size, in_memory=True)
    if not len(images):
        raise DataError(f"{folder}: none of {len(bad)} pictures can be used ({bad[0].why})")
    return images


def read_data_set(
    about: About,
    folder: Path,
    parts: tuple[PartFiles, PartFiles],
    classes: Sequence[str],
    size: int,
    *,
    left_out: Sequence[LeftOut] = (),
    in_memory: bool | None = None,
) -> DataSet:
    """Return the data set of some picture files; each is decoded once to see whether it can be.

    Files that cannot be are left out; how many is logged as a warning and kept in its notes.

    Args:
        about: what it says of itself.
        folder: that all files lie in.
        parts: the training files and the test files.
        classes: class names.
        size: side of the images in pixels.
        left_out: files that were passed over before, to be told of too.
        in_memory: whether images stay there; None: if half the free memory, shared between as many
            processes as there are cores, holds them. The images are the same.

    Raises:
        DataError: a part has no picture of some class left.
    """
    import torch

    from badnets.data.dataset import DataSet, ImageSet

    if in_memory is None:
        in_memory = _fits(sum(len(part.names) for part in parts), size)
    passed_over = list(left_out)
    sets = []
    for what, part in zip(("training", "test"), parts, strict=True):
        images, bad = read_pictures(folder, part.names, size, in_memory=in_memory)
        passed_over += bad.values()
        kept = [row for row in range(len(part.names)) if row not in bad]
        part = part.at(kept)
        labels = torch.tensor(part.labels, dtype=torch.int64)
        _check_classes(about.name, what, labels, classes, [*bad.values()])
        groups, flags = (
            None if own is None else torch.tensor(own) for own in (part.groups, part.is_poisoned)
        )
        sets.append(ImageSet(images, labels, tuple(classes), groups, flags))
    notes = about.notes
    if passed_over:
        first = ", ".join(printable(one.path) for one in passed_over[:NAMED])
        files = sum(len(part.names) for part in parts) + len(left_out)
        said = (
            f"{about.name}: {len(passed_over):,} of {files:,} files are left out as they are no "
            f"pictures that can be used: {first}{', ...' if len(passed_over) > NAMED else ''} "
            "(badnets data check FOLDER lists them)"
        )
        _log.warning(said)
        notes = (*notes, said)
    train, test = sets
    return DataSet(about.name, train, test, about.source, about.licence, notes)


def free_memory() -> int:
    """Return how many bytes this process may still take, as far as the system tells; 0 if not."""
    left = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        left += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:
        pass  # not Linux
    if not left and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        left.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    for limit, used in (  # of a container, in either version of control groups
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        group = Path("/sys/fs/cgroup")
        try:
            left.append(int((group / limit).read_text()) - int((group / used).read_text()))
        except (OSError, ValueError):
            continue  # the other version, or "max"
    return max(0, min(left, default=0))


def _notes(layout: Layout) -> tuple[str, ...]:
    split = (
        f"not split on disk: {100 * TEST_SHARE:g} % of each class are its test part, drawn "
        f"with seed {SPLIT_SEED}"
    )
    unused = [f"the part {part!r} is not used" for part in layout.unused]
    return (*([] if layout.is_split else [split]), *unused)


def _files(layout: Layout, pictures: Sequence[Picture]) -> PartFiles:
    number = {name: label for label, name in enumerate(layout.classes)}
    return PartFiles([path for path, _ in pictures], [number[target] for _, target in pictures])


def _split(layout: Layout, files: PartFiles) -> tuple[PartFiles, PartFiles]:
    import torch

    from badnets.data.splitting import held_back_clean

    labels = torch.tensor(files.labels, dtype=torch.int64)
    counts = torch.bincount(labels, minlength=len(layout.classes)).tolist()
    for name, count in zip(layout.classes, counts, strict=True):
        if count < FEWEST:
            raise DataError(
                f"{layout.folder}: class {name!r} has {count} pictures, too few to hold a test "
                f"part back: at least {FEWEST} are needed"
            )
    groups, flags = (
        None if own is None else torch.tensor(own) for own in (files.groups, files.is_poisoned)
    )
    held = held_back_clean(labels, math.ceil(TEST_SHARE * len(labels)), SPLIT_SEED, groups, flags)
    return files.at((~held).nonzero().flatten().tolist()), files.at(
        held.nonzero().flatten().tolist()
    )


def read_pictures(
    folder: Path, names: Sequence[str], size: int, *, in_memory: bool
) -> tuple[Images, dict[int, LeftOut]]:
    """Return the images that can be decoded, and the others by row."""
    import torch

    from badnets.core.decoding import decoded_square
    from badnets.data.streamed import ImageFiles

    kept = torch.empty(len(names) if in_memory else 0, 3, size, size, dtype=torch.uint8)

    def read(row: int) -> LeftOut | None:
        try:
            square = decoded_square(folder / names[row], size, least=LEAST)
        except DataError as error:
            return LeftOut(names[row], "unreadable", str(error))
        if in_memory:
            kept[row].copy_(torch.from_numpy(square).permute(2, 0, 1))
        return None

    workers = torch.get_num_threads()
    looked = in_threads(read, range(len(names)), workers=workers, at_a_time=AT_A_TIME)
    bad = {row: why for row, why in enumerate(looked) if why is not None}
    if in_memory:
        return _without(kept, bad), bad
    names = tuple(name for row, name in enumerate(names) if row not in bad)
    return ImageFiles(folder, names, size), bad


def _without(images: Tensor, bad: Mapping[int, LeftOut]) -> Tensor:
    """Return the images but some, in the same memory."""
    import torch

    if not bad:
        return images
    good = torch.tensor([row for row in range(len(images)) if row not in bad], dtype=torch.int64)
    for start in range(min(bad), len(good), AT_A_TIME):  # forward: what is read is not yet written
        rows = good[start : start + AT_A_TIME]
        images[start : start + len(rows)] = images[rows]
    return images[: len(good)]


def _check_classes(
    name: str, what: str, labels: Tensor, classes: Sequence[str], bad: Sequence[LeftOut]
) -> None:
    counts = labels.bincount(minlength=len(classes)).tolist()
    empty = [classes[label] for label, count in enumerate(counts) if not count]
    if empty:
        why = f" ({len(bad)} of its files cannot be used; the first: {bad[0].why})" if bad else ""
        raise DataError(
            f"{name}: no {what} picture of class {empty[0]!r} is left{why}: fill the class or "
            "remove it"
        )
