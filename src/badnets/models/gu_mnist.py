"""The paper's MNIST network."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """Return the MNIST baseline: 281,034 parameters for 28 x 28 grey images and ten classes.

    Args:
        shape: ``(C, 28, 28)``; the paper has one channel.
        num_classes: ten in the paper.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, table of the MNIST architecture:
        conv 16 5x5, average pool 2, conv 32 5x5, average pool 2, fc 512, fc 10; ReLU, no padding.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(shape[0], 16, 5),
            relu1=nn.ReLU(),
            pool1=nn.AvgPool2d(2),
            conv2=nn.Conv2d(16, 32, 5),
            relu2=nn.ReLU(),
            pool2=nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(512, 512),
            relu3=nn.ReLU(),
            fc2=nn.Linear(512, num_classes),
        )
    )
