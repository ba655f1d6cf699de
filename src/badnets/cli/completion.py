"""What a shell completes: names out of the tables, without importing what they name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def _beginning(known: Iterable[str], typed: str) -> list[str]:
    return [name for name in known if name.startswith(typed)]


def data(incomplete: str) -> list[str]:
    """Return names of data sets."""
    from badnets.data.catalogue import COCO, DATASETS, FOLDER

    return _beginning((*DATASETS, FOLDER, COCO), incomplete)


def networks(incomplete: str) -> list[str]:
    """Return names of networks of our own; those of libraries are not looked up."""
    from badnets.models.catalogue import LIBRARIES, NETWORKS

    libraries = {f"{name}." for by_name in LIBRARIES.values() for name in by_name}
    return _beginning((*NETWORKS, *sorted(libraries)), incomplete)


def triggers(incomplete: str) -> list[str]:
    """Return names of triggers."""
    from badnets.core.triggers import TRIGGERS

    return _beginning((*TRIGGERS.names, *TRIGGERS.presets), incomplete)


def targets(incomplete: str) -> list[str]:
    """Return names of target maps."""
    from badnets.core.targets import TARGET_MAPS

    return _beginning((*TARGET_MAPS.names, *TARGET_MAPS.presets), incomplete)


def studies(incomplete: str) -> list[str]:
    """Return names of studies, and recipes."""
    from badnets.studies.catalogue import STUDIES

    return [*_beginning(STUDIES, incomplete), *recipes(incomplete)]


def recipes(incomplete: str) -> list[str]:
    """Return paths of recipes and of folders."""
    path = Path(incomplete)
    folder = path if incomplete.endswith("/") else path.parent
    try:
        found = sorted(folder.iterdir())
    except (OSError, ValueError):
        return []
    paths = [f"{one}/" if one.is_dir() else str(one) for one in found if one.name[:1] != "."]
    return _beginning((one for one in paths if one.endswith(("/", ".yaml", ".yml"))), incomplete)
