"""The audit of inputs: which pictures of a folder look triggered, and whether too many do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from badnets.audit.guards.guard import Guard
from badnets.core.errors import DataError
from badnets.core.progress import Listener, Progress
from badnets.core.rates import Rate
from badnets.core.results import Measured, Result
from badnets.core.settings import Share
from badnets.core.verdicts import NotCovered
from badnets.data import DATASETS, ImageSet
from badnets.data.layouts import walk
from badnets.data.names import FOLDER, parse_name
from badnets.evaluate.fitting import fitted_to, pictures_as_taken

_ROUNDING = 1e-9  # of a p-value that is computed from logarithms
AT_A_TIME = 500  # pictures that are in memory
SHOWN = 20  # inputs that are shown where none can be flagged
Conclusion = Literal["triggered inputs likely", "nothing found", "not checked"]
EXIT_CODES: dict[Conclusion, int] = {
    "nothing found": 0,
    "triggered inputs likely": 1,
    "not checked": 3,
}


class ScoredInput(Result):
    """An input, and what is said of it.

    Attributes:
        file: its path relative to the folder; of a data set its row.
        predicted: the class that the model names.
        score: minus the decimal logarithm of the share of clean images that score as high.
        method: the method that finds it strangest.
    """

    file: str = Field(title="input")
    predicted: str = Field(title="named")
    score: float = Field(title="score")
    method: str = Field(title="strangest by")


class InputsVerdict(Result):
    """What an audit of inputs says.

    Attributes:
        conclusion: triggered inputs likely: more are flagged than of clean ones would be; nothing
            found; or not checked.
        inputs: how many were given and could be read.
        flagged: of those that could be judged.
        max_false_rejections: the share of clean inputs that may be flagged.
        p_value: the chance that so many or more of clean inputs are flagged, for which it counts
            how many clean images set the threshold; None: not checked.
        level: triggered inputs are likely at this p-value or below: the share of clean inputs that
            may be flagged, so that of one input alone the same is said as of its flag.
        threshold: the score above which an input is flagged; None: not checked.
        methods: those that looked.
        files: the flagged inputs, the most suspicious first; those that score highest where there
            is no threshold.
        coverage: what was not looked at, and why.
        seconds: how long it took.
    """

    conclusion: Conclusion = Field(title="conclusion")
    inputs: int = Field(title="inputs")
    flagged: Measured | None = Field(title="flagged")
    max_false_rejections: float = Field(title="of clean inputs, at most")
    p_value: Share | None = Field(title="chance of so many of clean inputs")
    level: float = Field(title="too many at or below")
    threshold: float | None = Field(title="flagged above a score of")
    methods: tuple[str, ...]
    looked: str | None = Field(default=None, title="methods", exclude=True)
    scale: str | None = Field(default=None, title="scores", exclude=True)
    noted: str | None = Field(default=None, title="note", exclude=True)
    seconds: float = Field(title="seconds")
    files: tuple[ScoredInput, ...] = Field(title="files")
    coverage: tuple[NotCovered, ...] = Field(title="coverage")

    @property
    def exit_code(self) -> int:
        """0: nothing found; 1: triggered inputs are likely; 3: it could not be checked."""
        return EXIT_CODES[self.conclusion]


def inputs(
    suspect: Any,
    given: Any,
    clean: Any,
    *,
    max_false_rejections: float = 0.01,
    methods: Sequence[str] | None = None,
    allow_code: bool = False,
    data_root: Path | str | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> InputsVerdict:
    """Return which inputs of a classifier look triggered.

    Args:
        suspect: a subject, or a bundle or ONNX file.
        given: a folder of pictures, as a path or ``folder:PATH``, all below it are taken; the name
            of a data set, whose test part is taken; an `ImageSet`; or images ``(N, C, H, W)``.
        clean, max_false_rejections, methods, allow_code, data_root, seed: see `Guard`.
        progress: told after every few hundred inputs.

    Raises:
        BundleError, DataError, SettingError, ShapeError: as `Guard`; or there is no input.
    """
    begun = time.perf_counter()
    guard = Guard(
        suspect,
        _named(clean),
        max_false_rejections,
        methods=methods,
        allow_code=allow_code,
        data_root=data_root,
        seed=seed,
    )
    total = flagged = judged = 0
    found, unread = list[ScoredInput](), list[str]()
    for names, images, done in _batches(guard.subject, _named(given), data_root, unread):
        answer = guard.predict(images)
        shown = answer.judged if guard.threshold is None else answer.flagged
        total, judged = total + len(names), judged + int(answer.judged.sum())
        flagged += int(shown.sum())
        for row in shown.nonzero()[:, 0].tolist():
            strangest = int(answer.by_method[row].nan_to_num(-torch.inf).argmax())
            found.append(
                ScoredInput(
                    file=names[row],
                    predicted=guard.subject.classes[int(answer.labels[row])],
                    score=round(float(answer.scores[row]), 3),
                    method=guard.methods[strangest],
                )
            )
        if progress is not None:
            progress(Progress(total + len(unread), done, "looking at inputs"))
    if not total:
        raise DataError(f"there is no input to look at{f': {unread[0]}' if unread else ''}")
    found.sort(key=lambda one: -one.score)
    known, why = guard.threshold is not None and judged > 0, guard.why_not
    lost = [NotCovered(what="all triggers", why=why)] if why else []
    if judged < total:
        unlike = "no clean image is named as they are"
        lost.append(NotCovered(what=f"{total - judged:,} of {total:,} inputs", why=unlike))
    if unread:
        what = f"{len(unread):,} of {total + len(unread):,} files"
        lost.append(NotCovered(what=what, why=f"they cannot be read: {unread[0]}"))
    p_value = guard.p_value(flagged, judged) if known else None
    conclusion: Conclusion = "nothing found"
    if p_value is not None and p_value <= max_false_rejections * (1 + _ROUNDING):
        conclusion = "triggered inputs likely"
    elif p_value is None or judged < total or unread:
        conclusion = "not checked"
    return InputsVerdict(
        conclusion=conclusion,
        inputs=total,
        flagged=Measured.of(Rate(flagged, judged)) if known else None,
        max_false_rejections=max_false_rejections,
        p_value=p_value,
        level=max_false_rejections,
        threshold=guard.threshold,
        methods=guard.methods,
        looked=", ".join(guard.methods),
        noted="of so many clean inputs as many are flagged: a flag alone is no finding"
        if known and flagged and conclusion == "nothing found"
        else None,
        scale="a score of 2 or more: that of 1 clean image in 100 or fewer; 3: 1 in 1000",
        seconds=round(time.perf_counter() - begun, 3),
        files=tuple(found if known else found[:SHOWN]),
        coverage=tuple(lost),
    )


def _named(data: Any) -> Any:
    """Return a folder that is given as text as the data set that it is; all else as it is."""
    if isinstance(data, Path):
        return f"{FOLDER}{data}"
    is_folder = isinstance(data, str) and data not in DATASETS and Path(data).is_dir()
    return f"{FOLDER}{data}" if is_folder else data


def _batches(
    subject: Any, given: Any, data_root: Any, unread: list[str]
) -> Iterator[tuple[list[str], Tensor, int]]:
    """Give names and images, and how many there are in all; files that cannot be read are noted."""
    if isinstance(given, str) and (parsed := parse_name(given)).kind == "folder":
        folder = Path(parsed.base).expanduser()
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}: give one with pictures in it")
        files = sorted(path for path, why in walk(folder, follow=False) if why is None)
        for start in range(0, len(files), AT_A_TIME):
            names = files[start : start + AT_A_TIME]
            images, bad = pictures_as_taken(subject, folder, names)
            unread += [f"{one.path}: {one.why}" for one in bad.values()]
            yield [name for row, name in enumerate(names) if row not in bad], images, len(files)
        return
    images = fitted_to(subject, given, data_root).images if isinstance(given, str) else given
    for start in range(0, len(images), AT_A_TIME):
        rows = torch.arange(start, min(start + AT_A_TIME, len(images)))
        part = images.images_at(rows) if isinstance(images, ImageSet) else images[rows]
        yield list(map(str, rows.tolist())), part, len(images)
