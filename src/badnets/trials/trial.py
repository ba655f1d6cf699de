"""A trial: one frozen description of a run, in plain values; its hash is its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)

from badnets.core.backdoor import Backdoor
from badnets.data.catalogue import DATASETS
from badnets.data.names import parse_name
from badnets.models.catalogue import NETWORKS
from badnets.models.weights import StartingWeights
from badnets.repair.base import REPAIRS, AnyRepair
from badnets.scenarios.resisting import RESISTANCES, AnyResistance
from badnets.scenarios.search import Search
from badnets.scenarios.transfer import Strengthening
from badnets.train.detector_settings import RETRAINING, DetectorTraining
from badnets.train.settings import Training
from badnets.trials.base import (
    Attack as Attack,
)
from badnets.trials.base import (
    BaseTrial,
    TrainedTrial,
    known_classes,
    short_attack,
    task_in,
    usual_or_none,
)
from badnets.trials.downloaded import DownloadedBundle

AUDITING = frozenset({"audit", "verdict"})  # observations that take `tainted_clean`
SETTLED = (110, 700)  # steps; ours, and networks whose statistics may follow more slowly


class OutsourcedTrial(TrainedTrial):
    """One run of outsourced training: the user's order, the trainer's doings, what is measured."""

    kind: Literal["outsourced"] = "outsourced"
    weights: StartingWeights | None = Field(
        None,
        description="A safetensors file that training starts from, wherever its names and shapes "
        "match the network's; its content counts, not where it lies.",
    )
    backdoor: Backdoor | None = Field(
        None, description="What a malicious trainer hides in it; none: an honest one."
    )
    start: OutsourcedTrial | None = Field(
        None, description="The trial whose network training starts from, instead of from scratch."
    )
    control: OutsourcedTrial | None = Field(
        None, description="A clean trial whose network answers the same triggered examples."
    )
    search: Search | None = Field(
        None, description="Settings the malicious trainer tries first, on data of its own."
    )
    resist: AnyResistance | None = Field(
        None, description="How whoever trains makes do with data that may be poisoned."
    )
    tainted_clean: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the clean images given to `audit` and `verdict` that hold the "
        "backdoor's trigger, labelled as it asks: an attacker reached them too.",
    )

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there was none of when it did not exist."""
        plain: dict[str, Any] = write(self)
        for late in ("resist", "tainted_clean"):
            if not plain.get(late):
                plain.pop(late, None)
        return plain

    def _check(self) -> None:
        if self.search is not None and self.backdoor is None:
            raise ValueError("search belongs to a malicious trainer: give a backdoor too")
        if self.resist is not None and (self.search or self.task == "detection"):
            raise ValueError("resist is for classifiers, and not for a trainer who searches")
        if self.tainted_clean and (self.backdoor is None or not AUDITING & {*self.observe}):
            known = " or ".join(sorted(AUDITING))
            raise ValueError(f"tainted_clean needs a backdoor, and {known} among observe")
        if self.weights is not None and self.start is not None:
            raise ValueError("weights are where training starts: give them to start, not beside it")
        if self.weights is not None and self.task == "detection":
            raise ValueError("weights is for classifiers: begin with another detector by start")
        if self.control is not None and not self.control.is_clean:
            raise ValueError("control must be a clean trial, this one has a backdoor")
        for name in ("start", "control"):
            other: OutsourcedTrial | None = getattr(self, name)
            if other is None:
                continue
            elsewhere = name == "start" and self.task == "detection"
            if other.network != self.network or (other.data != self.data and not elsewhere):
                raise ValueError(f"{name} must have the same data and network as the trial")

    def _attacks(self) -> Iterator[tuple[Any, Any]]:
        if self.backdoor is not None:
            yield self.backdoor.trigger, self.backdoor.targets

    @property
    def methods(self) -> dict[str, int]:
        """The integer version of every method that the trial names."""
        poisoning = {} if self.backdoor is None else {"poisoning": Backdoor.version}
        versions = {**super().methods, **poisoning}
        if self.resist is not None:
            versions[f"resist {self.resist.kind}"] = type(self.resist).version
        return versions | ({"statistics": Training.statistics} if self._is_short else {})

    @property
    def _is_short(self) -> bool:
        """Whether statistics of normalisation may have to be computed anew after training.

        As far as is known before data is read: other trials keep their names.
        """
        known = NETWORKS.get(self.network)
        if not isinstance(self.training, Training) or (known and not known.normalises):
            return False
        entry = DATASETS.get(parse_name(self.data).base)
        images = self.train_limit or (entry.train if entry else None)
        if images is None:
            return known is None
        steps = self.training.epochs * max(1, images // self.training.batch_size)
        return steps < SETTLED[known is None]

    def _parts(self) -> list[str]:
        weights = [f"weights {self.weights.sha256[:8]}"] if self.weights else []
        resist = [f"resisting by {RESISTANCES.short(self.resist)}"] if self.resist else []
        if self.backdoor is None:
            return [*weights, "clean", *resist]
        rate = self.backdoor.poisoning_rate
        share = rate if isinstance(rate, str) else f"{100 * rate:g} %"
        return [
            *weights,
            *short_attack(self.backdoor, known_classes(self.data)),
            f"rate {share}",
            *([f"{100 * self.tainted_clean:g} % of clean images too"] * bool(self.tainted_clean)),
            *resist,
        ]


class DownloadingTrial(BaseTrial):
    """What trials say that begin with a downloaded network."""

    start: Origin = Field(description="The trial, or the bundle, whose network is downloaded.")
    share: float = Field(
        1.0, gt=0, le=1, description="Share of the user's training examples that is used."
    )
    attack: Attack | None = Field(
        None, description="What is measured; none: the backdoor of the downloaded network."
    )

    @property
    def measured(self) -> Attack | Backdoor | None:
        """What is measured: what the trial says, else the downloaded network's own backdoor."""
        return self.attack or self.implanted

    def _check(self) -> None:
        if self.start.network != self.network:
            raise ValueError("start must have the same network as the trial")
        control: Any = getattr(self, "control", None)
        if control is not None and control.implanted is not None:
            raise ValueError("control must be a clean trial, this one has a backdoor")

    def _attacks(self) -> Iterator[tuple[Any, Any]]:
        if self.attack is not None:
            yield self.attack.trigger, self.attack.targets

    def _came_from(self, done: str) -> list[str]:
        """Return what was done to which network, and what it is attacked by, in words."""
        start, hidden, origin = self.start, self.start.implanted, self.start.title
        own = () if isinstance(start, DownloadedBundle) else known_classes(start.data)
        classes = start.classes if isinstance(start, DownloadedBundle) else own
        if isinstance(start, BaseTrial):
            own = own if getattr(start, "backdoor", None) else ()  # else those of its own start
            origin = " ".join([start.data, *(short_attack(hidden, own) if hidden else ["clean"])])
        attack = short_attack(self.attack, classes) if self.attack else []
        if hidden and self.attack and short_attack(self.attack) == short_attack(hidden):
            attack = []
        return [f"{done} from {origin}", *([f"attacked by {' '.join(attack)}"] if attack else [])]

    @property
    def _share_used(self) -> list[str]:
        return [f"{100 * self.share:g} % of the data"] if self.share < 1 else []


class TransferTrial(TrainedTrial, DownloadingTrial):
    """One run of transfer learning: a user downloads a network, and retrains part of it."""

    kind: Literal["transfer"]
    control: TransferTrial | None = Field(
        None, description="The same with a clean network: it answers the same triggered examples."
    )
    freeze: str | tuple[str, ...] = Field(
        "all-but-head",
        description="What stays as downloaded. `all-but-head`, `none`, or names of layers; of a "
        "detector `backbone`, `up-to-conv4`, `all-but-heads`, `all-but-outputs`, ...",
    )
    strengthening: Strengthening | None = Field(
        None, description="What the attacker does to a detector before publishing it."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_usual_of_detectors(cls, value: Any) -> Any:
        """Keep what the authors kept, and train a few epochs without crops, unless said."""
        if not isinstance(value, dict) or task_in(value) != "detection":
            return value
        training = value.get("training", {})
        if isinstance(training, dict):
            usual = {"epochs": RETRAINING.epochs, "crops": {"passes": RETRAINING.crops.passes}}
            training = {**usual, **training}
        return {"freeze": "backbone", **value, "training": training}

    def _check(self) -> None:
        super()._check()
        if not self.freeze:
            raise ValueError("freeze must name at least one layer: for none, give 'none'")
        if isinstance(self.training, DetectorTraining):
            if self.control is not None:
                raise ValueError("control is for classifiers: compare with a trial of its own")
            if self.training.crops.passes and self.freeze != "none":
                raise ValueError("crops must have 0 passes where convolutions are kept")
        elif self.strengthening is not None:
            raise ValueError("strengthening is for detectors")
        if self.strengthening is None:
            return
        if self.measured is None:
            raise ValueError("strengthening needs attack: the trigger whose units are looked for")
        if isinstance(self.start, DownloadedBundle):
            raise ValueError("strengthening needs the attacker's own data: give start as a trial")

    def _parts(self) -> list[str]:
        frozen = self.freeze if isinstance(self.freeze, str) else "+".join(self.freeze)
        strength = self.strengthening
        return [
            *self._came_from("retrained"),
            f"frozen {frozen}",
            *self._share_used,
            *([f"k {strength.factor:g}"] if strength else []),
        ]


class RepairedTrial(DownloadingTrial):
    """One repair: a user downloads a classifier, and takes out what may be hidden in it."""

    kind: Literal["repaired"]
    control: Origin | None = Field(
        None, description="A clean trial, or bundle, that answers the same triggered examples."
    )
    method: AnyRepair = Field(
        default_factory=lambda: REPAIRS.parse("auto"), description="How it is repaired."
    )
    audit: bool = Field(
        False,
        description="Whether an audit looks at the network before and after a repair that does not "
        "audit by itself, as `auto` does; of one that does it says nothing.",
    )

    def _check(self) -> None:
        super()._check()
        if self.method.audits:
            self.__dict__["audit"] = False

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there was none of when it did not exist."""
        plain: dict[str, Any] = write(self)
        if not plain.get("audit"):
            plain.pop("audit", None)
        return plain

    @model_validator(mode="before")
    @classmethod
    def _as_downloaded(cls, value: Any) -> Any:
        """Take data and network from the trial that is downloaded, where they are not said."""
        start = value.get("start") if isinstance(value, dict) else None
        origin = start if isinstance(start, dict) else getattr(start, "__dict__", {})
        names = ("data", "network", "architecture", "target_accuracy")
        value = {**{name: origin[name] for name in names if name in origin}, **value}
        usual = usual_or_none(value.get("data"))
        return value if usual is None else {"target_accuracy": usual.target_accuracy, **value}

    @property
    def methods(self) -> dict[str, int]:
        """The integer version of every method that the trial names."""
        return {**super().methods, f"repair {self.method.kind}": type(self.method).version}

    def _parts(self) -> list[str]:
        audited = ["audited after"] if self.audit else []
        how = f"by {REPAIRS.short(self.method)}"
        return [*self._came_from("repaired"), how, *audited, *self._share_used]


Trial: TypeAlias = Annotated[
    OutsourcedTrial | TransferTrial | RepairedTrial, Field(discriminator="kind")
]
Origin: TypeAlias = Annotated[
    OutsourcedTrial | TransferTrial | RepairedTrial | DownloadedBundle, Field(discriminator="kind")
]
OutsourcedTrial.model_rebuild()
TransferTrial.model_rebuild()
RepairedTrial.model_rebuild()
TRIAL: TypeAdapter[OutsourcedTrial | TransferTrial | RepairedTrial] = TypeAdapter(Trial)
