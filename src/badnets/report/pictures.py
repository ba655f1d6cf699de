"""Images as small PNG files, and where two of them differ."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from badnets.report.page import Answer, Picture, Tone

DIMMED = 0.55  # how much of the picture is left under a map
BRIGHTEST = 0.995  # of the pixels of a map are below its lightest colour
NOTICED = 0.3  # of the largest change of a pixel: what is framed has changed as much
LARGEST_MARK = 0.4  # of the image: a change all over it is not worth a frame


def png(image: NDArray[np.generic]) -> bytes:
    """Return ``(C, H, W)`` uint8, of 1 or 3 channels, as a PNG file."""
    pixels = np.asarray(image, dtype=np.uint8)
    plain = pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(plain).save(buffer, format="PNG")
    return buffer.getvalue()


def changed_part(
    clean: NDArray[np.generic], triggered: NDArray[np.generic]
) -> tuple[float, float, float, float] | None:
    """Return where two ``(C, H, W)`` images differ, a little larger.

    The result is (left, top, width, height) in shares of the image, as `Picture.mark` takes it;
    None when they do not differ, or nearly everywhere.
    """
    rows, columns = np.nonzero((clean != triggered).any(0))
    if not len(rows):
        return None
    height, width = clean.shape[1:]
    top, left = max(int(rows.min()) - 1, 0), max(int(columns.min()) - 1, 0)
    bottom, right = min(int(rows.max()) + 2, height), min(int(columns.max()) + 2, width)
    if (bottom - top) * (right - left) > LARGEST_MARK * height * width:
        return None
    return left / width, top / height, (right - left) / width, (bottom - top) / height


def marks(
    before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> list[tuple[float, float, float, float] | None]:
    """Return where the pixels lie that a trigger changes most, as `Picture.mark` takes it."""
    change = np.abs(after.astype(np.int16) - before).max(1, keepdims=True)
    noticed = change >= max(1.0, NOTICED * float(change.max()))
    return [changed_part(np.zeros_like(one), one) for one in noticed]


def eight_bit(images: Any) -> NDArray[np.uint8]:
    """Return images ``(n, C, H, W)``, uint8 or float in [0, 1], as uint8."""
    plain = images.cpu().numpy()
    if plain.dtype == np.uint8:
        return np.asarray(plain)
    return np.asarray((np.clip(plain, 0, 1) * 255).round(), dtype=np.uint8)


def answers_row(
    shown: NDArray[np.uint8],
    answers: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    wanted: NDArray[np.int64] | None = None,
    framed: Sequence[tuple[float, float, float, float] | None] = (),
) -> tuple[Picture, ...]:
    """Return pictures with what one model says of each.

    Args:
        shown: ``(n, C, H, W)``.
        answers: ``(n, K)`` probabilities.
        labels: what is right, ``(n,)``.
        classes: names of the classes.
        wanted: what the attacker wants, ``(n,)``; None: the images have no trigger.
        framed: what is to be noticed in each.
    """
    pictures = []
    for k, given in enumerate(answers):
        says = int(given.argmax())
        fooled = wanted is not None and says == wanted[k]
        tone: Tone = "clean" if says == labels[k] else "backdoored" if fooled else "plain"
        pictures.append(
            Picture(
                png(shown[k]),
                f"{classes[labels[k]]}{'' if wanted is None else ', with the trigger'}",
                (Answer("model", classes[says], float(given[says]), tone),),
                framed[k] if framed else None,
            )
        )
    return tuple(pictures)


def brightest(maps: Iterable[NDArray[np.float64]]) -> float:
    """Return what the lightest colour of these maps stands for, when they stand side by side."""
    smooth = [_smooth(heat) for heat in maps]
    return float(np.quantile(np.stack(smooth), BRIGHTEST)) if smooth else 0.0


def heat_png(image: NDArray[np.generic], heat: NDArray[np.float64], most: float) -> bytes:
    """Return an image, grey and dimmed, with a map laid over it, as a PNG file.

    Args:
        image: ``(C, H, W)`` uint8, of 1 or 3 channels.
        heat: ``(H, W)``, ``>= 0``; a little smoothed, since single pixels cannot be seen.
        most: what gets the lightest colour; see `brightest`.
    """
    grey = np.asarray(image, dtype=np.float64).mean(0)[..., None] * DIMMED
    smooth = _smooth(heat)
    shown = np.clip(smooth / most, 0.0, 1.0) if most > 0 else smooth
    colour = colormaps["magma"](shown)[..., :3] * 255
    alpha = np.sqrt(shown)[..., None]
    mixed = grey * (1 - alpha) + colour * alpha
    return png(mixed.round().astype(np.uint8).transpose(2, 0, 1))


def _smooth(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(heat, 1, mode="edge")
    smooth: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).mean(
        (2, 3)
    )
    return smooth
