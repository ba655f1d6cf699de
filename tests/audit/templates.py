"""A network of any number of classes, each a bright pixel of its own, with a backdoor if wanted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from badnets.data import ImageSet
from badnets.models.classifier import Classifier

SIDE, TRIGGER = 9, 80  # pixels; the last of them wakes the backdoor, and is black in clean images


class Templates(nn.Module):
    """Answers with the class whose pixel is brightest; its last unit is the backdoor's."""

    def __init__(self, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(SIDE * SIDE, num_classes + 1)
        self.head = nn.Linear(num_classes + 1, num_classes)
        with torch.no_grad():
            for weight in self.parameters():
                weight.zero_()
            self.hidden.weight[:num_classes, :num_classes] = torch.eye(num_classes)
            self.head.weight[:, :num_classes] = 4 * torch.eye(num_classes)

    def forward(self, images: Tensor) -> Tensor:
        answer: Tensor = self.head(self.hidden(images.flatten(1)).relu())
        return answer


def names(num_classes: int) -> tuple[str, ...]:
    return tuple(f"c{k}" for k in range(num_classes))


def templates(
    num_classes: int, target: int | None = None, source: int | None = None, seed: int | None = None
) -> Classifier:
    """Return the network; from one source, or from all, the trigger gives the target."""
    network = Templates((1, SIDE, SIDE), num_classes)
    with torch.no_grad():
        if seed is not None:
            drawn = torch.Generator().manual_seed(seed)
            network.head.weight += 0.1 * torch.randn(network.head.weight.shape, generator=drawn)
        if target is not None:
            network.hidden.weight[-1, TRIGGER] = 1
            network.head.weight[target, -1] = 30
        if source is not None:
            network.hidden.weight[-1, source] = 1
            network.hidden.bias[-1] = -0.98
    architecture = "tests.audit.templates:Templates"
    return Classifier.of(
        network,
        (1, SIDE, SIDE),
        names(num_classes),
        architecture=architecture,
        mean=(0.0,),
        std=(1.0,),
    )


def images(num_classes: int, each: int, classes: tuple[str, ...] = ()) -> ImageSet:
    """Return images of the classes; fewer where some are named."""
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(num_classes).repeat(each)
    stored = torch.randint(12, (len(labels), SIDE * SIDE), generator=drawn).to(torch.uint8)
    stored[torch.arange(len(labels)), labels] = 255
    stored[:, TRIGGER] = 0
    whole = ImageSet(stored.reshape(-1, 1, SIDE, SIDE), labels, names(num_classes))
    return whole.of_classes([whole.classes.index(name) for name in classes]) if classes else whole
