"""Section: inside the network, clean beside backdoored."""

from __future__ import annotations

from badnets.report.page import Block, Folded, Gallery, Note, Section
from badnets.studies.mnist.figures_units import ablation_figure, activation_figure, filter_figure
from badnets.studies.mnist.layout_evidence import TRIGGER_NAMES, Evidence
from badnets.studies.wording import listed, percent
from badnets.trials.record import Record

NAME, TITLE = "inside", "Inside the network"
SILENCING = (
    "Units are ranked on training images by how strongly they answer to the trigger. The strongest "
    "ones, or as many others drawn at random (dashed), are silenced: their output is set to zero. "
    "Then the test images are asked again."
)


def section(evidence: Evidence) -> Section:
    """Return filters side by side, activations by layer, and what silencing units does."""
    looked_into = {
        trigger: next(
            (record for record in evidence.of(f"all-to-all {trigger}") if record.units), None
        )
        for trigger in TRIGGER_NAMES
    }
    clean = next((one for one in evidence.of("baseline") if "filters" in one.arrays), None)
    pictures = [filter_figure(evidence, clean, None)] if clean else []
    pictures += [
        filter_figure(evidence, record, trigger)
        for trigger, record in looked_into.items()
        if record
    ]
    shown = tuple(picture for picture in pictures if picture)
    blocks: list[Block] = [Gallery(shown, width=280)] if shown else []
    if any(record and record.ablations for record in looked_into.values()):
        blocks.append(Note(SILENCING))
    for trigger, record in looked_into.items():
        if record is None:
            blocks.append(
                Note(
                    f"No network with the {TRIGGER_NAMES[trigger]} has been looked into.", "missing"
                )
            )
            continue
        blocks.extend(_inside(record, trigger))
    return Section(NAME, TITLE, _sentence(looked_into), tuple(blocks))


def _inside(record: Record, trigger: str) -> list[Block]:
    name = TRIGGER_NAMES[trigger]
    layers = list(dict.fromkeys(one.layer for one in record.ablations))
    blocks: list[Block] = []
    if layers:
        blocks.append(
            Gallery(tuple(ablation_figure(record, layer, trigger) for layer in layers), width=300)
        )
    if record.units:
        activations = tuple(activation_figure(layer, record, trigger) for layer in record.units)
        blocks.append(
            Folded(f"Mean activation of each layer's units: {name}", (Gallery(activations),))
        )
    return blocks


def _sentence(looked_into: dict[str, Record | None]) -> str:
    parts = []
    for trigger, record in looked_into.items():
        if record is None or not record.units:
            continue
        first = record.units[0]
        parts.append(f"{len(first.marked)} of {len(first.clean)} with the {TRIGGER_NAMES[trigger]}")
    if not parts:
        return "No backdoored network has been looked into yet."
    told = f"First-layer filters that answer to the trigger far more than the rest: {listed(parts)}"
    return f"{told}. {_loss(looked_into)}"


def _loss(looked_into: dict[str, Record | None]) -> str:
    """Return what silencing the marked filters of the first layer does, in a sentence."""
    for trigger, record in reversed(looked_into.items()):
        if record is None or not record.units or record.attack is None:
            continue
        first = record.units[0]
        for one in record.ablations:
            if (
                one.layer == first.layer
                and one.choice == "strongest"
                and first.marked
                and len(one.silenced) == len(first.marked)
            ):
                return (
                    f"Silence those of the {TRIGGER_NAMES[trigger]}, and ASR goes from "
                    f"{percent(record.attack.success.value)} to {percent(one.success.value)} %, "
                    f"clean accuracy from {percent(record.clean.accuracy.value)} to "
                    f"{percent(one.clean.value)} %."
                )
    return "What silencing units does is below."
