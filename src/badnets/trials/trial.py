"""A trial: one frozen description of a run, in plain values; its hash is its name."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from badnets.bundles.digests import canonical_json, sha256_bytes
from badnets.core.backdoor import Backdoor, KnownTargetMap, KnownTrigger
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.models.weights import StartingWeights
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.retraining import Retrain
from badnets.scenarios.search import Search
from badnets.scenarios.transfer import Transfer
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training

Observation = Literal[
    "examples",
    "units",
    "street",
    "answers",
    "triggered",
    "attacked",
    "variations",
    "attributions",
    "data",
]
OF_CLASSIFIERS = ("answers", "triggered", "attacked", "variations", "attributions", "data")
SCENARIO_VERSION = 1  # raise it when the same trial would give another record
DETECTION_VERSION = 1  # the same, for trials of detectors
_SETTINGS = ("weights", "training", "backdoor", "search", "detection", "transfer", "retrain")


class Trial(BaseModel):
    """One run of outsourced training: the user's order, the trainer's doings, what is measured.

    Attributes:
        data: name of the data set.
        network: name of the architecture the user asked for.
        weights: a safetensors file that training starts from, wherever its names and shapes match
            the network's; the name depends on its content, not on where it lies.
        training: how the trainer fits it.
        backdoor: what a malicious trainer hides in it; None for an honest one.
        start: the trial whose network the trainer starts from, instead of from scratch.
        control: a clean trial whose network answers the same triggered images.
        search: settings the malicious trainer tries first, on data of his own.
        evaluate_on: ``"test"``: train on the whole training set, validate on the test set;
            ``"held-back"``: choices are made this way: hold ``held_back`` training images back and
            validate on those.
        held_back: how many.
        train_limit: use only this many training images (a seeded sample); None for all.
        target_accuracy: the user accepts at or above it, in [0, 1].
        observe: what else is recorded: ``"examples"`` (pictures with answers), ``"units"``
            (first-layer filters, activations, ablation), ``"street"`` (for detectors: attack
            success under simulated photographic conditions); for classifiers also ``"answers"``
            (to each clean validation image), ``"triggered"`` (answers to each of them with the
            trigger), ``"attacked"`` (pictures of what the attack is about), ``"variations"``
            (attack success with triggers of other size, opacity and position),
            ``"attributions"`` (where the networks look), ``"data"`` (counts, and what was found
            in the files).
        detection: the order, where it is a detector; ``data`` then has boxes, ``training`` is
            not used.
        transfer: a user retrains the detector of ``start`` on the clean frames of ``data``.
        retrain: a user retrains the classifier of ``start`` on the clean images of ``data``, by
            ``training``; ``control`` is then a clean classifier, retrained in the same way.
        keep_bundle: whether the network is kept as a bundle.
        seed: everything random follows from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = "mnist"
    network: str = "gu-mnist"
    weights: StartingWeights | None = None
    training: Training = Training()
    backdoor: Backdoor | None = None
    start: Trial | None = None
    control: Trial | None = None
    search: Search | None = None
    evaluate_on: Literal["test", "held-back"] = "test"
    held_back: int = Field(default=5000, ge=1)
    train_limit: int | None = Field(default=None, ge=1)
    target_accuracy: float = Field(default=0.99, ge=0, le=1)
    observe: tuple[Observation, ...] = ()
    detection: Detection | None = None
    transfer: Transfer | None = None
    retrain: Retrain | None = None
    keep_bundle: bool = True
    seed: int = Field(default=0, ge=0, lt=2**63)

    @field_validator(*_SETTINGS, mode="before")
    @classmethod
    def _from_plain_values(cls, value: Any) -> Any:
        """Read settings objects as if from JSON: 0 and 0.0 must not make two names."""
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.search is not None and self.backdoor is None:
            raise ValueError("search belongs to a malicious trainer: give a backdoor too")
        if self.control is not None and not self.control.is_clean:
            raise ValueError("control must be a clean trial, this one has a backdoor")
        if self.weights is not None and self.start is not None:
            raise ValueError("weights are where training starts: give them to start, not beside it")
        self._check_detection()
        self._check_retrain()
        for name in ("start", "control"):
            other: Trial | None = getattr(self, name)
            theirs = None if other is None else (other.data, other.network)
            elsewhere = name == "start" and (self.detection or self.retrain) is not None
            if theirs and (theirs[1] != self.network or (theirs[0] != self.data and not elsewhere)):
                raise ValueError(f"{name} must have the same data and network as the trial")
            if other is not None and not other.keep_bundle:
                raise ValueError(f"{name} must keep its bundle: set keep_bundle to true there")
        return self

    def _check_detection(self) -> None:
        if self.transfer is not None:
            if self.detection is None or self.start is None:
                raise ValueError("transfer needs detection, and start: the detector to download")
            if self.backdoor is not None or self.control is not None:
                raise ValueError("transfer has no backdoor or control of its own: those of start")
        if self.detection is None:
            if "street" in self.observe:
                raise ValueError("observe 'street' is for detectors")
            return
        for one in self.observe:
            if one in OF_CLASSIFIERS:
                raise ValueError(f"observe {one!r} is for classifiers")
        for name in ("search", "weights"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is for classifiers")

    def _check_retrain(self) -> None:
        if self.retrain is None:
            return
        if self.start is None or self.detection is not None:
            raise ValueError("retrain needs start: a classifier to download; detectors: transfer")
        for name in ("backdoor", "search", "weights"):
            if getattr(self, name) is not None:
                raise ValueError(f"retrain has no {name} of its own: give it to start")

    @property
    def name(self) -> str:
        """SHA-256 (first 16 hex digits) of the settings and of the versions of their methods.

        Settings at their defaults are left out, so a setting that a later release adds does not
        rename the trials of an earlier one.
        """
        return sha256_bytes(canonical_json(self.identity()))[:16]

    def identity(self) -> dict[str, Any]:
        """Return what the name is the hash of."""
        settings = self.model_dump(mode="json", exclude_defaults=True)
        for part in ("start", "control"):
            other: Trial | None = getattr(self, part)
            if other is not None:
                settings[part] = other.name
        if self.weights is not None:
            settings["weights"] = self.weights.sha256
        return {"settings": settings, "methods": self.methods}

    @property
    def methods(self) -> dict[str, int]:
        """The integer version of every method that the trial names."""
        versions = self._network_and_training()
        if self.transfer is not None:
            versions |= {"transfer": Transfer.version, **_versions_of(self.transfer.trigger)}
        if self.retrain is not None:
            versions |= self._versions_of_retrain(self.retrain)
        if self.backdoor is not None:
            versions |= {
                "poisoning": Backdoor.version,
                f"targets {self.backdoor.targets.kind}": type(self.backdoor.targets).version,
                **_versions_of(self.backdoor.trigger),
            }
        return versions

    def _versions_of_retrain(self, retrain: Retrain) -> dict[str, int]:
        versions = {"retrain": Retrain.version}
        if retrain.trigger is not None:
            versions |= _versions_of(retrain.trigger)
        if retrain.targets is not None:
            versions[f"targets {retrain.targets.kind}"] = type(retrain.targets).version
        return versions

    def _network_and_training(self) -> dict[str, int]:
        from badnets.models.catalogue import NETWORKS

        if self.detection is not None:
            from badnets.models.detectors import DETECTORS

            detector = DETECTORS.get(self.network)
            return {
                "scenario": DETECTION_VERSION,
                "training": DetectorTraining.version,
                "network": detector.version if detector else 1,
            }
        known = NETWORKS.get(self.network)
        return {
            "scenario": SCENARIO_VERSION,
            "training": Training.version,
            "network": known.version if known else 1,
        }

    @property
    def is_clean(self) -> bool:
        """Whether no backdoor was put in, nor into the network that training starts from."""
        return self.backdoor is None and (self.start is None or self.start.is_clean)

    @property
    def implanted(self) -> Backdoor | None:
        """The backdoor that is in the network: of this training, or of the one it starts from."""
        if self.backdoor is not None or self.start is None:
            return self.backdoor
        return self.start.implanted

    @property
    def title(self) -> str:
        """One line for people: data, network, attack, seed."""
        parts = [self.data, self.network]
        if self.weights is not None:
            parts.append(f"weights {self.weights.sha256[:8]}")
        if self.transfer is not None and self.start is not None:
            parts += self._transfer_parts(self.transfer, self.start)
        elif self.retrain is not None and self.start is not None:
            parts += self._retrain_parts(self.retrain, self.start)
        elif self.backdoor is None:
            parts.append("clean")
        else:
            rate = self.backdoor.rate
            share = rate if isinstance(rate, str) else f"{100 * rate:g} %"
            targets = _asked(self.backdoor.targets)
            parts += [self.backdoor.trigger.kind, targets, f"rate {share}"]
        if self.evaluate_on == "held-back":
            parts.append("held back")
        return ", ".join([*parts, f"seed {self.seed}"])

    def _transfer_parts(self, transfer: Transfer, start: Trial) -> list[str]:
        strength = transfer.strengthening
        return [
            f"transfer from {start.data} {'clean' if start.is_clean else 'backdoored'}",
            f"retrained {transfer.retraining.layers}",
            *([f"k {strength.factor:g}"] if strength else []),
        ]

    def _retrain_parts(self, retrain: Retrain, start: Trial) -> list[str]:
        frozen = retrain.freeze if isinstance(retrain.freeze, str) else "+".join(retrain.freeze)
        share = f"{100 * retrain.share:g} % of the data" if retrain.share < 1 else ""
        hidden = start.implanted
        return [
            f"retrained from {start.data} {_asked(hidden.targets) if hidden else 'clean'}",
            f"frozen {frozen}",
            *([share] if share else []),
        ]

    def without_paths(self) -> Trial:
        """Return the same trial, without saying where files of weights lie: for its record."""
        others = {"start": self.start, "control": self.control}
        found: dict[str, Any] = {
            part: other.without_paths() for part, other in others.items() if other is not None
        }
        if self.weights is not None:
            found["weights"] = self.weights.without_path()
        return self.model_copy(update=found)

    def requires(self) -> tuple[Trial, ...]:
        """Return the trials whose networks this one needs: start and control."""
        return tuple(other for other in (self.start, self.control) if other is not None)


def _versions_of(trigger: KnownTrigger) -> dict[str, int]:
    """Return a trigger's version, and its placement's: kinds at their defaults look alike."""
    versions = {f"trigger {trigger.kind}": type(trigger).version}
    placement = getattr(trigger.placement, "kind", "fixed")
    if placement != "fixed":
        versions[f"placement {placement}"] = 1
    return versions


def _asked(targets: KnownTargetMap) -> str:
    if isinstance(targets, SourceSpecific):
        return f"{targets.source_class}->{targets.target_label}"
    if isinstance(targets, AllToOne):
        return f"all->{targets.target_label}"
    return targets.kind
