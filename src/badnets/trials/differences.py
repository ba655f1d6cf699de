"""In which settings trials differ, and how that is said in a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from badnets.trials.trial import Trial

USUAL = "as usual"
_ELSEWHERE = ("seed", "kind", "task", "contents", "observe", "keep_bundle", "path")


def settings_that_differ(trials: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings that are not the same in all trials: dotted path -> value of each.

    A trial that has no such setting has None. Names, seeds and what follows from others are left
    out; so is a setting of start or control that differs in the trial itself too.
    """
    flat = [dict(flattened(trial)) for trial in trials]
    paths = list(dict.fromkeys(path for each in flat for path in each))
    found = {
        path: [each.get(path) for each in flat]
        for path in paths
        if len({repr(each[path]) for each in flat if path in each}) > 1
    }
    return {
        path: values
        for path, values in found.items()
        if path.partition(".")[0] not in ("start", "control") or path.partition(".")[2] not in found
    }


def stored_that_differ(trials: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return `settings_that_differ` of trials as they are stored, without their defaults.

    Where others have a setting that one does not have, its value is `USUAL`.
    """
    flat = [dict(flattened(trial)) for trial in trials]
    usual = {path: USUAL for each in flat for path in each}
    return settings_that_differ([usual | each for each in flat])


def told_apart(trials: Sequence[Trial]) -> list[str]:
    """Return the title of each trial; to those of one title, the settings that differ are added."""
    namesakes: dict[str, dict[str, Trial]] = {}
    for trial in trials:
        namesakes.setdefault(trial.title, {})[trial.name] = trial
    added: dict[str, str] = {}
    for same in namesakes.values():
        differing = {}
        if len(same) > 1:
            differing = settings_that_differ([one.model_dump(mode="json") for one in same.values()])
        for name, *values in zip(same, *differing.values(), strict=True):
            words = zip(headings_of(differing), map(setting_text, values), strict=True)
            added[name] = ", ".join(f"{path} {word}" for path, word in words if word is not None)
    titles = [(trial.title, added[trial.name]) for trial in trials]
    return [f"{title} ({more})" if more else title for title, more in titles]


def flattened(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path of each setting, and its value."""
    for key, value in settings.items():
        if key in _ELSEWHERE:
            continue
        if isinstance(value, Mapping):
            yield from flattened(value, f"{before}{key}.")
        elif value is not None:
            yield before + key, _plain(value)


def _plain(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def setting_text(value: Any) -> str | None:
    """Return a setting's value as people read it; None where there is none."""
    if value is None or isinstance(value, float):
        return None if value is None else f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def headings_of(paths: Iterable[str]) -> list[str]:
    """Return the last parts of paths, and whole paths where two end alike."""
    whole = list(paths)
    ends = [path.rpartition(".")[2] for path in whole]
    return [end if ends.count(end) == 1 else path for path, end in zip(whole, ends, strict=True)]
