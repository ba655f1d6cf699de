"""``manifest.json``: size and SHA-256 of every other file of a bundle."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from badnets.bundles.schema import BundleFile, Digest, Format

MODEL, CONFIG, CARD, CLAIMS, MANIFEST = (
    "model.safetensors",
    "config.json",
    "README.md",
    "claims.json",
    "manifest.json",
)
LISTED = (MODEL, CONFIG, CARD, CLAIMS)
ALLOWED = frozenset((*LISTED, MANIFEST))


class FileEntry(BundleFile):
    """What one file must be.

    Args:
        sha256: of the whole file.
        size: in bytes.
    """

    sha256: Digest
    size: Annotated[int, Field(ge=0, le=2**53)]


class Manifest(BundleFile):
    """The whole of ``manifest.json``.

    Args:
        format: version of the bundle format.
        files: the four other files by name.
    """

    format: Format = 1
    files: Annotated[dict[str, FileEntry], Field(max_length=len(LISTED))]

    @model_validator(mode="after")
    def _lists_every_file(self) -> Self:
        if set(self.files) != set(LISTED):
            raise ValueError(f"files must be exactly {', '.join(sorted(LISTED))}")
        return self
