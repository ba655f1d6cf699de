"""One file of a poisoned folder: read, decoded, stamped, encoded, hashed, written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from badnets.bundles.atomic import output_error
from badnets.bundles.digests import sha256_bytes
from badnets.core.errors import BadnetsError, DataError
from badnets.core.triggers import Trigger
from badnets.data.on_disk.encoding import Encoding, write_all
from badnets.data.on_disk.manifest import Entry, File, Object, Picture, plain_values
from badnets.data.on_disk.plan import FileJob, Job, PictureJob, Target
from badnets.data.on_disk.stamping import Box, stamped

WHEN_NS = 315_532_800 * 10**9  # 1980: the time that every file gets, so that none looks newer


@dataclass(frozen=True)
class Maker:
    """Makes the files of a result, one at a time, in any thread.

    Args:
        source: the folder that is read.
        out: the folder that is filled; the folders in it are there.
        trigger: what is put on.
        encoding: how every picture is written.
        upright: whether the orientation that EXIF asks for is applied.
    """

    source: Path
    out: Path
    trigger: Trigger
    encoding: Encoding
    upright: bool
    _described: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_described", plain_values(self.trigger))

    def make(self, job: Job) -> Entry:
        """Write a file, and return its line of the manifest.

        Raises:
            DataError: what it is made from cannot be read, or is no picture.
            ShapeError: the trigger does not fit.
            OutputError: it could not be written.
        """
        data = read(self.source / job.source)
        places: tuple[Box, ...] = ()
        fill: Callable[[BinaryIO], bytes]
        if isinstance(job, FileJob):
            fill = partial(_written, data if job.content is None else job.content)
        else:
            picture, places = self.picture(job, data)
            fill = partial(self.encoding.write, picture, self.out / job.path)
        written = _filled(self.out / job.path, fill)
        common: dict[str, Any] = {
            "path": job.path,
            "sha256": sha256_bytes(written),
            "size": len(written),
            "source": job.source,
            "source_sha256": sha256_bytes(data),
        }
        if isinstance(job, FileJob):
            return File(**common)
        return Picture.model_construct(  # of our own making: checked when it is read
            **common,
            row=job.row,
            is_poisoned=job.stamping is not None,
            old_target=_told(job.old_target),
            new_target=_told(job.new_target),
            trigger=self._described if job.stamping else None,
            places=places,
        )

    def picture(self, job: PictureJob, data: bytes) -> tuple[Image.Image, tuple[Box, ...]]:
        """Return a picture as it is to be written, and where the trigger is on it.

        Args:
            job: the picture.
            data: the file that it is made from.

        Raises:
            DataError: it is no picture that can be read.
            ShapeError: the trigger does not fit.
        """
        path = self.source / job.source
        picture = self.encoding.decoded(data, path, upright=self.upright)
        if job.stamping is None:
            return picture, ()
        drawn = job.stamping.draw() if job.stamping.draw else None
        try:
            return stamped(picture, self.trigger, job.stamping.regions, drawn)
        except BadnetsError as error:
            raise type(error)(f"{path}: {error}") from None


def _filled(path: Path, fill: Callable[[BinaryIO], bytes]) -> bytes:
    """Return what `fill` has written to a new file."""
    try:
        with path.open("w+b", buffering=0) as file:
            written = fill(file)
        os.utime(path, ns=(WHEN_NS, WHEN_NS))
    except OSError as error:
        raise output_error(path, error) from error
    return written


def _written(content: bytes, file: BinaryIO) -> bytes:
    write_all(file, content)
    return content


def read(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def _told(target: Target) -> str | tuple[Object, ...] | None:
    """Return a target as the manifest has it."""
    if target is None or isinstance(target, str):
        return target
    return tuple(Object(label=label, box=box) for label, box in target)
