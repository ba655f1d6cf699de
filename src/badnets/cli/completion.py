"""Names that a shell completes, out of the tables and without torch; paths it completes itself."""

from __future__ import annotations

from collections.abc import Iterable


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

    return _beginning(TARGET_MAPS.names, incomplete)


def repairs(incomplete: str) -> list[str]:
    """Return names of repairs."""
    from badnets.repair import REPAIRS

    return _beginning(REPAIRS.names, incomplete)


def resistances(incomplete: str) -> list[str]:
    """Return names of ways to train on data that may be poisoned."""
    from badnets.scenarios.resisting import RESISTANCES

    return _beginning(RESISTANCES.names, incomplete)


def studies(incomplete: str) -> list[str]:
    """Return names of studies."""
    from badnets.studies.catalogue import STUDIES

    return _beginning(STUDIES, incomplete)


def attacks(incomplete: str) -> list[str]:
    """Return names of attacks that a recipe can be written for."""
    from badnets.recipes.templates import ATTACKS

    return _beginning(ATTACKS, incomplete)
