"""Which units of a classifier answer to a trigger, layer by layer: text, JSON, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from badnets.bundles.atomic import write_bytes
from badnets.cli.measuring import load_fitting
from badnets.cli.printing import print_facts, print_json, print_table
from badnets.core.errors import SettingError
from badnets.core.lookup import find
from badnets.core.seeds import generator
from badnets.core.targets import TargetMap
from badnets.core.triggers import Trigger
from badnets.data import ImageSet, load
from badnets.explain import UnitResponse, unit_responses

IMAGES = 1000  # test images that are looked at, at most
LISTED = 6  # units of a layer that the text lists


def show_images(
    bundle: Path,
    data: str,
    root: Path | None,
    trigger: Trigger,
    about: TargetMap | None,
    *,
    layer: str | None,
    out: Path | None,
    seed: int,
    allow_code: bool,
    json: bool,
) -> None:
    """Print each layer's units by how they take the trigger.

    Args:
        bundle: of the classifier.
        data: name of the data set.
        root: the data root.
        trigger: what is put on its test images.
        about: which of them are looked at; all when None.
        layer: the only layer to look at.
        out: a PNG to draw the units in.
        seed: decides which images, and random places.
        allow_code: whether code that the bundle names may be run.
        json: whether to print JSON.

    Raises:
        BadnetsError: bundle, data, trigger and layer do not fit together.
    """
    images = load(data, root).test
    subject = load_fitting(bundle, data, images, allow_code=allow_code)
    if layer is not None:
        find(dict.fromkeys(subject.layers), layer, "layer")
    clean = _looked_at(images, about, seed)
    triggered = trigger(clean, generator=generator(seed, "trigger places"))
    layers = subject.layers if layer is None else (layer,)
    responses = unit_responses(subject, clean, triggered, layers)
    if out is not None:
        from badnets.cli.explain_figures import layers_figure

        write_bytes(out, layers_figure(responses))
    if json:
        head = {"bundle": str(bundle), "data": data, "task": "classification"}
        told = [layer_json(one) for one in responses]
        print_json(
            {**head, "images": len(clean), "layers": told, "picture": str(out or "") or None}
        )
        return
    print_table(
        ("layer", "unit", "response", "mean, clean", "mean, triggered", "stands out"),
        [row for one in responses for row in _rows(one)],
        right=("unit", "response", "mean, clean", "mean, triggered"),
    )
    print()
    print_facts(
        [
            ("images", f"{len(clean)} test images of {data}, clean and with the trigger"),
            *(stands_out(one) for one in responses),
            *([("picture", str(out))] if out else []),
        ]
    )


def _looked_at(images: ImageSet, about: TargetMap | None, seed: int) -> Tensor:
    if about is not None:
        about.check(images.num_classes)
        rows = about.attackable(images.labels).nonzero().flatten()
        if not len(rows):
            raise SettingError("none of the images is one that --targets is about")
        images = images.take(rows)
    return images.sample(min(IMAGES, len(images)), seed=seed).images


def _rows(response: UnitResponse) -> list[tuple[str, ...]]:
    return [
        (response.layer if place == 0 else "", *unit_cells(response, unit))
        for place, unit in enumerate(response.ranked[:LISTED])
    ]


def unit_cells(response: UnitResponse, unit: int) -> tuple[str, ...]:
    """Return a unit as cells of a table: number, response, means, whether it stands out."""
    return (
        str(unit),
        f"{float(response.response[unit]):.2f}",
        f"{float(response.clean[unit]):.3f}",
        f"{float(response.triggered[unit]):.3f}",
        "yes" if unit in response.marked else "",
    )


def stands_out(response: UnitResponse) -> tuple[str, str]:
    """Return a layer's name and how many of its units stand out."""
    count = len(response.marked)
    return response.layer, f"{count} of {len(response.response)} units stand out"


def layer_json(response: UnitResponse) -> dict[str, Any]:
    """Return a layer as JSON has it: every unit, the one that answers most first."""
    return {
        "layer": response.layer,
        "marked": list(response.marked),
        "units": units_json(response, response.ranked),
    }


def units_json(response: UnitResponse, units: Sequence[int]) -> list[dict[str, Any]]:
    """Return some units as JSON has them."""
    values = torch.stack([response.response, response.clean, response.triggered], 1).tolist()
    return [
        {
            "unit": unit,
            "response": values[unit][0],
            "clean": values[unit][1],
            "triggered": values[unit][2],
        }
        for unit in units
    ]
