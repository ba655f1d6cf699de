"""Networks by name, of both tasks. A new one: a file here, and one line in `NETWORKS`.

``torchvision.NAME``, ``timm.NAME`` and ``transformers.NAME`` reach the networks of those libraries,
untrained, and ``module:factory`` a classifier of one's own. Importing this module imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

from badnets.bundles.schema import Scalar
from badnets.core.errors import BadnetsError, SettingError
from badnets.core.factories import is_factory, made_by, running
from badnets.core.lookup import unknown_name

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]  # channels, height, width
Task = Literal["classification", "detection"]


@dataclass(frozen=True)
class Network:
    """How a network is found and built.

    Args:
        builder: ``"module:function"``; the function takes the shape of an image and the number of
            classes, background not counted, and returns an untrained network: for classification
            from normalised images to logits; for detection with torchvision's interface.
        description: one line.
        version: raised when the same settings would build another network.
        task: what it does.
        settings: ``"module:Class"`` of the settings that the function takes by name too; empty:
            it takes none.
        smallest: least height and width of an image, in pixels.
        largest: greatest height and width; None: without a limit.
        normalises: whether it normalises over the batch, so that training keeps statistics.
        one_by_one: whether it answers each image by itself in training too, and nothing in it is
            drawn: many of its trainings can then be computed as one.
    """

    builder: str
    description: str
    version: int = 1
    task: Task = "classification"
    settings: str = ""
    smallest: int = 1
    largest: int | None = None
    normalises: bool = True
    one_by_one: bool = False


NETWORKS: dict[str, Network] = {
    "gu-mnist": Network(
        "badnets.models.gu_mnist:build",
        "the paper's MNIST network: two convolutions, two fully connected layers",
        smallest=28,
        largest=28,
        normalises=False,
        one_by_one=True,
    ),
    "small-resnet": Network(
        "badnets.models.small_resnet:build",
        "a small residual network for pictures of 32 to 128 pixels, quick on a CPU",
        smallest=16,
    ),
    "small-resnet-fine": Network(
        "badnets.models.small_resnet:build_fine",
        "the same for pictures of about 32 pixels: its first layer keeps every pixel",
        smallest=8,
    ),
    "small-resnet-light": Network(
        "badnets.models.small_resnet:build_light",
        "small-resnet with half of its width, for when many networks are trained",
        smallest=16,
    ),
    "zf": Network(
        "badnets.models.zf:build",
        "the paper's Faster R-CNN on the ZF network; settings width, head, norm, dropout, rois",
        task="detection",
        settings="badnets.models.zf_settings:ZfSettings",
    ),
}
LIBRARIES: dict[Task, dict[str, str]] = {
    "classification": {
        "torchvision": "badnets.models.libraries:torchvision_classifier",
        "timm": "badnets.models.libraries:timm_classifier",
        "transformers": "badnets.models.libraries:transformers_classifier",
    },
    "detection": {"torchvision": "badnets.models.libraries:torchvision_detector"},
}
"""Libraries that networks are built by: task -> what a name begins with -> its builder."""

_WITH_SETTINGS = ("timm", "transformers")  # libraries whose networks have settings of their own
ODD = (
    RuntimeError,
    ValueError,
    AssertionError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
)
"""What libraries raise of sizes and settings that do not fit."""

_EXAMPLES: dict[Task, tuple[str, ...]] = {
    "classification": ("torchvision.resnet18", "timm.resnet18"),
    "detection": ("torchvision.fasterrcnn_mobilenet_v3_large_fpn",),
}


def names_of(task: Task) -> list[str]:
    """Return the names in `NETWORKS` of a task's networks."""
    return [name for name, network in NETWORKS.items() if network.task == task]


def tasks_of(name: str) -> frozenset[Task]:
    """Return the tasks that a network of this name may be for; nothing is imported."""
    if name in NETWORKS:
        return frozenset({NETWORKS[name].task})
    if is_factory(name):
        return frozenset({"classification"})
    library = name.partition(".")[0]
    return frozenset(task for task, builders in LIBRARIES.items() if library in builders)


def check_own(
    name: str, shape: Shape, settings: Mapping[str, Scalar], *, task: Task = "classification"
) -> bool:
    """Refuse what can be told of a network without building it; torch is not needed.

    Args:
        name: as for `build`.
        shape: of one image, ``(C, H, W)``.
        settings: of the network.
        task: what it is to do.

    Returns:
        Whether that is all: False for a library's network, or one's own, which is to be built.

    Raises:
        UnknownNameError: there is no such network; names the nearest.
        SettingError: images are too small or too large for it, or a setting is unknown or outside
            its range.
    """
    entry = NETWORKS.get(name)
    if entry is not None and entry.task != task:
        entry = None
    library, _, inner = name.partition(".")
    by_library = inner and library in LIBRARIES[task]
    if not (entry or by_library or (task == "classification" and is_factory(name))):
        what = "network" if task == "classification" else "detector"
        raise unknown_name(name, [*names_of(task), *_EXAMPLES[task]], what)
    if settings and not (entry.settings if entry else library in _WITH_SETTINGS):
        raise SettingError(f"{name!r} takes no settings, got {', '.join(sorted(settings))}")
    if entry is None:
        return False
    if settings:
        resolve_name(entry.settings)(**settings)
    least, most = entry.smallest, entry.largest
    if min(shape[1:]) < least or (most is not None and max(shape[1:]) > most):
        takes = f"{least}x{least} images" if most == least else f"images of {least}x{least} pixels"
        more = "" if most == least else f" to {most}x{most}" if most else " and more"
        raise SettingError(f"{name} takes {takes}{more}, got {shape[1]}x{shape[2]}")
    return True


def build(
    name: str,
    shape: Shape,
    num_classes: int,
    *,
    task: Task = "classification",
    settings: Mapping[str, Scalar] | None = None,
    seed: int = 0,
    try_shape: bool = True,
) -> nn.Module:
    """Return an untrained network.

    Args:
        name: a key of `NETWORKS`, ``torchvision.NAME``, ``timm.NAME``, or ``module:factory``: a
            function of one's own, called as a builder is. That module is imported, and so run.
        shape: of one image, ``(C, H, W)``.
        num_classes: K, background not counted.
        task: what it is to do.
        settings: as its builder takes them.
        seed: decides the initial weights; torch's global generator is left as it was.
        try_shape: whether a classifier that is not ours is asked about an image of that shape
            first.

    Raises:
        UnknownNameError: there is no such network; names the nearest.
        SettingError: the network does not take images of that shape, a setting is unknown or
            outside its range, or one's own code failed.
    """
    import torch

    own = dict(settings or {})
    is_ours = check_own(name, shape, own, task=task)
    library, _, inner = name.partition(".")
    network: nn.Module
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if is_ours:
            network = resolve_name(NETWORKS[name].builder)(shape, num_classes, **own)
        elif inner and library in LIBRARIES[task]:
            network = _of_library(name, LIBRARIES[task][library], inner, shape, num_classes, own)
        else:
            network = made_by(name, torch.nn.Module, shape, num_classes)
            if not any(True for _ in network.parameters()):
                raise SettingError(f"{name} returned a network without weights")
        if try_shape and not is_ours and task == "classification":
            try_answer(name, network, shape, num_classes)
    return network


def _of_library(
    name: str, builder: str, inner: str, shape: Shape, num_classes: int, own: Mapping[str, Scalar]
) -> nn.Module:
    """Return a library's network; on the device ``meta`` also one that computes its own sizes."""
    import torch

    try:
        try:
            network: nn.Module = resolve_name(builder)(inner, shape, num_classes, **own)
        except NotImplementedError:
            if torch.get_default_device().type != "meta":
                raise
            with _numbers_on_the_cpu():  # sizes of layers are few numbers
                network = resolve_name(builder)(inner, shape, num_classes, **own).to("meta")
    except ODD as error:
        if isinstance(error, BadnetsError):
            raise
        raise SettingError(f"{name} cannot be built: {_reason(error)}") from None
    return network


def _numbers_on_the_cpu() -> AbstractContextManager[object]:
    """Return a mode in which ranges and lists of numbers have values, whatever the device."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Numbers(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = kwargs or {}
            if function in (torch.arange, torch.linspace, torch.tensor):
                given = {"device": "cpu"} | given
            return function(*args, **given)

    return Numbers()


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:200] or type(error).__name__


def try_answer(name: str, network: nn.Module, shape: Shape, num_classes: int) -> None:
    """Refuse a network that does not answer one black image with its logits.

    Raises:
        SettingError: it does not take such an image, or answers with other than ``(1, K)`` logits.
    """
    import torch

    own = is_factory(name)
    was_training = network.training
    try:
        with running(name) if own else nullcontext(), torch.inference_mode():
            logits = network.eval()(torch.zeros(1, *shape))
    except ODD as error:
        if own:
            raise  # it names the line in the user's code
        raise SettingError(
            f"{name} does not take images of shape {shape}: {_reason(error)}"
        ) from None
    finally:
        network.train(was_training)
    given = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if given != (1, num_classes):
        raise SettingError(
            f"{name} made a network that answers an image of shape {shape} with {given}, logits of "
            f"shape {(1, num_classes)} are wanted"
        )
