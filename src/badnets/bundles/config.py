"""``config.json``: what a network is, as far as it must be known to build it and to feed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from badnets.bundles.schema import BundleFile, Format, Line, Settings

Channel = Annotated[float, Field(ge=-1e6, le=1e6)]
Spread = Annotated[float, Field(ge=1e-6, le=1e6)]
Side = Annotated[int, Field(ge=1, le=16_384)]
_OWN = r"[A-Za-z_][A-Za-z0-9_]*"
NAME = rf"^([A-Za-z0-9][A-Za-z0-9_.-]{{0,99}}|{_OWN}(\.{_OWN})*:{_OWN})$"
MAX_NAME = 200


class Architecture(BundleFile):
    """A network by name; reading a bundle neither imports nor fetches what it names.

    Args:
        name: as in the table of networks, such as ``gu-mnist``; or ``module:factory``, a function
            in its maker's own code, which is not run unless whoever loads the bundle consents.
        settings: what its builder takes besides the number of classes.
    """

    name: Annotated[str, Field(pattern=NAME, max_length=MAX_NAME)]
    settings: Settings = Field(default_factory=dict)


class InputSpec(BundleFile):
    """What images the network takes, and how they are normalised: ``(image - mean) / std``.

    Args:
        channels: 1 for grey, 3 for colour.
        height: in pixels.
        width: in pixels.
        mean: per channel, of images in [0, 1].
        std: per channel, at least 1e-6.
        crop: share of a picture's middle square, by its side, that becomes an image; 1: all of it.
    """

    channels: Annotated[int, Field(ge=1, le=64)]
    height: Side
    width: Side
    mean: tuple[Channel, ...]
    std: tuple[Spread, ...]
    crop: Annotated[float, Field(ge=0.1, le=1.0)] = 1.0

    @classmethod
    def of_shape(
        cls,
        shape: Sequence[Any],
        mean: Sequence[Any] | None = None,
        std: Sequence[Any] | None = None,
        crop: Any = 1.0,
    ) -> Self:
        """Return it for images ``(C, H, W)``; not normalised where that is not given; see `of`."""
        channels, height, width = shape
        mean = (0.0,) * channels if mean is None else tuple(mean)
        std = (1.0,) * channels if std is None else tuple(std)
        return cls.of(channels=channels, height=height, width=width, mean=mean, std=std, crop=crop)

    @model_validator(mode="after")
    def _one_value_per_channel(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(
                    f"{name} has {len(values)} values, the images have {self.channels} channels"
                )
        return self

    @model_serializer(mode="wrap")
    def _plainly(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a crop that takes nothing away, as files of before have none."""
        said: dict[str, Any] = values(self)
        return {name: value for name, value in said.items() if (name, value) != ("crop", 1.0)}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(C, H, W)`` of one image."""
        return self.channels, self.height, self.width


class BundleConfig(BundleFile):
    """The whole of ``config.json``.

    Args:
        format: version of the bundle format.
        task: what the network does.
        architecture: the network by name.
        input: what it takes.
        classes: names of its classes, in the order of its outputs; at least two, for a
            detector at least one.
    """

    format: Format = 1
    task: Literal["classification", "detection"]
    architecture: Architecture
    input: InputSpec
    classes: Annotated[tuple[Line, ...], Field(min_length=1, max_length=25_000)]

    @model_validator(mode="after")
    def _enough_classes(self) -> Self:
        if self.task == "classification" and len(self.classes) < 2:
            raise ValueError("a classifier has at least two classes")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("class names must differ from one another")
        return self

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``."""
        return len(self.classes)
