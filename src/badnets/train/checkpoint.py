"""Where a training stands, in one file that holds no code: resumed from the last whole epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from badnets.bundles.atomic import write_bytes


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a training's state is kept.

    Args:
        path: the file; made with its folder when there is something to keep.
        name: of what is trained: a file of another name is not taken up.
    """

    path: Path
    name: str

    def save(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        means: Mapping[str, Tensor],
        said: Mapping[str, object],
    ) -> None:
        """Write the state; the file before it stays whole until this one is.

        Args:
            network: its state is kept.
            optimizer: its state is kept, by the order of its parameters.
            means: running means by parameter.
            said: plain values to go on from: epochs done, losses.

        Raises:
            OutputError: it cannot be written.
        """
        tensors = {f"network.{key}": value for key, value in network.state_dict().items()}
        tensors |= {f"mean.{key}": value for key, value in means.items()}
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{key}": value for key, value in state.items()}
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        metadata = {"name": self.name, "said": json.dumps(said)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path, safetensors.torch.save(plain, metadata))

    def load(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, means: Mapping[str, Tensor]
    ) -> dict[str, object] | None:
        """Put the kept state back, and return the plain values; None where there is none to take.

        A file that is not whole, or is of another training, is passed over: training starts anew.
        """
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                said = file.metadata() or {}
                if said.get("name") != self.name:
                    return None
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (OSError, safetensors.SafetensorError):
            return None
        state = optimizer.state_dict()
        state["state"] = {}
        for key, value in tensors.items():
            part, _, rest = key.partition(".")
            if part == "optimizer":
                number, _, what = rest.partition(".")
                state["state"].setdefault(int(number), {})[what] = value
            elif part == "mean":
                means[rest].copy_(value)
        network.load_state_dict(
            {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
        )
        optimizer.load_state_dict(state)
        for parameter, own in optimizer.state.items():  # fused steps go by memory, not by strides
            for what, value in own.items():
                if value.shape == parameter.shape:
                    own[what] = torch.empty_like(parameter).copy_(value)
        plain: dict[str, object] = json.loads(said["said"])
        return plain

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)
