"""A network that was downloaded as a bundle: what a trial may start from beside another trial."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from badnets.bundles.schema import Scalar
from badnets.core.errors import BundleError
from badnets.models.description import described


class DownloadedBundle(BaseModel):
    """A bundle, or a folder of the hub, by its digest; the same content is the same network.

    Attributes:
        sha256: of the bundle's manifest, or of all that is in the folder, in hex.
        network: name of its architecture.
        architecture: settings of it.
        shape: ``(C, H, W)`` of the images that it takes; of a detector's windows.
        classes: their names.
        path: where it lies; no part of what it is. Empty where it is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bundle"] = "bundle"
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    network: str
    architecture: dict[str, Scalar] = {}
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    path: str = ""

    @classmethod
    def of(cls, path: Path | str) -> DownloadedBundle:
        """Return the bundle in a folder, or the folder of the hub, as it is now.

        Raises:
            BundleError: it is malformed, or an ONNX file.
        """
        folder = Path(path).expanduser().absolute()
        if folder.suffix.lower() == ".onnx":
            raise BundleError(
                f"{path} is an ONNX file, known by its answers alone: to retrain the network, take "
                "the bundle that it was made from"
            )
        bundle = described(path)
        config = bundle.config
        settings = dict(config.architecture.settings)
        for name in ("scale", "second_scale", "coarse"):
            settings.pop(name, None)  # how a detector is used, not what it is
        return cls(
            sha256=bundle.digest,
            network=config.architecture.name,
            architecture=settings,
            shape=config.input.shape,
            classes=config.classes,
            path=str(folder),
        )

    @property
    def name(self) -> str:
        """What stands for it in the name of a trial."""
        return self.sha256

    @property
    def title(self) -> str:
        """One word for people."""
        return f"bundle {self.sha256[:8]}"

    @property
    def implanted(self) -> None:
        """The backdoor that is known to be in it: none is."""
        return None

    def without_paths(self) -> DownloadedBundle:
        """Return the same network, without saying where it lies."""
        return self.model_copy(update={"path": ""})

    def folder(self) -> Path:
        """Return where it lies.

        Raises:
            BundleError: that is not known, or something else lies there now.
        """
        folder = Path(self.path)
        if not self.path or described(folder).digest != self.sha256:
            raise BundleError(f"the bundle {self.sha256[:16]} is not at {self.path or 'hand'}")
        return folder
