"""Networks of one shape as one: weights stacked, steps of the optimiser taken at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parameters_to_vector

from badnets.train.loop import share_of_newest
from badnets.train.settings import Training

BETAS, EPSILON, MOMENTUM = (0.9, 0.999), 1e-8, 0.9  # as torch's AdamW, and as `Loop`'s SGD


class Stacked:
    """K networks and the state of their optimiser; the first n of them may go on without the rest.

    Args:
        networks: alike but for their weights, none of which is frozen; they are left as they are.
        training: optimiser, weight decay and running mean.
        device: where to compute.
        unfold: whether convolutions are matrix products of unfolded images.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        training: Training,
        device: torch.device,
        *,
        unfold: bool,
    ) -> None:
        self.training, self.done = training, 0
        self._network = copy.deepcopy(networks[0]).to(device).train()
        for layer in self._network.modules():
            if type(layer) is nn.Conv2d:
                layer.__class__ = _Unfolded if unfold and _unfolds(layer) else _Grouped
        with torch.no_grad():
            vectors = [parameters_to_vector(network.parameters()) for network in networks]
            self._values = torch.stack(vectors).to(device)  # (K, all weights)
        states = [dict(network.named_buffers()) for network in networks]
        self._buffers = {
            name: torch.stack([state[name] for state in states]).to(device) for name in states[0]
        }
        self._momentum = torch.zeros_like(self._values)
        adaptive = training.optimizer == "adamw"
        self._squares = torch.zeros_like(self._values) if adaptive else None
        self._mean = self._values.clone() if training.ema else None
        self._weights: dict[str, Tensor] = {}

    def __call__(self, batches: Tensor) -> Tensor:
        """Return ``(n, B, classes)`` logits of ``(n, B, C, H, W)`` normalised images."""
        count = len(batches)
        if not self._weights or len(next(iter(self._weights.values()))) != count:
            self._weights = self._views(count)
        buffers = {name: value[:count] for name, value in self._buffers.items()}

        def answers(weights: dict[str, Tensor], images: Tensor) -> Tensor:
            logits: Tensor = functional_call(self._network, weights, (images,))
            return logits

        logits: Tensor = vmap(answers)({**self._weights, **buffers}, batches)
        return logits

    def _views(self, count: int) -> dict[str, Tensor]:
        """Return the weights of the first networks, by name; what changes them changes these."""
        views, done = {}, 0
        for name, value in self._network.named_parameters():
            part = self._values[:count, done : done + value.numel()]
            views[name] = part.view(count, *value.shape).detach().requires_grad_()
            done += value.numel()
        return views

    @torch.no_grad()
    def step(self, losses: Tensor, lr: Tensor) -> None:
        """Take one step; a network's weights follow from its own loss alone.

        Args:
            losses: ``(n,)``, of the first n networks.
            lr: ``(n,)`` learning rates.

        References:
            Loshchilov, Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, and
            Nesterov momentum, both as `torch.optim` computes them.
        """
        weights = list(self._weights.values())
        own = torch.autograd.grad(losses, weights, torch.ones_like(losses))
        gradient = torch.cat([one.flatten(1) for one in own], 1)
        count, decay, lr = len(losses), self.training.weight_decay, lr[:, None]
        values, momentum = self._values[:count], self._momentum[:count]
        self.done += 1
        if self._squares is None:
            gradient = gradient.add_(values, alpha=decay)
            momentum.mul_(MOMENTUM).add_(gradient)
            values.sub_(gradient.add_(momentum, alpha=MOMENTUM).mul_(lr))
        else:
            squares, (first, second) = self._squares[:count], BETAS
            momentum.lerp_(gradient, 1 - first)
            squares.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            scale = squares.sqrt().div_((1 - second**self.done) ** 0.5).add_(EPSILON)
            values.mul_(1 - lr * decay)
            values.sub_(momentum.div(scale).mul_(lr / (1 - first**self.done)))
        if self._mean is not None:
            share = share_of_newest(self.training.ema, self.done)
            self._mean[:count].lerp_(values, share)

    @property
    def weights(self) -> Tensor:
        """``(K, all weights)``: each network's, or their running mean where one is kept."""
        return self._values if self._mean is None else self._mean


class _Grouped(nn.Conv2d):
    """A convolution that `vmap` makes a grouped one; autocast knows nothing of it there."""

    def forward(self, images: Tensor) -> Tensor:
        images, weight, bias = (_in_low(one) for one in (images, self.weight, self.bias))
        answers: Tensor = self._conv_forward(images, weight, bias)
        return answers


class _Unfolded(nn.Conv2d):
    """A convolution as one matrix product of unfolded images."""

    def forward(self, images: Tensor) -> Tensor:
        images = _in_low(images)  # before there are 25 times as many numbers
        down, across = cast(tuple[int, int], self.padding)
        images = functional.pad(images, (across, across, down, down))
        (height, width), (rise, run) = self.kernel_size, self.stride
        windows = images.unfold(2, height, rise).unfold(3, width, run)  # N, C, H, W, height, width
        places = windows.shape[2:4]
        flat = windows.permute(0, 2, 3, 1, 4, 5).reshape(len(images) * places.numel(), -1)
        answers = functional.linear(flat, _in_low(self.weight).flatten(1), _in_low(self.bias))
        return answers.view(len(images), *places, -1).permute(0, 3, 1, 2)


def _unfolds(layer: nn.Conv2d) -> bool:
    plain = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return plain and layer.groups == 1 and layer.dilation == (1, 1)


def _in_low(values: Tensor | None) -> Any:
    """Return float32 values in the precision of autocast, where it is on."""
    if values is None or values.dtype != torch.float32:
        return values
    device = values.device.type
    return (
        values.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else values
    )


def random_layer(network: nn.Module) -> str | None:
    """Return a layer that one step of many networks cannot hold: it draws, or keeps statistics."""
    for layer in network.modules():
        if isinstance(layer, _DropoutNd | _NormBase):
            return type(layer).__name__
    return None
