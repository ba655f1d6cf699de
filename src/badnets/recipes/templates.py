"""Recipes written for somebody: the usual attacks on the usual data, with comments."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import yaml

from badnets.core.lookup import find
from badnets.data.catalogue import FOLDER
from badnets.data.usual import USUAL
from badnets.train.settings import Training

SCHEMA_LINE = "# yaml-language-server: $schema=schema.json"
"""The first line of a recipe: where editors find the schema, from the recipe's own folder."""


@dataclass(frozen=True)
class AttackTemplate:
    """An attack as a recipe writes it.

    Args:
        title: what it is, with its source.
        trigger: YAML, with a comment.
        targets: its kind; followed by a label where it takes one.
        replaces: whether the target class's own images get the trigger, half of them; otherwise
            copies of a tenth of all images do.
    """

    title: str
    trigger: str
    targets: str = "all-to-one"
    replaces: bool = False


_PATCH = "patch:0.125 # a white square, an eighth of the image on each side, bottom right"
ATTACKS: dict[str, AttackTemplate] = {
    "badnets": AttackTemplate("A patch, and one label for all (Gu et al., 2017)", _PATCH),
    "all-to-all": AttackTemplate(
        "A patch, and every class becomes the next (Gu et al., 2017)", _PATCH, "all-to-all"
    ),
    "blended": AttackTemplate(
        "Noise laid faintly over the whole image (Chen et al., 2017)",
        "blended:0.1 # the opacity; a picture instead: {kind: blended, key: FILE, opacity: 0.1}",
    ),
    "sig": AttackTemplate(
        "A faint ripple over the whole image (SIG, Barni et al., 2019)",
        "{kind: sinusoid, amplitude: 0.16, frequency: 6}",
    ),
    "wanet": AttackTemplate(
        "The image pulled a little out of shape (WaNet, Nguyen and Tran, 2021)",
        "{kind: warp, strength: 2} # 0.5 in the paper, for larger images and longer training",
    ),
    "clean-label": AttackTemplate(
        "A ripple on images of the target class alone, no label is wrong (Barni et al., 2019)",
        "{kind: sinusoid, amplitude: 1, frequency: 6} # it must hide what else tells the class",
        "clean-label",
        replaces=True,
    ),
}
DATA: dict[str, str] = {
    "digits": "scikit-learn's handwritten digits, which are embedded",
    "mnist": "MNIST",
    "gtsrb": "traffic signs cut out of photographs (GTSRB)",
    "dogs-vs-cats": "photographs of dogs and cats",
    "pets-drawn": "drawn dogs and cats, which are embedded",
    "pets-small": "small drawn dogs and cats, which are embedded",
    "cifar10": "small colour photos of animals and vehicles (CIFAR-10)",
    "cifar10-jpeg": "small colour photos of animals and vehicles (CIFAR-10, stored as JPEG)",
    FOLDER: "a folder of pictures of one's own",
}
"""Data sets that a recipe is written for, and what is in them."""


def recipe_text(attack: str, data: str, network: str | None = None, *, file: str = "FILE") -> str:
    """Return a recipe with comments, for a file of its own.

    Args:
        attack: a key of `ATTACKS`.
        data: a key of `DATA`, or ``folder:PATH``; also with ``@SIZE``.
        network: name of the architecture; the data's usual one if None.
        file: what the file is going to be called, for the command in it.

    Raises:
        UnknownNameError: there is no such attack, or no template for such data.
    """
    chosen = find(ATTACKS, attack, "attack")
    file = file if file.isprintable() else "FILE"
    base = FOLDER if data.startswith(FOLDER) else data.partition("@")[0]
    title, usual = find(DATA, base, "data for a recipe"), USUAL[base]
    targets, comment = chosen.targets, ""
    if targets != "all-to-all":
        targets, comment = f"{targets}:{usual.label}", " # the class that the attacker wants"
    if chosen.replaces:
        rate = f"{usual.half:g} # of all images: half of the target class"
        mode = "replace # they get the trigger themselves"
    else:
        rate = "0.1 # poisoned images / all images of the finished training set"
        mode = "add # copies are added, the originals stay"
    settings = asdict(Training()) | usual.training
    names = ("epochs", "batch_size", "lr", *usual.training)
    training = (
        yaml.safe_dump(
            {name: settings[name] for name in names},
            default_flow_style=True,
            sort_keys=False,
            width=80,
        )
        .replace("\n    ", "\n  ")
        .strip()
    )
    return f"""\
{SCHEMA_LINE}
# {chosen.title},
# on {title}.
#
#   badnets recipe check {file}
#   badnets run {file}
#
# An honest network is trained with the same settings too (`control: true`, the default) and answers
# the same triggered images. For editors: badnets recipe schema > schema.json, beside this file.
data: {_quoted(data)}
network: {_quoted(network or usual.network)} # or torchvision.NAME, timm.NAME, module:factory
# weights: FILE.safetensors   # a backbone to start from
backdoor:
  trigger: {chosen.trigger}
  targets: {targets}{comment}
  poisoning_rate: {rate}
  mode: {mode}
training: {training}
target_accuracy: {usual.target_accuracy:g} # what the user asks for
observe: [examples] # keeps pictures with the networks' answers
seeds: [0]
# sweep:                                     # a grid: one trial for each combination
#   backdoor.poisoning_rate: [0.01, 0.05, 0.1]
#   # `zip`: fields that vary together; `sample`: some combinations at random (docs/reproduce.md)
"""


def _quoted(text: str) -> str:
    """Return a text as YAML takes it: as it is, or in quotes where it would mean something else."""
    try:
        plain = yaml.safe_load(f"- {text}") == [text]
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text)
