"""What an ONNX file of ours says of itself; nothing here needs onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from badnets.bundles.config import Side
from badnets.bundles.schema import BundleFile, Digest, Format, Line
from badnets.core.errors import BundleError

SUFFIX = ".onnx"
PROPERTY = "badnets"  # the metadata property that `OnnxCard` is kept under, as JSON
MOST_CLASSES = 25_000


class OnnxCard(BundleFile):
    """What an exported file says of itself.

    Args:
        format: version of this description.
        architecture: the network by name.
        classes: names of its classes, in the order of its outputs.
        shape: of one image, ``(C, H, W)``; images are float in [0, 1].
        bundle: SHA-256 of the manifest of the bundle that it was made from.
    """

    format: Format = 1
    architecture: Line
    classes: Annotated[tuple[Line, ...], Field(min_length=2, max_length=MOST_CLASSES)]
    shape: tuple[Annotated[int, Field(ge=1, le=64)], Side, Side]
    bundle: Digest | None = None


def is_onnx(path: Path | str) -> bool:
    """Return whether a path is that of an ONNX file, by its name; a folder never is."""
    path = Path(path)
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def card_in(text: str, what: str) -> OnnxCard:
    """Return what a file says of itself, checked.

    Args:
        text: the metadata property.
        what: what to call the file in an error.

    Raises:
        BundleError: the description is not sound.
    """
    card = OnnxCard.from_json(text.encode(), f"{what}: metadata property {PROPERTY!r}")
    if len(set(card.classes)) != len(card.classes):
        raise BundleError(f"{what}: class names must differ from one another")
    return card
