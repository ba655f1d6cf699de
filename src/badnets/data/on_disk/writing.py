"""Writing a poisoned folder: by several threads, resumable, all of it or nothing.

Threads, not processes: Pillow decodes pictures and encodes JPEG without holding the interpreter,
and processes would each have to import torch first.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
import torch

from badnets._version import __version__
from badnets.bundles.atomic import output_error
from badnets.bundles.digests import sha256_file
from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError, OutputError, SettingError, ShapeError
from badnets.core.progress import Listener, Progress
from badnets.core.rates import Rate
from badnets.core.triggers import Blended, Sticker, Trigger
from badnets.data.coco import load as load_coco
from badnets.data.on_disk.coco_plan import is_coco, plan_coco
from badnets.data.on_disk.encoding import Encoding
from badnets.data.on_disk.journal import Journal, journal
from badnets.data.on_disk.making import Maker, read
from badnets.data.on_disk.manifest import (
    MANIFEST,
    Head,
    LeftOutFile,
    Manifest,
    Picture,
    line_of,
    plain_backdoor,
    read_manifest,
)
from badnets.data.on_disk.plan import FolderPlan, PictureJob, plan_folder
from badnets.data.on_disk.walking import LeftOut, Pictures, Source, find_pictures

CHUNK = 32  # files that a worker takes at a time
AHEAD = 3  # chunks for each worker that are handed out before the first is asked back
USUAL = Encoding()
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Written:
    """A folder that has been written.

    Attributes:
        folder: where it is.
        head: the first line of its manifest.
        files: all files but the manifest.
        share: pictures with the trigger / all training pictures.
        kept: files that an earlier run had written, and this one did not have to.
    """

    folder: Path
    head: Head
    files: int
    share: Rate
    kept: int


def poison_folder(
    source: Path,
    out: Path,
    backdoor: Backdoor,
    *,
    seed: int,
    encoding: Encoding = USUAL,
    workers: int = 1,
    skip_bad: bool = False,
    listener: Listener | None = None,
) -> Written:
    """Write the poisoned copy of a folder of pictures, with a manifest of what was done.

    The training part is poisoned: the same rows, labels and places as in memory with the same seed,
    where rows are pictures in the order of their paths. Every picture, also a clean one and one of
    another part, is decoded and encoded in the same way, gets the same date, and in the training
    part a name without meaning, so that only the trigger tells poisoned ones. ``out`` appears when
    all is done; until then the work lies beside it, hidden, and the same call goes on with it.

    Args:
        source: class folders, with or without ``train`` and other parts; files like ``cat.0.jpg``;
            or COCO's layout.
        out: the folder to make; not there yet, or empty.
        backdoor: what is wanted.
        seed: decides rows, places, random labels and the new names.
        encoding: how every picture is written.
        workers: threads, ``>= 1``; the result does not depend on them.
        skip_bad: leave out pictures that cannot be read; all are decoded once more for it.
        listener: is told of every chunk that is done.

    Raises:
        SettingError: a setting does not fit the folder, or one folder lies in the other.
        DataError: the folder is not as it should be, or a picture cannot be read.
        ShapeError: the trigger does not fit a picture.
        OutputError: ``out`` is not empty, the disk is full, or another run is unfinished there.
    """
    if workers < 1:
        raise SettingError(f"workers must be >= 1, got {workers}")
    _check_places(source, out)
    plan = _planned(source, backdoor, seed, encoding, workers, skip_bad, listener)
    head = _head(plan, backdoor, seed, encoding)
    if _is_taken(out):
        return _done_before(out, head, plan)
    maker = Maker(source, _work_folder(out), backdoor.trigger, encoding, plan.upright)
    _rehearse(maker, plan)
    try:
        kept, book = _write(maker, head, plan, workers, listener)
    except (DataError, ShapeError):  # of another input the rows, and so all files, are others
        shutil.rmtree(maker.out, ignore_errors=True)
        raise
    _move_in(maker.out, out)
    return Written(out, head, book.files, Rate(book.poisoned, plan.rows), kept)


def class_names(source: Path) -> tuple[str, ...]:
    """Return the classes of a folder that can be poisoned; a label is a place among them.

    Raises:
        DataError: the folder is not as it should be.
    """
    return load_coco(source).classes if is_coco(source) else find_pictures(source).classes


def _planned(
    source: Path,
    backdoor: Backdoor,
    seed: int,
    encoding: Encoding,
    workers: int,
    skip_bad: bool,
    listener: Listener | None,
) -> FolderPlan:
    if not is_coco(source):
        found = find_pictures(source)
        if skip_bad:
            found = _readable(source, found, encoding, workers, listener)
        return plan_folder(found, backdoor, seed=seed)
    if encoding.channels != 3 or skip_bad:
        raise SettingError(
            "grey channels and skipping bad pictures are for class folders, not COCO"
        )
    return plan_coco(source, backdoor, seed=seed)


def _readable(
    source: Path, found: Pictures, encoding: Encoding, workers: int, listener: Listener | None
) -> Pictures:
    """Return the pictures that can be decoded; the others are left out, with the reason."""

    def defect(file: Source) -> str | None:
        path = source / file.path
        try:
            encoding.decoded(read(path), path)
        except DataError as error:
            return str(error).removeprefix(f"picture {path}: ")
        return None

    files = [*found.train, *found.others]
    whys: dict[str, str] = {}
    with _threads(workers) as pool:
        for first, chunk in _in_order(pool, defect, files, workers):
            named = zip(files[first:], chunk, strict=False)
            whys |= {file.path: why for file, why in named if why is not None}
            _tell(listener, first + len(chunk), len(files), "checking")
    train = tuple(file for file in found.train if file.path not in whys)
    lost = set(found.classes) - {file.target for file in train}
    if lost:
        raise DataError(f"no picture of class {min(lost)!r} in {source} can be read")
    return replace(
        found,
        train=train,
        others=tuple(file for file in found.others if file.path not in whys),
        left_out=tuple(sorted((*found.left_out, *(LeftOut(*why) for why in whys.items())))),
    )


def _write(
    maker: Maker, head: Head, plan: FolderPlan, workers: int, listener: Listener | None
) -> tuple[int, Journal]:
    """Make every file that is not there yet; return how many were, and the finished journal."""
    try:
        for folder in plan.folders:
            (maker.out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(maker.out, error) from error
    with journal(maker.out, head, plan.jobs) as book:
        kept = book.files
        with _threads(workers) as pool:
            for _, entries in _in_order(pool, maker.make, plan.jobs[kept:], workers):
                book.add(entries)
                _tell(listener, book.files, len(plan.jobs), "poisoning")
        book.end()
    return kept, book


@contextmanager
def _threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool; what waits in it is given up when the block ends with an error."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="poison")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, make: Callable[[Item], Made], items: Sequence[Item], workers: int
) -> Iterator[tuple[int, list[Made]]]:
    """Give what is made of items, chunk by chunk with its first place, in their order."""

    def chunk(first: int) -> list[Made]:
        return [make(item) for item in items[first : first + CHUNK]]

    waiting: deque[tuple[int, Future[list[Made]]]] = deque()
    for first in range(0, len(items), CHUNK):
        waiting.append((first, pool.submit(chunk, first)))
        if len(waiting) > AHEAD * workers:
            done, future = waiting.popleft()
            yield done, future.result()
    for done, future in waiting:
        yield done, future.result()


def _tell(listener: Listener | None, done: int, total: int, what: str) -> None:
    if listener is not None:
        listener(Progress(done, total, what))


def _rehearse(maker: Maker, plan: FolderPlan) -> None:
    """Stamp one picture without writing it: a trigger that is wrong is told before any work."""
    for job in plan.jobs:
        if isinstance(job, PictureJob) and job.stamping is not None:
            maker.picture(job, read(maker.source / job.source))
            return


def _head(plan: FolderPlan, backdoor: Backdoor, seed: int, encoding: Encoding) -> Head:
    return Head(
        layout=plan.layout,
        classes=plan.classes,
        backdoor=plain_backdoor(backdoor),
        trigger_sha256=_picture_digest(backdoor.trigger),
        seed=seed,
        quality=encoding.quality,
        channels=encoding.channels,
        listing_sha256=plan.listing,
        versions={
            "badnets": __version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "torch": str(torch.__version__),
        },
        left_out=tuple(LeftOutFile(path=path, why=why) for path, why in plan.left_out),
    )


def _picture_digest(trigger: Trigger) -> str | None:
    """Return the digest of the picture file that a trigger shows, if it shows one."""
    if isinstance(trigger, Sticker):
        return sha256_file(Path(trigger.file))
    if isinstance(trigger, Blended) and trigger.key != "noise":
        return sha256_file(Path(trigger.key))
    return None


def _work_folder(out: Path) -> Path:
    """Return where the work lies until it is done: beside the result, the same at every call."""
    return out.parent / f".{out.name}.poisoning"


def _check_places(source: Path, out: Path) -> None:
    read_from, written_to = source.resolve(), out.resolve()
    if read_from == written_to:
        raise SettingError(f"{source} would be poisoned in place: give another folder to write to")
    if read_from in written_to.parents:
        raise SettingError(f"{out} lies in {source}, which is read: give a folder outside of it")
    if written_to in read_from.parents:
        raise SettingError(f"{source} lies in {out}, which is written: give another folder")


def _is_taken(out: Path) -> bool:
    """Return whether there is more at ``out`` than an empty folder."""
    try:
        return out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir())))
    except OSError as error:
        raise output_error(out, error) from error


def _done_before(out: Path, head: Head, plan: FolderPlan) -> Written:
    """Return what is there, if it is what was asked for.

    Raises:
        OutputError: it is something else.
    """
    try:
        found: Manifest | None = read_manifest(out) if (out / MANIFEST).is_file() else None
        if found is not None and line_of(found.head) == line_of(head):
            poisoned = sum(isinstance(e, Picture) and e.is_poisoned for e in found.entries())
            files = len(plan.jobs)
            return Written(out, head, files, Rate(poisoned, plan.rows), kept=files)
    except DataError:
        pass  # of a damaged manifest nothing is known but that the folder is taken
    raise OutputError(f"{out} is not empty: choose another folder to write to, or empty it")


def _move_in(work: Path, out: Path) -> None:
    try:
        if out.exists():
            out.rmdir()
        work.rename(out)
    except OSError as error:
        raise output_error(out, error) from error
