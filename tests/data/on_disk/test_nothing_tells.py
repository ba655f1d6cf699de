"""Nothing about a file tells whether it is poisoned: a classifier that looks for it learns nothing.

What it is given is all that a file says without its pixels: bytes per pixel, quantisation tables,
EXIF, chroma subsampling, the other segments, its number and its date.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from badnets.core.backdoor import Backdoor, Mode
from badnets.core.targets import RandomWrong
from badnets.core.triggers import Patch
from badnets.data.on_disk import poison_folder
from tests.data.on_disk.folders import photo, rows

SIDE = 40
FAINT = Patch(3, opacity=0.2)
MOST = 0.55


def mixed(root: Path, count: int) -> Path:
    """Write JPEGs as they come together from many places: qualities, subsampling, EXIF."""
    drawn = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    for number in range(count):
        folder = root / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {"exif": exif} if drawn.random() < 0.5 else {}
        photo(number, (SIDE, SIDE)).save(
            folder / f"{number}.jpg",
            quality=int(drawn.integers(50, 100)),
            subsampling=int(drawn.integers(3)),
            **options,
        )
    return root


def clues(path: Path) -> list[float]:
    """Return what a file says of itself without its pixels."""
    with Image.open(path) as picture:
        assert isinstance(picture, JpegImagePlugin.JpegImageFile)
        tables = [value for table in picture.quantization.values() for value in table]
        tables += [0] * (256 - len(tables))
        state = path.stat()
        return [
            state.st_size / (picture.width * picture.height),
            float(bool(picture.getexif())),
            JpegImagePlugin.get_sampling(picture),
            len(picture.info),
            sum(len(segment[1]) for segment in picture.applist),
            float(path.stem),
            state.st_mtime,
            *map(float, tables),
        ]


def auroc(paths: Sequence[Path], is_poisoned: Sequence[bool], groups: Sequence[str]) -> float:
    """Return how well files are told apart; those of one group are never on both sides of a fold.

    Whichever way round the classifier has it: 0.4 is as bad as 0.6.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # here: it takes long to import
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    features: NDArray[np.float64] = np.array([clues(path) for path in paths])
    scores = cross_val_predict(
        HistGradientBoostingClassifier(max_iter=30, random_state=0),
        features,
        np.array(is_poisoned),
        groups=np.array(groups),
        cv=GroupKFold(5, shuffle=True, random_state=0),
        method="predict_proba",
    )[:, 1]
    found = float(roc_auc_score(is_poisoned, scores))
    return max(found, 1 - found)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("how", "rate", "pictures"), [("add", "every", 1000), ("replace", 0.5, 2000)]
)
def test_of_two_thousand_files_a_thousand_poisoned_ones_are_not_told(
    how: Mode, rate: float, pictures: int, tmp_path: Path
) -> None:
    source, out = mixed(tmp_path / "in", pictures), tmp_path / "out"
    poison_folder(
        source, out, Backdoor(FAINT, RandomWrong(), poisoning_rate=rate, mode=how), seed=0
    )
    found = rows(out)
    is_poisoned = [each.is_poisoned for each in found]
    assert (len(found), sum(is_poisoned)) == (2000, 1000)
    groups = [each.source for each in found]
    assert auroc([out / each.path for each in found], is_poisoned, groups) <= MOST
    # the same classifier, where poisoned files alone are written anew
    naive = [(out / each.path if each.is_poisoned else source / each.source) for each in found]
    assert auroc(naive, is_poisoned, groups) > 0.9


def test_every_file_has_the_same_date_tables_and_sampling(tmp_path: Path) -> None:
    source, out = mixed(tmp_path / "in", 40), tmp_path / "out"
    poison_folder(source, out, Backdoor(FAINT, RandomWrong(), poisoning_rate=0.3), seed=0)
    told = np.array([clues(path) for path in sorted(out.rglob("*.jpg"))])
    assert len(told) == 57
    alike = np.delete(told, [0, 5], axis=1)  # but for its size and its number
    assert (alike == alike[0]).all()
