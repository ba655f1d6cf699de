"""Writing a poisoned folder: by several threads, all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import PIL
import torch

from badnets._version import __version__
from badnets.bundles.atomic import new_folder, output_error, remove_stale
from badnets.bundles.digests import sha256_bytes, sha256_file
from badnets.core.backdoor import Backdoor
from badnets.core.decoding import picture_bytes
from badnets.core.errors import BadnetsError, DataError, SettingError, TakenError
from badnets.core.files import usable_path
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.roots import from_data_root
from badnets.core.triggers import Blended, Sticker, Trigger
from badnets.data.coco import load_coco
from badnets.data.on_disk.encoding import Encoding
from badnets.data.on_disk.manifest import (
    MANIFEST,
    Entry,
    File,
    Head,
    Picture,
    backdoor_of,
    is_poisoned,
    manifest_bytes,
    plain_backdoor,
    plain_values,
    read_manifest,
)
from badnets.data.on_disk.plan import (
    FolderPlan,
    Job,
    find_pictures,
    is_coco,
    plan_coco,
    plan_folder,
)
from badnets.data.on_disk.stamping import Box, stamped
from badnets.data.threads import in_threads

CHUNK = 32  # files that a worker takes at a time
WHEN_NS = 315_532_800 * 10**9  # 1980: the time that every file gets, so that none looks newer
USUAL = Encoding()


@dataclass(frozen=True)
class Written:
    """A folder that has been written.

    Attributes:
        folder: where it is.
        head: the first line of its manifest.
        files: all files but the manifest.
        share: pictures with the trigger / all training pictures.
        kept: files that this call did not have to write: all, where the same call had been made.
    """

    folder: Path
    head: Head
    files: int
    share: Rate
    kept: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: kept elsewhere, it tells this manifest from one made later."""
        return sha256_file(self.folder / MANIFEST)


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
    all is done; until then the work lies beside it, hidden. The same call again finds it done.

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
        TakenError: ``out`` is not empty.
        OutputError: the disk is full.
    """
    if workers < 1:
        raise SettingError(f"workers must be >= 1, got {workers}")
    _check_places(source, out)
    if is_coco(source) and (encoding.channels != 3 or skip_bad):
        raise SettingError(
            "grey channels and skipping bad pictures are for class folders, not COCO"
        )
    paths = find_pictures(source).paths if skip_bad else []
    bad = _defects(source, paths, encoding, workers, listener)
    plan = _planned(source, backdoor, bad, seed)
    head = _head(plan, backdoor, seed, encoding)
    if _is_taken(out):
        return _done_before(out, head, plan)
    remove_stale(out.parent)  # what a run that was killed has left
    with new_folder(out, replace=out.exists()) as work:
        _make_folders(work, plan)
        write = partial(_write, source, work, backdoor.trigger, encoding, plan.upright)
        entries = in_threads(
            write,
            plan.jobs,
            workers=workers,
            at_a_time=CHUNK,
            listener=listener,
            doing="poisoning",
        )
        (work / MANIFEST).write_bytes(manifest_bytes(head, entries))
    return Written(out, head, len(entries), Rate(sum(map(is_poisoned, entries)), plan.rows))


def remade(
    source: Path, head: Head, *, workers: int = 1, listener: Listener | None = None
) -> tuple[Head, list[Entry]]:
    """Return the manifest that the settings in a head give for a folder; no picture is kept.

    Args:
        source: the folder that was read then.
        head: what was asked for.
        workers: threads.
        listener: is told of every chunk that is done.

    Raises:
        DataError: the folder is not as it should be, or the settings cannot be followed.
        SettingError, ShapeError: as for `poison_folder`.
        OutputError: the folder for temporary files is full.
    """
    backdoor, encoding = backdoor_of(head), encoding_of(head)
    coco = is_coco(usable_path(source))
    passed_over = {one.path for one in head.left_out}
    paths = [] if coco else [path for path in find_pictures(source).paths if path in passed_over]
    plan = _planned(source, backdoor, _defects(source, paths, encoding, workers, None), head.seed)
    with TemporaryDirectory(prefix="badnets-") as name:
        work = Path(name)
        _make_folders(work, plan)

        def write(job: Job) -> Entry:
            entry = _write(source, work, backdoor.trigger, encoding, plan.upright, job)
            (work / job.path).unlink()
            return entry

        entries = in_threads(
            write,
            plan.jobs,
            workers=workers,
            at_a_time=CHUNK,
            listener=listener,
            doing="poisoning again",
        )
    return _head(plan, backdoor, head.seed, encoding), entries


def encoding_of(head: Head) -> Encoding:
    """Return how the pictures of a manifest were written.

    Raises:
        DataError: no picture can be written so.
    """
    if head.channels not in (1, 3) or not 1 <= head.quality <= 100:
        raise DataError(
            f"{MANIFEST} says {head.channels} channels and quality {head.quality}: no picture is "
            "written so"
        )
    return Encoding(head.quality, 1 if head.channels == 1 else 3)


def class_names(source: Path) -> tuple[str, ...]:
    """Return the classes of a folder that can be poisoned; a label is a place among them.

    Raises:
        DataError: the folder is not as it should be.
    """
    return load_coco(source).classes if is_coco(source) else find_pictures(source).classes


def _planned(source: Path, backdoor: Backdoor, bad: Mapping[str, str], seed: int) -> FolderPlan:
    if is_coco(source):
        return plan_coco(source, backdoor, seed=seed)
    return plan_folder(source, find_pictures(source, bad), backdoor, seed=seed)


def _make_folders(work: Path, plan: FolderPlan) -> None:
    for folder in plan.folders:
        (work / folder).mkdir(parents=True, exist_ok=True)


def _write(
    source: Path, out: Path, trigger: Trigger, encoding: Encoding, upright: bool, job: Job
) -> Entry:
    """Write a file, and return its line of the manifest."""
    read_from, path = source / job.source, out / job.path
    data, places = picture_bytes(read_from), tuple[Box, ...]()
    try:
        if job.is_picture:
            picture = encoding.decoded(data, read_from, upright=upright)
            if job.is_poisoned:
                drawn = job.draw() if job.draw else None
                try:
                    picture, places = stamped(picture, trigger, job.regions, drawn)
                except BadnetsError as error:
                    raise type(error)(f"{read_from}: {error}") from None
            written = encoding.write(picture, path)
        else:
            written = data if job.content is None else job.content
            path.write_bytes(written)
        os.utime(path, ns=(WHEN_NS, WHEN_NS))
    except OSError as error:
        raise output_error(path, error) from error
    common: dict[str, Any] = {
        "path": job.path,
        "sha256": sha256_bytes(written),
        "size": len(written),
        "source": job.source,
        "source_sha256": sha256_bytes(data),
    }
    if not job.is_picture:
        return File(**common)
    return Picture.model_construct(  # of our own making: checked when it is read
        **common,
        row=job.row,
        is_poisoned=job.is_poisoned,
        old_target=job.old_target,
        new_target=job.new_target,
        trigger=plain_values(trigger) if job.is_poisoned else None,
        places=places,
    )


def _defects(
    source: Path,
    paths: Sequence[str],
    encoding: Encoding,
    workers: int,
    listener: Listener | None,
) -> dict[str, str]:
    """Return the pictures among some that cannot be decoded, and why."""

    def defect(path: str) -> str:
        try:
            encoding.decoded(picture_bytes(source / path), source / path)
        except DataError as error:
            return str(error).removeprefix(f"picture {source / path}").lstrip(": ")
        return ""

    whys = in_threads(
        defect, paths, workers=workers, at_a_time=CHUNK, listener=listener, doing="checking"
    )
    return {path: why for path, why in zip(paths, whys, strict=True) if why}


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
        left_out=plan.left_out,
    )


def _picture_digest(trigger: Trigger) -> str | None:
    """Return the digest of the picture file that a trigger shows, if it shows one."""
    if isinstance(trigger, Sticker):
        return sha256_file(from_data_root(trigger.file))
    if isinstance(trigger, Blended) and trigger.key != "noise":
        return sha256_file(from_data_root(trigger.key))
    return None


def _check_places(source: Path, out: Path) -> None:
    read_from, written_to = (usable_path(place).resolve() for place in (source, out))
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
        TakenError: it is something else.
    """
    try:
        found = read_manifest(out) if (out / MANIFEST).is_file() else None
        if found is not None and found.head.model_dump_json() == head.model_dump_json():
            share = Rate(sum(map(is_poisoned, found.entries())), plan.rows)
            return Written(out, head, len(plan.jobs), share, kept=len(plan.jobs))
    except DataError:
        pass  # of a damaged manifest nothing is known but that the folder is taken
    raise TakenError(f"{out} is not empty: choose another folder to write to, or empty it")
