"""What an audit of a training set leaves behind: a list, a sheet of pictures, a cleaned set."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

from badnets.audit.sets.auditing import AuditedData
from badnets.bundles.atomic import new_folder, write_text
from badnets.core.errors import DataError, SettingError
from badnets.core.files import usable_path
from badnets.data import load, write_pictures
from badnets.data.contact_sheet import contact_sheet
from badnets.data.layouts import find_layout, list_pictures, listing_state
from badnets.data.names import parse_name
from badnets.data.png import write_png

PICTURES, COLUMNS, TILE = 40, 8, 64  # of a sheet; the side of one, in pixels, at least


def write_list(audited: AuditedData, path: Path | str) -> Path:
    """Write a CSV file of the flagged images, most suspicious first: image, class, score.

    Raises:
        OutputError: it cannot be written.
    """
    given, text = audited.given, io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("image", "class", "score"))
    for row in audited.order[: int(audited.flagged.sum())].tolist():
        name = given.images.classes[int(given.images.labels[row])]
        table.writerow((given.names[row], name, f"{float(audited.scores[row]):.4f}"))
    write_text(Path(path), text.getvalue())
    return Path(path)


def write_sheet(audited: AuditedData, path: Path | str) -> Path:
    """Write a PNG picture of the most suspicious images, each with its rank and its class.

    Raises:
        OutputError: it cannot be written.
    """
    images, rows = audited.given.images, audited.order[:PICTURES]
    shown = images.images_at(rows).cpu()
    titles = [
        f"{rank}: {images.classes[int(images.labels[row])]}"
        for rank, row in enumerate(rows.tolist(), start=1)
    ]
    sheet = contact_sheet(
        shown,
        titles=titles,
        heading=f"{audited.given.called}: most suspicious first, rank: label",
        columns=COLUMNS,
        scale=max(1, round(TILE / shown.shape[2])),
    )
    return write_png(Path(path), sheet)


def write_cleaned(
    audited: AuditedData, path: Path | str, data_root: Path | str | None = None
) -> Path:
    """Write a new folder of pictures without the flagged ones.

    A folder's pictures are copied as they are, those of other parts too; what is no picture is left
    behind. Of a named set both parts are written as PNG files.

    Args:
        audited: what was found.
        path: the folder to make; it appears once all is written.
        data_root: where data sets lie; None: the usual place.

    Raises:
        SettingError: the set is neither a folder of pictures nor named, or the one lies in the
            other.
        DataError: the folder was changed meanwhile.
        OutputError: the name is taken, or the disk is full.
    """
    given, out = audited.given, usable_path(path)
    if given.folder is None:
        check_cleaned(given.called)
        whole = load(given.called, data_root)
        return write_pictures(replace(whole, train=whole.train.take(audited.kept)), out)
    base = given.folder
    if base.resolve() in (out.resolve(), *out.resolve().parents):
        raise SettingError(f"{out} lies in {base}, which is read: give a folder outside of it")
    state, flagged = listing_state(base), set(audited.verdict.flagged_images)
    listing = list_pictures(find_layout(base))
    with new_folder(out) as partial:
        for picture, _ in (*listing.train, *listing.test):
            if picture not in flagged:
                (partial / picture).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(base / picture, partial / picture)
        if listing_state(base) != state:
            raise DataError(f"{base} was changed while it was read: audit it again")
    return out


def check_cleaned(name: str) -> None:
    """Refuse a set that is not written as pictures.

    Raises:
        SettingError: it is in COCO's layout, or has no name.
    """
    if parse_name(name).kind == "coco" or name == "images":
        raise SettingError(
            "a cleaned set is written of a folder of classes or of a named set of images; of "
            "others take --list, or images.take(audited.kept)"
        )
