"""The nodes of a Ray cluster: what room they have for trials, and whether they can run them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from badnets.core import devices
from badnets.core.errors import SettingError
from badnets.runners.ray_worker import Orders, objection

GPUS_PER_TRIAL = 0.25
_ANSWER_WITHIN_S = 60.0
_GIB = 2**30


def needs_of(gpus: float | None, memory_gib: float | None) -> dict[str, float]:
    """Return what a trial asks of a node, by Ray's names for it: one core, and what is given.

    Args:
        gpus: share of a GPU; None: `GPUS_PER_TRIAL` where the cluster has any.
        memory_gib: in GiB; None: that is not looked at.

    Raises:
        SettingError: no node has that, or a GPU is named by its number.
    """
    device = os.environ.get(devices.VARIABLE) or ""
    if device.startswith("cuda:"):
        raise SettingError(f"on Ray a trial computes on the GPU it is given: not {device}, cuda")
    has_gpus = any(node["Resources"].get("GPU", 0) for node in living())
    if gpus is None:
        gpus = GPUS_PER_TRIAL if device == "cuda" or (has_gpus and not device) else 0.0
    needs = {"CPU": 1.0}
    if gpus:
        needs["GPU"] = gpus
    if memory_gib is not None:
        needs["memory"] = memory_gib * _GIB
    if not slots(needs):
        listed = ", ".join(
            f"{amount / _GIB:g} GiB of memory" if name == "memory" else f"{amount:g} {name}"
            for name, amount in needs.items()
        )
        raise SettingError(f"no node of the Ray cluster has what a trial asks for: {listed}")
    return needs


def living() -> list[Mapping[str, Any]]:
    """Return the nodes that Ray takes to be alive, as it describes them."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def slots(needs: Mapping[str, float]) -> int:
    """Return how many trials the nodes have room for at a time."""
    return sum(_room_on(node, needs) for node in living())


def _room_on(node: Mapping[str, Any], needs: Mapping[str, float]) -> int:
    there = node["Resources"]
    return min(_fitting(there.get(name, 0.0), amount) for name, amount in needs.items())


def _fitting(there: float, amount: float) -> int:
    if amount < 1:  # a share: no trial is on two GPUs
        return int(there) * int(1 / amount)
    return int(there / amount)


def check_nodes(orders: Orders, needs: Mapping[str, float]) -> None:
    """Ask every node that has room for a trial whether it can run it.

    Args:
        orders: the driver's.
        needs: what a trial asks of a node.

    Raises:
        SettingError: one cannot, or does not answer.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(objection)
    asked: dict[Any, str] = {}
    for node in (each for each in living() if _room_on(each, needs)):
        place = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        machine = node["NodeManagerAddress"]
        asked[ask.options(scheduling_strategy=place).remote(orders, machine)] = machine
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_WITHIN_S)
    for answer in answered:
        try:
            said = ray.get(answer)
        except RayTaskError as error:
            said = (
                f"the node {asked[answer]} of the Ray cluster cannot run badnets "
                f"({cause_of(error)}): install badnets {orders.versions['badnets']} on all nodes"
            )
        except RayError:
            continue  # it has gone meanwhile
        if said is not None:
            raise SettingError(said)
    if silent:
        raise SettingError(
            f"the node {asked[silent[0]]} of the Ray cluster does not answer within "
            f"{_ANSWER_WITHIN_S:g} s"
        )


def cause_of(error: Any) -> str:
    """Return an error of a worker's in one line, with its kind."""
    cause = error.cause
    kind = type(cause).__name__ if isinstance(cause, BaseException) else "an error"
    return f"{kind}: {line_of(cause)}"


def line_of(error: object) -> str:
    """Return what an error says in one line."""
    return " ".join(str(error).split())[:400]
