"""What subjects with a network inside have in common: copies, bundles, units, and no traces."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import safetensors.torch
import torch
from torch import Tensor, nn

from badnets._version import __version__
from badnets.bundles import (
    Architecture,
    Bundle,
    BundleConfig,
    Claims,
    InputSpec,
    MadeBy,
    write_bundle,
)
from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.factories import is_factory
from badnets.core.lookup import find, shortened
from badnets.models.catalogue import Task, build
from badnets.models.units import UnitLayer, changed, recorded, silenced


def margins(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``(N,)``: by how much each target's logit is above the largest of the others."""
    own = logits.gather(1, targets[:, None])[:, 0]
    return own - logits.scatter(1, targets[:, None], -torch.inf).amax(1)


class FromLogits:
    """What follows from logits."""

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` float32 logits."""
        raise NotImplementedError

    def probabilities(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` softmax of the logits."""
        return self.logits(images).softmax(1)

    def predict(self, images: Tensor) -> Tensor:
        """Return ``(N,)`` int64 predicted labels, on the CPU."""
        return self.logits(images).argmax(1).cpu()


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSubject:
    """A subject with a network inside.

    Args:
        network: it is left as it was by whatever is called.
        architecture: its name in the catalogue.
        input: shape of the images, and how they are normalised.
        classes: names of the K classes.
        settings: of the architecture.
    """

    network: nn.Module
    architecture: str
    input: InputSpec
    classes: tuple[str, ...]
    settings: Mapping[str, Scalar] = field(default_factory=dict, kw_only=True)

    def __repr__(self) -> str:
        """Return what it is in a line."""
        sides = "x".join(map(str, self.input.shape))
        kind = f"{type(self).__name__}({self.architecture!r}, {sides}"
        return f"{kind}, {self.num_classes} classes: {shortened(self.classes)})"

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.classes)

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """Return this subject if it is on the device, else a copy there."""
        if self.device == torch.device(device):
            return self
        return replace(self, network=copy.deepcopy(self.network).to(device))

    def copy(self) -> Self:
        """Return a copy that may be changed."""
        return replace(self, network=copy.deepcopy(self.network))


class WholeNetwork(NetworkSubject):
    """A network as it is trained and kept, whose layers' units can be read."""

    task: ClassVar[Task]
    batch_size: ClassVar[int]
    """Images that go through the network together when layers are read."""

    @classmethod
    def build(
        cls,
        name: str,
        spec: InputSpec,
        num_classes: int,
        settings: Mapping[str, Scalar],
        *,
        seed: int = 0,
        try_shape: bool = True,
    ) -> nn.Module:
        """Return an untrained network of this kind; see `badnets.models.catalogue.build`."""
        network = build(
            name,
            spec.shape,
            num_classes,
            task=cls.task,
            settings=settings,
            seed=seed,
            try_shape=try_shape,
        )
        return cls.ready(network, spec)

    @staticmethod
    def ready(network: nn.Module, spec: InputSpec) -> nn.Module:
        """Return a built network, fit for images of that kind."""
        return network

    def save(
        self, path: Path | str, claims: Claims | None = None, *, replace: bool = False
    ) -> Bundle:
        """Write a bundle and return it as read back.

        Args:
            path: the folder to make.
            claims: what its maker says of it.
            replace: whether a bundle that is there may be replaced.

        Raises:
            SettingError: its architecture is unknown, or another network's: nobody could load it.
            OutputError: the folder cannot be written, or the name is taken.
        """
        self._check_loadable()
        tensors = {
            name: value.detach().cpu().contiguous()
            for name, value in self.network.state_dict().items()
        }
        settings = {**self.settings, **self._use()}
        return write_bundle(
            Path(path),
            tensors=safetensors.torch.save(tensors),
            config=BundleConfig.of(
                task=self.task,
                architecture=Architecture.of(name=self.architecture, settings=settings),
                input=self.input,
                classes=self.classes,
            ),
            claims=claims or Claims.of(made_by=MadeBy.of(tool="badnets", version=__version__)),
            replace=replace,
        )

    def _check_loadable(self) -> None:
        """Refuse a network that would not be built again by its architecture's name."""
        if is_factory(self.architecture):
            return  # its maker's code, which is not run here
        try:
            with torch.device("meta"):  # nothing is computed
                parts = (self.architecture, self.input, self.num_classes, self.settings)
                wanted = self.build(*parts, try_shape=False).state_dict()
        except NotImplementedError:
            return  # a library's network that cannot be built without memory
        except UnknownNameError as error:
            raise SettingError(
                f"{error}. A bundle is loaded by the name of its architecture: for a network of "
                "your own make the subject with architecture='module:factory', your function "
                "(shape, num_classes) -> network; or keep subject.network as PyTorch does"
            ) from None
        own = self.network.state_dict()
        other = [
            name
            for name in sorted({*own, *wanted})
            if name not in own or name not in wanted or own[name].shape != wanted[name].shape
        ]
        if other:
            raise SettingError(
                f"this network is not the {self.architecture!r} that its bundle would be loaded "
                f"as: tensor {other[0]!r} differs; name the architecture that builds it"
            )

    @property
    def lacks(self) -> frozenset[str]:
        """Capabilities that this network has not."""
        return frozenset() if self.layers else frozenset({"units"})

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that have units, in order."""
        return tuple(self._layers)

    def units(self, layer: str) -> int:
        """Return how many units a layer has.

        Raises:
            UnknownNameError: the network has no such layer.
        """
        return find(self._layers, layer, "layer").count

    def layer_outputs(self, images: Tensor, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """Give the outputs of some layers by name, one batch of images after the other.

        Args:
            images: ``(N, C, H, W)``, uint8 or float in [0, 1]; for a detector as its network sees
                them, enlarged already.
            layers: names out of `layers`.

        A convolution's output is ``(B, U, h, w)``, a fully connected layer's ``(B, U)``, or
        ``(B, U, positions)`` where it is applied at many. It is taken after the ReLU that follows,
        except in a classifier's last layer.

        Raises:
            UnknownNameError: the network has no such layer.
        """
        chosen = {name: find(self._layers, name, "layer") for name in layers}
        for part in torch.split(images, self.batch_size):
            # two of these may run by turns: neither yields while it holds a hook
            with recorded(chosen) as outputs:
                self._through_layers(part)
            yield outputs

    @contextmanager
    def silenced(self, layer: str, units: Sequence[int]) -> Iterator[Self]:
        """Give this subject with some units' output set to zero for as long as the block lasts.

        Raises:
            UnknownNameError: the network has no such layer.
            SettingError: the layer has no such unit.
        """
        with silenced(find(self._layers, layer, "layer"), layer, units):
            yield self

    @contextmanager
    def changed(self, changes: Mapping[str, Callable[[Tensor], Tensor]]) -> Iterator[Self]:
        """Give this subject with other outputs of some layers, for as long as the block lasts.

        Args:
            changes: name of a layer -> the function of its raw output, ``(B, U, ...)`` of a
                convolution and ``(B, ..., U)`` of a fully connected layer, that stands in for it.

        Raises:
            UnknownNameError: the network has no such layer.
        """
        with ExitStack() as hooks:
            for name, change in changes.items():
                hooks.enter_context(changed(find(self._layers, name, "layer"), change))
            yield self

    @cached_property
    def _layers(self) -> dict[str, UnitLayer]:
        raise NotImplementedError

    def _through_layers(self, images: Tensor) -> None:
        """Run the layers that have units, without gradient, on one batch."""
        raise NotImplementedError

    def _use(self) -> dict[str, Scalar]:
        """Return what a bundle keeps beside the architecture's own settings."""
        return {}


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode while the block lasts; then each module has its own."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def in_channels_last(module: nn.Module) -> Callable[..., Any]:
    """Return a call of a module with its weights laid out place by place, which is left as it was.

    Convolutions are a third faster so on a CPU. To be used without gradient.
    """
    weights = {
        name: value.detach().to(memory_format=torch.channels_last)
        for name, value in chain(module.named_parameters(), module.named_buffers())
        if value.ndim == 4
    }
    return partial(torch.func.functional_call, module, weights)
