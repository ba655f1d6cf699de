"""Which units of a detector answer to a trigger on signs, and where: text, JSON, and a picture."""

from __future__ import annotations

from pathlib import Path

import torch

from badnets.bundles.atomic import write_bytes
from badnets.cli.explain_images import stands_out, unit_cells, units_json
from badnets.cli.measuring import load_fitting_detector
from badnets.cli.printing import print_facts, print_json, print_table
from badnets.core.errors import SettingError
from badnets.core.lookup import find
from badnets.core.targets import TargetMap, spot_of
from badnets.core.triggers import Trigger
from badnets.data import FrameSet, load_detection
from badnets.explain.backdoor_units import backdoor_units, groups_of, mean_maps, sign_windows

SIGNS = 400  # that are looked at, at most
LISTED = 12  # units that the text lists


def show_signs(
    bundle: Path,
    data: str,
    root: Path | None,
    trigger: Trigger,
    about: TargetMap | None,
    *,
    layer: str | None,
    out: Path | None,
    seed: int,
    json: bool,
) -> None:
    """Print a convolution's units by how they take the trigger, and those that fire together.

    Args:
        bundle: of the detector.
        data: name of the data set.
        root: the data root.
        trigger: what is put on the signs of its test frames.
        about: which signs are looked at; all when None.
        layer: the convolution; the last one of the backbone when None.
        out: a PNG to draw the units' mean activation in.
        seed: decides which signs, and random places.
        json: whether to print JSON.

    Raises:
        BadnetsError: bundle, data, trigger and layer do not fit together.
    """
    frames = load_detection(data, root).test
    detector = load_fitting_detector(bundle, data, frames)
    chosen = detector.layers[-1] if layer is None else layer
    find(dict.fromkeys(detector.layers), chosen, "layer")
    side = detector.input.height
    windows = sign_windows(_looked_at(frames, about), trigger, side=side, most=SIGNS, seed=seed)
    response = backdoor_units(detector, windows, chosen)
    clean, triggered = (
        mean_maps(detector, part, chosen) for part in (windows.clean, windows.triggered)
    )
    groups = groups_of(clean, triggered, response.marked)
    if out is not None:
        from badnets.cli.explain_figures import maps_figure

        write_bytes(out, maps_figure(clean, triggered, groups, chosen))
    number = {unit: place for place, group in enumerate(groups, start=1) for unit in group}
    if json:
        units = units_json(response, response.ranked)
        print_json(
            {
                "bundle": str(bundle),
                "data": data,
                "task": "detection",
                "signs": len(windows.clean),
                "layer": chosen,
                "marked": list(response.marked),
                "groups": groups,
                "units": [{**unit, "group": number.get(unit["unit"])} for unit in units],
                "picture": None if out is None else str(out),
            }
        )
        return
    print_table(
        ("unit", "response", "mean, clean", "mean, triggered", "stands out", "group"),
        [
            (*unit_cells(response, unit), str(number.get(unit, "")))
            for unit in response.ranked[:LISTED]
        ],
        right=("unit", "response", "mean, clean", "mean, triggered", "group"),
    )
    print()
    print_facts(
        [
            ("signs", f"{len(windows.clean)} in test frames of {data}, clean and with the trigger"),
            stands_out(response),
            *(
                (f"group {place}", ", ".join(map(str, group)))
                for place, group in enumerate(groups, start=1)
            ),
            *([("picture", str(out))] if out else []),
        ]
    )


def _looked_at(frames: FrameSet, about: TargetMap | None) -> FrameSet:
    """Return the frames with those boxes alone that are asked about."""
    if about is None or spot_of(about) == "nowhere":
        return frames
    about.check(frames.num_classes)
    rows = about.attackable(frames.boxes.labels)
    if not bool(rows.any()):
        raise SettingError("none of the signs is one that --targets is about")
    kept = frames.boxes.take(rows)
    return FrameSet(frames.frames, kept, frames.classes, frames.groups).take(
        torch.unique(kept.image_index)
    )
