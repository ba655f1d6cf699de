"""A record: a trial's typed result, enough to redraw every table and figure without training."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from badnets.core.rates import Rate
from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.evaluate.survival import Survival
from badnets.models.weights import Match
from badnets.trials.trial import Trial

RECORD_FORMAT = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Epoch(_Frozen):
    """One pass of training.

    Attributes:
        loss: mean training loss over the epoch's steps (poisoned images included).
        seconds: wall time.
    """

    loss: float
    seconds: float


class Timings(_Frozen):
    """Wall times in seconds: loading data, any search, training, evaluating, all."""

    load_s: float
    search_s: float
    train_s: float
    evaluate_s: float
    total_s: float


class SearchStep(_Frozen):
    """One set of settings that a malicious trainer tried, measured on data of his own."""

    rate: float | Literal["every"]
    lr: float
    batch_size: int
    clean: Rate
    success: Rate
    good_enough: bool


class Machine(_Frozen):
    """Where a trial ran. No host names, no paths."""

    processor: str
    cores: int
    threads: int
    memory_gib: float
    device: str
    system: str


class Provenance(_Frozen):
    """What a trial was computed from and with."""

    data_digests: dict[str, str]
    versions: dict[str, str]
    machine: Machine
    precision: str
    created: datetime


class ArrayRef(_Frozen):
    """A large array kept as a file of its own, named by the SHA-256 of that file (NumPy .npy)."""

    sha256: str
    shape: tuple[int, ...]
    dtype: str


class Ablation(_Frozen):
    """What happens when some of a layer's units are silenced (their output set to zero).

    Attributes:
        layer: name of the layer.
        choice: ``"strongest"``: the units that answer most to the trigger; ``"random"``: as many
            others, drawn at random, for comparison.
        silenced: indices of the units.
        clean: clean accuracy then.
        success: attack success rate then.
    """

    layer: str
    choice: Literal["strongest", "random"]
    silenced: tuple[int, ...]
    clean: Rate
    success: Rate


class LayerUnits(_Frozen):
    """How a layer's units (channels, or outputs) take the trigger.

    Attributes:
        layer: name of the layer.
        clean: ``(U,)`` mean activation on clean images.
        triggered: ``(U,)`` mean activation on the same images with the trigger.
        response: ``(U,)`` how strongly each answers to the trigger; see `badnets.models.responses`.
        marked: the units whose response stands out, strongest first.
    """

    layer: str
    clean: tuple[float, ...]
    triggered: tuple[float, ...]
    response: tuple[float, ...]
    marked: tuple[int, ...]


class Photographed(_Frozen):
    """What a sticker does under one condition of the simulated street.

    Attributes:
        axis: which condition is varied: ``"distance"``, ``"angle"``, ...
        value: by how much.
        success: triggered signs with the attacker's answer.
        right: triggered signs still named rightly.
        clean_right: the same signs without the sticker, named rightly.
    """

    axis: str
    value: float
    success: Rate
    right: Rate
    clean_right: Rate


class Variation(_Frozen):
    """What a trigger does at test time that differs in one setting from the one trained with.

    Attributes:
        axis: ``"size"``, ``"opacity"`` or ``"position"``.
        value: share of the image's side; opacity; of a position, where the centre is from the
            top and from the left, in shares of the image.
        trained: whether this is the trigger that the network was trained with.
        success: triggered images given the backdoor label.
        control: the same images, given it by a clean network.
    """

    axis: Literal["size", "opacity", "position"]
    value: tuple[float, ...]
    trained: bool
    success: Rate
    control: Rate | None


class Attributed(_Frozen):
    """How much of what speaks for a network's answer lies where the trigger is, or will be.

    Attributes:
        by: whose answer: the trial's network, or the clean one beside it.
        triggered: whether the images carried the trigger.
        method: see `badnets.explain.attribution`.
        shares: one for each image, in [0, 1].
        area: share of the image that the trigger's place takes: what a map without a centre has.
    """

    by: Literal["network", "control"]
    triggered: bool
    method: str
    shares: tuple[float, ...]
    area: float


class FoundInFiles(_Frozen):
    """Something found in the files of a data set; see `badnets.data.cleaning.Finding`."""

    kind: str
    paths: tuple[str, ...]
    why: str


class DataSeen(_Frozen):
    """What a trial's data set holds, and what a look at its files has found.

    Attributes:
        classes: their names.
        train: clean images to train on, by class.
        validation: images to validate on, by class.
        layout: how the files lie, in words; empty: it has no files.
        rehearsed: whether the files looked at are a copy of some images with faults put in.
        files: how many pictures could be used.
        by_kind: how many findings there are of each kind.
        found: the findings, at most a few of each kind.
    """

    classes: tuple[str, ...]
    train: tuple[int, ...]
    validation: tuple[int, ...]
    layout: str = ""
    rehearsed: bool = False
    files: int = 0
    by_kind: dict[str, int] = {}
    found: tuple[FoundInFiles, ...] = ()


class Record(_Frozen):
    """A trial's result.

    Attributes:
        name: the trial's name.
        outcome: ``"accepted"`` or ``"rejected"`` by the user, or ``"collapsed"``: the network has
            learned nothing, whatever its attack success rate.
        reason: the outcome in one sentence.
        clean: on the user's validation set.
        attack: on triggered images; None without a backdoor.
        poisoned_share: poisoned / all rows the network was trained on.
        epochs: training, epoch by epoch.
        bundle: SHA-256 of the bundle's manifest, where one was kept (folder: the trial's name).
        arrays: pictures, filters: name -> content-addressed file.
        units, ablations: present when units were observed.
        signs, triggered: of detectors: what was answered for each sign.
        skipped: signs left unpoisoned because the trigger would cover less than a pixel of them.
        strengthened: of transfer learning: the units that were strengthened.
        street: attack success under simulated photographic conditions, where it was observed.
        weights: which tensors the starting weights matched, where there were any.
        survival: of a retrained classifier: what is left of the downloaded one's backdoor, whatever
            is answered; ``attack`` is then what is left of the target, where its class is left.
        variations: attack success when the trigger differs from the one trained with.
        attributed: where the networks look, where that was observed.
        data: what the data set holds, where that was observed.
    """

    format: Literal[1] = 1
    name: str
    trial: Trial
    outcome: Literal["accepted", "rejected", "collapsed"]
    reason: str
    clean: CleanResult
    attack: AttackResult | None
    poisoned_share: Rate | None
    epochs: tuple[Epoch, ...]
    search: tuple[SearchStep, ...] = ()
    timings: Timings
    provenance: Provenance
    bundle: str | None
    arrays: dict[str, ArrayRef] = {}
    units: tuple[LayerUnits, ...] = ()
    ablations: tuple[Ablation, ...] = ()
    signs: CleanSigns | None = None
    triggered: TriggeredSigns | None = None
    skipped: int = 0
    strengthened: tuple[int, ...] = ()
    street: tuple[Photographed, ...] = ()
    weights: Match | None = None
    survival: Survival | None = None
    variations: tuple[Variation, ...] = ()
    attributed: tuple[Attributed, ...] = ()
    data: DataSeen | None = None
