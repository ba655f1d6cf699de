"""Where a network looks: how much each pixel speaks for the answer that it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, cast

from badnets.core.errors import ShapeError
from badnets.core.lookup import find

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.models.classifier import Classifier

Method = Literal["integrated-gradients", "grad-cam"]
CHUNK = 16  # images at a time
STEPS = 24  # points on the way from the baseline to the image
AT_ONCE = 64  # of them, over all images of a chunk, in one pass


def attribution_maps(
    subject: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    method: Method = "integrated-gradients",
    layer: str | None = None,
) -> Tensor:
    """Return how much each pixel speaks for a label: ``(N, H, W)`` float32 on the CPU, ``>= 0``.

    What speaks against the label counts as zero. Each map sums to 1, or is zero where nothing
    speaks for the label.

    Args:
        subject: the network; it is left as it was.
        images: ``(N, C, H, W)``, uint8 or float in [0, 1].
        labels: ``(N,)`` int64: the label that is asked about, for each image.
        method: ``"integrated-gradients"``: from the mean colour of the network's normalisation to
            the image, channels summed; ``"grad-cam"``: channels of a layer, as fine as its maps.
        layer: for Grad-CAM, a convolution out of ``subject.layers``; the last one when None.

    Raises:
        UnknownNameError: there is no such method, or the network has no such convolution.
        ShapeError: images and labels differ in number, or the images do not fit the network.

    References:
        Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", arXiv:1703.01365.
        Selvaraju et al., "Grad-CAM", arXiv:1610.02391. Both as in captum.
    """
    import torch

    from badnets.models.network_subject import evaluating

    if len(images) != len(labels):
        raise ShapeError(f"{len(images)} images but {len(labels)} labels")
    compute = find(METHODS, method, "attribution method")
    if not len(images):
        return torch.empty(0, *images.shape[2:])
    parts = []
    with evaluating(subject.network):
        for some, own in zip(torch.split(images, CHUNK), torch.split(labels, CHUNK), strict=True):
            pixels = subject.normalise(some).requires_grad_()
            map_of_some = compute(subject, pixels, own.to(subject.device), layer)
            parts.append(_shares(map_of_some.detach().float().cpu()))
    return torch.cat(parts)


def share_inside(maps: Tensor, places: Tensor) -> Tensor:
    """Return ``(N,)`` float: the share of each map that lies in its place.

    Args:
        maps: ``(N, H, W)`` float, as `attribution_maps` returns them.
        places: ``(N, H, W)`` bool.

    Raises:
        ShapeError: their shapes differ.
    """
    if maps.shape != places.shape:
        raise ShapeError(f"maps are {tuple(maps.shape)}, places {tuple(places.shape)}")
    return (maps * places).sum((1, 2))


def changed_places(clean: Tensor, triggered: Tensor) -> Tensor:
    """Return ``(N, H, W)`` bool: the smallest rectangle around what a trigger changes in an image.

    Args:
        clean: ``(N, C, H, W)``.
        triggered: the same images with the trigger.
    """
    changed = (clean != triggered).any(1)
    return _spanned(changed.any(2))[:, :, None] & _spanned(changed.any(1))[:, None, :]


def most_changed(clean: Tensor, triggered: Tensor, share: float = 0.9) -> Tensor:
    """Return ``(N, H, W)`` bool: the fewest pixels with so much of what a trigger changes.

    Args:
        clean: ``(N, C, H, W)``, uint8 or float.
        triggered: the same images with the trigger.
        share: of the sum of all absolute changes, in (0, 1].
    """
    import torch

    change = (triggered.float() - clean.float()).abs().sum(1)
    ranked, order = change.flatten(1).sort(1, descending=True)
    before = ranked.cumsum(1) - ranked  # what the larger ones have together
    kept = (before < share * ranked.sum(1, keepdim=True)) & (ranked > 0)
    return torch.zeros_like(kept).scatter(1, order, kept).reshape(change.shape)


def _spanned(hit: Tensor) -> Tensor:
    """Return ``(N, L)`` bool: everything from the first that is hit to the last."""
    after = hit.cummax(1).values
    before = hit.flip(1).cummax(1).values.flip(1)
    return after & before


def _shares(maps: Tensor) -> Tensor:
    import torch

    for_it = maps.clamp(min=0)
    total = for_it.sum((1, 2), keepdim=True)
    return torch.where(total > 0, for_it / total.clamp(min=1e-30), 0.0)


def _integrated_gradients(
    subject: Classifier, pixels: Tensor, labels: Tensor, layer: str | None
) -> Tensor:
    from captum.attr import IntegratedGradients  # captum takes a second to import

    explained = IntegratedGradients(subject.network).attribute(
        pixels, target=labels, n_steps=STEPS, internal_batch_size=AT_ONCE
    )
    return cast("Tensor", explained).sum(1)


def _grad_cam(subject: Classifier, pixels: Tensor, labels: Tensor, layer: str | None) -> Tensor:
    import torch
    from captum.attr import LayerGradCam
    from torch.nn import functional

    modules = dict(subject.network.named_modules())
    convolutions = {
        name: modules[name] for name in subject.layers if isinstance(modules[name], torch.nn.Conv2d)
    }
    name = layer if layer is not None else next(reversed(convolutions), "")
    module = find(convolutions, name, "convolution")
    coarse = cast("Tensor", LayerGradCam(subject.network, module).attribute(pixels, target=labels))
    size = [int(pixels.shape[2]), int(pixels.shape[3])]
    return functional.interpolate(coarse, size, mode="bilinear", align_corners=False)[:, 0]


METHODS: dict[str, Callable[[Classifier, Tensor, Tensor, str | None], Tensor]] = {
    "integrated-gradients": _integrated_gradients,
    "grad-cam": _grad_cam,
}
