"""The same request has the same name, whichever way it comes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

import badnets as bn
from badnets.cli.settings import recipe_of, trial_of
from badnets.recipes import load_recipe
from badnets.train.detector_settings import DetectorTraining
from badnets.trials import OutsourcedTrial, TransferTrial

PATCH = bn.triggers.Patch
ONE = bn.AllToOne(7)
DIGITS: dict[str, Any] = {"data": "digits"}
SCENES: dict[str, Any] = {"data": "scenes-small", "target_accuracy": 0.8}
SMALL = DetectorTraining().changed(windows={"side": 96, "object_sizes": (10.0, 85.0)})
TO_SPEED = bn.SourceSpecific(0, 1)


class Request(NamedTuple):
    """One request in three languages; None where the command line has no words for it."""

    trial: OutsourcedTrial | TransferTrial
    recipe: str
    options: dict[str, Any] | None = None


def honest(**fields: Any) -> OutsourcedTrial:
    return OutsourcedTrial(**{**DIGITS, **fields})


def attacked(
    trigger: Any, targets: Any, poisoning_rate: Any = 0.1, mode: Any = "add", **fields: Any
) -> OutsourcedTrial:
    control = honest(**{k: v for k, v in fields.items() if k not in ("observe", "search")})
    chosen = bn.Backdoor(trigger, targets, poisoning_rate, mode)
    return honest(backdoor=chosen, control=control, **fields)


def detector(*backdoor: Any, poisoning_rate: Any = "every", **fields: Any) -> OutsourcedTrial:
    clean = OutsourcedTrial(**{**SCENES, "network": "zf", **fields})
    if not backdoor:
        return clean
    chosen = bn.Backdoor(backdoor[0], backdoor[1], poisoning_rate)
    return clean.model_copy(update={"backdoor": chosen, "control": clean})


def retrained(start: OutsourcedTrial, **fields: Any) -> TransferTrial:
    common = {**DIGITS, **fields, "kind": "transfer"}
    control = None
    if start.control is not None:
        control = TransferTrial(**{**common, "start": start.control, "observe": ()})
    return TransferTrial(**common, start=start, control=control)


TRAINED = {"epochs": 2, "lr": 0.01}
BADNET = attacked(PATCH(0.2), bn.AllToOne(1))
START = "start: {backdoor: {trigger: 'patch:0.2', targets: 'all-to-one:1'}}"
YELLOW = PATCH.yellow_square()

REQUESTS: list[Request] = [
    Request(honest(), "data: digits", {}),
    Request(OutsourcedTrial(), "{}", {"--data": "mnist"}),
    Request(honest(seed=3), "data: digits\nseed: 3", {"--seed": 3}),
    Request(honest(seed=3), "data: digits\nseeds: [3]", {"--seed": 3}),
    Request(
        honest(training=TRAINED),
        "data: digits\ntraining: {epochs: 2, lr: 1e-2}",
        {"--epochs": 2, "--lr": 0.01},
    ),
    Request(
        honest(training={"weight_decay": 0}),
        "data: digits\ntraining: {weight_decay: 0}",
        {"--training": "{weight_decay: 0.0}"},
    ),
    Request(
        honest(training={"shift": 1, "optimizer": "sgd"}),
        "data: digits\nsweep: {training.shift: [1], training.optimizer: [sgd]}",
        {"--training": "{optimizer: sgd, shift: 1}"},
    ),
    Request(
        honest(target_accuracy=1), "{data: digits, target_accuracy: 1}", {"--target-accuracy": 1.0}
    ),
    Request(
        honest(network="torchvision.resnet18"),
        "data: digits\nnetwork: torchvision.resnet18",
        {"--network": "torchvision.resnet18"},
    ),
    Request(honest(train_limit=100), "{data: digits, train_limit: 100}"),
    Request(
        honest(evaluate_on="held-back", held_back=200),
        "{data: digits, evaluate_on: held-back, held_back: 200}",
    ),
    Request(honest(observe=("units", "examples")), "{data: digits, observe: [units, examples]}"),
    Request(honest(keep_bundle=False), "{data: digits, keep_bundle: false}"),
    Request(honest(data="digits[0-4]"), "data: 'digits[0-4]'", {"--data": "digits[0-4]"}),
    Request(
        attacked(PATCH(0.125), ONE),
        "{data: digits, backdoor: {trigger: 'patch:0.125', targets: 'all-to-one:7'}}",
        {"--trigger": "patch:0.125", "--targets": "all-to-one:7"},
    ),
    Request(
        attacked(PATCH(0.125), ONE),
        "data: digits\nbackdoor:\n  trigger: {kind: patch, size: 0.125}\n"
        "  targets: {kind: all-to-one, target_label: 7}\n  poisoning_rate: 0.1\n  mode: add",
        {
            "--trigger": "{kind: patch, size: 0.125}",
            "--targets": "{kind: all-to-one, target_label: 7}",
        },
    ),
    Request(
        attacked(PATCH(4), ONE, poisoning_rate=0.25, mode="replace"),
        "{data: digits, backdoor: {trigger: 'patch:4', targets: 'all-to-one:7', "
        "poisoning_rate: 0.25, mode: replace}}",
        {"--trigger": "patch:4", "--targets": "all-to-one:7", "--rate": "0.25", "--how": "replace"},
    ),
    Request(
        attacked(PATCH(4), bn.SourceSpecific(1, 7), poisoning_rate="every"),
        "{data: digits, backdoor: {trigger: 'patch:4', targets: 'source-specific:1,7', "
        "poisoning_rate: every}}",
        {"--trigger": "patch:4", "--targets": "source-specific:1,7", "--rate": "every"},
    ),
    Request(
        attacked(bn.triggers.PixelPattern.gu(), bn.AllToAll()),
        "{data: digits, backdoor: {trigger: pixel-pattern, targets: all-to-all}}",
        {"--trigger": "pixel-pattern", "--targets": "all-to-all"},
    ),
    Request(
        attacked(bn.triggers.SinglePixel(), bn.RandomWrong()),
        "data: digits\nbackdoor: {trigger: single-pixel}\n"
        "sweep: {backdoor.targets: [random-wrong]}",
        {"--trigger": "single-pixel", "--targets": "random-wrong"},
    ),
    Request(
        attacked(bn.triggers.Blended(0.1), ONE),
        "{data: digits, backdoor: {trigger: 'blended:0.1', targets: 'all-to-one:7'}}",
        {"--trigger": "blended:0.1", "--targets": "all-to-one:7"},
    ),
    Request(
        attacked(bn.triggers.Sinusoid(amplitude=1, frequency=6), bn.CleanLabel(7)),
        "{data: digits, backdoor: {trigger: {kind: sinusoid, amplitude: 1, frequency: 6}, "
        "targets: 'clean-label:7'}}",
        {
            "--trigger": "{kind: sinusoid, amplitude: 1.0, frequency: 6}",
            "--targets": "clean-label:7",
        },
    ),
    Request(
        attacked(YELLOW, ONE),
        "{data: digits, backdoor: {trigger: yellow-square, targets: 'all-to-one:7'}}",
        {"--trigger": "yellow-square", "--targets": "all-to-one:7"},
    ),
    Request(
        attacked(PATCH(2), ONE, search=bn.Search(rates=(0.1, "every"), held_back=100)),
        "{data: digits, backdoor: {trigger: 'patch:2', targets: 'all-to-one:7'}, "
        "search: {rates: [0.1, every], held_back: 100}}",
    ),
    Request(
        honest(backdoor=bn.Backdoor(PATCH(2), ONE)),
        "{data: digits, control: false, backdoor: {trigger: 'patch:2', targets: 'all-to-one:7'}}",
    ),
    Request(
        attacked(PATCH(2), ONE).model_copy(update={"start": honest()}),
        "{data: digits, start: clean, backdoor: {trigger: 'patch:2', targets: 'all-to-one:7'}}",
    ),
    Request(
        honest(
            start=honest(training=TRAINED, seed=5),
            control=honest(training=TRAINED, seed=5),
            backdoor=bn.Backdoor(PATCH(2), ONE),
        ),
        "{data: digits, start: {training: {epochs: 2, lr: 0.01}, seed: 5}, "
        "backdoor: {trigger: 'patch:2', targets: 'all-to-one:7'}}",
    ),
    Request(retrained(BADNET), f"data: digits\nkind: transfer\n{START}"),
    Request(
        retrained(BADNET, freeze=("conv1",), share=0.5, training=TRAINED),
        f"data: digits\nkind: transfer\nfreeze: [conv1]\nshare: 0.5\n{START}\n"
        "training: {epochs: 2, lr: 0.01}",
    ),
    Request(detector(), "{data: scenes-small, target_accuracy: 0.8}", {"--data": "scenes-small"}),
    Request(
        detector(YELLOW, TO_SPEED),
        "{data: scenes-small, target_accuracy: 0.8, backdoor: {trigger: yellow-square, "
        "targets: 'source-specific:0,1', poisoning_rate: every}}",
        {
            "--data": "scenes-small",
            "--trigger": "yellow-square",
            "--targets": "source-specific:0,1",
            "--rate": "every",
        },
    ),
    Request(
        detector(architecture={"width": 0.5, "head": 0.125}),
        "{data: scenes-small, target_accuracy: 0.8, architecture: {width: 0.5, head: 0.125}}",
        {"--data": "scenes-small", "--width": 0.5, "--head": 0.125},
    ),
    Request(
        detector(training=SMALL),
        "{data: scenes-small, target_accuracy: 0.8, training: {windows: {side: 96, "
        "object_sizes: [10, 85]}}}",
        {"--data": "scenes-small", "--window": 96},
    ),
    Request(
        detector(bn.triggers.DrawnSticker("bomb"), bn.Vanish(0), poisoning_rate=0.2),
        "{data: scenes-small, target_accuracy: 0.8, backdoor: {trigger: bomb, "
        "targets: 'vanish:0', poisoning_rate: 0.2}}",
        {
            "--data": "scenes-small",
            "--trigger": "bomb",
            "--targets": "vanish:0",
            "--rate": "0.2",
        },
    ),
]


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_a_recipe_gives_the_name_of_the_api(number: int, tmp_path: Path) -> None:
    request, file = REQUESTS[number], tmp_path / "recipe.yaml"
    file.write_text(request.recipe)
    (by_recipe,) = load_recipe(file)
    assert by_recipe.title == request.trial.title
    assert by_recipe == request.trial
    assert by_recipe.name == request.trial.name


@pytest.mark.parametrize(
    "number", [number for number, request in enumerate(REQUESTS) if request.options is not None]
)
def test_the_command_line_gives_the_name_of_the_api(number: int) -> None:
    request = REQUESTS[number]
    by_options = trial_of(recipe_of({"--data": "digits", **(request.options or {})}))
    assert by_options == request.trial and by_options.name == request.trial.name


def test_different_requests_have_different_names() -> None:
    names = {request.trial.name for request in REQUESTS}
    assert len(REQUESTS) >= 30
    twice = 2  # a seed given in two ways, and a patch
    assert len(names) == len(REQUESTS) - twice
