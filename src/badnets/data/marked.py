"""Folders that bring a manifest of what was poisoned in them: noticed, whoever loads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.core.errors import DataError
from badnets.core.settings import quoted

if TYPE_CHECKING:
    from badnets.data.folder import PartFiles


@dataclass(frozen=True)
class KnownPoisoned:
    """What a folder's manifest says of its training pictures.

    Attributes:
        sources: path in the folder -> where the picture came from, and whether it has the trigger.
        notes: what a reader has to know.
    """

    sources: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def marked(self, files: PartFiles) -> PartFiles:
        """Return files with flags, and with copies in one group with their originals."""
        from badnets.data.folder import PartFiles

        if not self.sources:
            return files
        number: dict[str, int] = {}
        found = [self.sources.get(name, (name, False)) for name in files.names]
        groups = [number.setdefault(source, len(number)) for source, _ in found]
        return PartFiles(files.names, files.labels, groups, [flag for _, flag in found])


def known_poisoned(folder: Path) -> KnownPoisoned:
    """Return what the manifest in a folder, or in the one around it, says; nothing without one.

    A manifest that is damaged, or of something else, is passed over, with a note.
    """
    from badnets.data.on_disk.manifest import MANIFEST, Picture, read_manifest

    place = next((one for one in (folder, folder.parent) if (one / MANIFEST).exists()), None)
    if place is None:
        return KnownPoisoned()
    inside = "" if place == folder else f"{folder.name}/"
    try:
        manifest = read_manifest(place)
        sources = {
            one.path.removeprefix(inside): (one.source, one.is_poisoned)
            for one in manifest.entries()
            if isinstance(one, Picture) and one.row is not None and one.path.startswith(inside)
        }
    except DataError as error:
        said = str(error).replace(f"{place}/", "")  # records hold no paths
        note = f"what {MANIFEST} says is not known ({said}): poisoned pictures are not told"
        return KnownPoisoned(notes=(note,) if place == folder else ())
    if not sources:
        return KnownPoisoned()
    count, head = sum(flag for _, flag in sources.values()), manifest.head
    plain = [head.backdoor.get(part) for part in ("trigger", "targets")]
    trigger, targets = (quoted(one.get("kind")) if isinstance(one, dict) else "?" for one in plain)
    return KnownPoisoned(
        sources,
        (
            f"poisoned by badnets: {count:,} of {len(sources):,} training pictures carry the "
            f"trigger {trigger}, targets {targets}, as its {MANIFEST} says; a network trained on "
            "it may have the backdoor",
        ),
    )
