"""What every kind of trial says, and how its name follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from badnets.bundles.digests import canonical_json, sha256_bytes
from badnets.bundles.schema import Scalar, on_one_line
from badnets.core.backdoor import Backdoor
from badnets.core.contents import content_digest
from badnets.core.errors import DataError, SettingError, UnknownNameError
from badnets.core.lookup import unknown_name
from badnets.core.settings import settings, wrong_name
from badnets.core.targets import (
    TARGET_MAPS,
    AnyTargetMap,
    RandomWrong,
    named_classes,
    of_classes,
    unknown_class,
)
from badnets.core.triggers import TRIGGERS, AnyTrigger
from badnets.data.catalogue import at_size_read, entry_of, names_of_classes, task_of
from badnets.data.names import parse_name
from badnets.data.usual import Usual, usual_of
from badnets.models.catalogue import NETWORKS, tasks_of
from badnets.models.weights import StartingWeights
from badnets.observations.registry import OBSERVATIONS
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials.downloaded import DownloadedBundle

USUAL_NETWORK = {"classification": "gu-mnist", "detection": "zf"}
HELD_BACK = 5000  # images
RETRAINED = ("epochs", "batch_size", "lr")  # what is usual when a network is retrained, too
LONGEST = 20  # letters of a class's name in a title
SCENARIO_VERSION = 1  # raise it when the same trial would give another record


def _tag(training: Any) -> str:
    """Return what tells the two kinds of training apart."""
    if isinstance(training, dict):
        return str(training.get("task", "classification"))
    return str(getattr(training, "task", "classification"))


OneLine = Annotated[str, AfterValidator(on_one_line)]
AnyTraining: TypeAlias = Annotated[
    Annotated[Training, Tag("classification")] | Annotated[DetectorTraining, Tag("detection")],
    Discriminator(_tag),
]


@settings
class Attack:
    """What is measured on a retrained network: a trigger, and what it was to do."""

    trigger: AnyTrigger = Field(description="What is put on the user's examples.")
    targets: AnyTargetMap = Field(
        default_factory=RandomWrong,
        description="What it should do, in labels of the downloaded network. Of a detector the "
        "trigger alone counts.",
    )


class BaseTrial(BaseModel):
    """What every trial says."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: ClassVar[int] = SCENARIO_VERSION

    data: OneLine = Field("mnist", description="Name of the data set.")
    network: OneLine = Field("gu-mnist", description="Name of the architecture the user asked for.")
    architecture: dict[str, Scalar] = Field(
        {}, description="Settings of the network, such as zf's `width`."
    )
    target_accuracy: float = Field(0.99, ge=0, le=1, description="The user accepts at or above it.")
    evaluate_on: Literal["test", "held-back"] = Field(
        "test",
        description="`test`: train on the whole training set, validate on the test set; "
        "`held-back`: choices are made this way: hold training examples back, validate on those.",
    )
    held_back: int = Field(
        HELD_BACK, ge=1, description="How many images are held back; of frames, a fifth by scenes."
    )
    train_limit: int | None = Field(
        None, ge=1, description="Use only this many training examples, a seeded sample."
    )
    observe: tuple[str, ...] = Field((), description="What else is looked at and recorded.")
    keep_bundle: bool = Field(True, description="Whether the network is kept as a bundle.")
    seed: int = Field(0, ge=0, lt=2**63, description="Everything random follows from it.")
    contents: dict[str, str] = Field(
        {}, description="SHA-256 of the files that the trial reads, by path: filled in, not given."
    )

    @field_validator("observe")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in OBSERVATIONS:
                raise ValueError(str(unknown_name(kind, OBSERVATIONS.names, "observation")))
            if reason := OBSERVATIONS[kind].unavailable():
                raise ValueError(f"{kind}: {reason}")
        return kinds

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if "_fits" in self.__dict__:  # it comes again with each trial that starts from it
            return self
        if not self.contents:  # a record's trial says what it read
            self.__dict__["data"] = at_size_read(self.data, self._side_taken())
        for kind in self.observe:
            tasks = OBSERVATIONS[kind].tasks
            if self.task not in tasks:
                raise ValueError(f"observe {kind!r} is for {' and '.join(sorted(tasks))}")
        if self.task == "detection" and self.held_back != HELD_BACK:
            raise ValueError("held_back is for images: of frames a fifth, by scenes, is held back")
        self._check()
        self._number_classes()
        for other in self.requires():
            if not other.keep_bundle:
                part = "start" if other is getattr(self, "start", None) else "control"
                raise ValueError(f"{part} must keep its bundle: set keep_bundle to true there")
        if not self.contents:  # a record's trial says what the files were
            self.__dict__["contents"] = dict(sorted(_contents(self)))
        self.__dict__["_fits"] = True
        return self

    def _check(self) -> None:
        """Refuse what does not go together in this scenario; raises ValueError."""

    def _side_taken(self) -> int | None:
        """Return the side of the images that a downloaded network takes; None without one."""
        start: BaseTrial | DownloadedBundle | None = getattr(self, "start", None)
        if isinstance(start, DownloadedBundle):
            return start.shape[1]
        with suppress(UnknownNameError, SettingError, DataError):
            shape = entry_of(start.data).shape if start is not None else None
            return None if shape is None else shape[1]
        return None

    def _number_classes(self) -> None:
        """Write the classes of target maps by number, where their names are known before loading.

        So a trial has one name, however its classes are given. The names of `module:factory`, of
        ``coco:PATH`` and of a set that tells them only when it is read are looked up when the trial
        runs: there a class by name and one by number are two trials.
        """
        for part, data in (("backdoor", self), ("attack", getattr(self, "start", None))):
            attack: Any = getattr(self, part, None)
            if attack is None or not named_classes(attack.targets):
                continue
            if isinstance(data, DownloadedBundle):
                classes = data.classes
            else:
                classes = names_of_classes(getattr(data, "data", ""))
            if classes and (wrong := unknown_class(attack.targets, classes)):
                raise wrong_name(wrong[1], part, "targets", wrong[0], value=attack.targets)
            if classes:
                self.__dict__[part] = of_classes(attack, classes)

    @property
    def task(self) -> Literal["classification", "detection"]:
        """``"classification"`` or ``"detection"``."""
        return "classification"

    @property
    def name(self) -> str:
        """SHA-256 (first 16 hex digits) of the settings and of the versions of their methods.

        Settings at their defaults are left out, so a setting that a later release adds does not
        rename the trials of an earlier one.
        """
        known: str | None = self.__dict__.get("_name")
        if known is None:  # kept: a page asks for it thousands of times
            known = self.__dict__["_name"] = sha256_bytes(canonical_json(self.identity()))[:16]
        return known

    def __copy__(self) -> Self:
        """Return a copy, to be changed: it has no name yet, and is to be checked again."""
        copied = super().__copy__()
        for known in ("_name", "_fits"):
            copied.__dict__.pop(known, None)
        return copied

    def __hash__(self) -> int:
        """Return what equal trials have in common."""
        return hash(self.name)

    def identity(self) -> dict[str, Any]:
        """Return what the name is the hash of."""
        others = {"start", "control"}  # which count by their names
        plain = self.model_dump(mode="json", exclude_defaults=True, exclude=others)
        if self.architecture:  # 1 and 1.0 are the same setting
            plain["architecture"] = {
                key: int(value) if isinstance(value, float) and value.is_integer() else value
                for key, value in self.architecture.items()
            }
        for part in ("start", "control"):
            other: BaseTrial | DownloadedBundle | None = getattr(self, part, None)
            if other is not None:
                plain[part] = other.name
        weights: StartingWeights | None = getattr(self, "weights", None)
        if weights is not None:
            plain["weights"] = weights.sha256
        kind = str(getattr(self, "kind", ""))
        return {"kind": kind, "task": self.task, "settings": plain, "methods": self.methods}

    @property
    def methods(self) -> dict[str, int]:
        """The integer version of every method that the trial names."""
        known = NETWORKS.get(self.network)
        versions = {
            "scenario": self.version,
            "network": known.version if known else 1,
        }
        versions |= {f"observation {kind}": OBSERVATIONS[kind].version for kind in self.observe}
        for trigger, targets in self._attacks():
            versions |= _versions_of(trigger)
            versions[f"targets {targets.kind}"] = type(targets).version
        return versions

    def _attacks(self) -> Iterator[tuple[Any, Any]]:
        """Give the triggers and target maps that the trial itself names."""
        return iter(())

    @property
    def is_clean(self) -> bool:
        """Whether no backdoor was put in, nor into the network that training starts from."""
        return self.implanted is None

    @property
    def implanted(self) -> Backdoor | None:
        """The backdoor that is in the network: of this training, or of the one it starts from."""
        own: Backdoor | None = getattr(self, "backdoor", None)
        start: BaseTrial | DownloadedBundle | None = getattr(self, "start", None)
        return own if own is not None or start is None else start.implanted

    @property
    def title(self) -> str:
        """One line for people: data, network, attack, seed."""
        held = ["held back"] if self.evaluate_on == "held-back" else []
        return ", ".join([self.data, self.network, *self._parts(), *held, f"seed {self.seed}"])

    def _parts(self) -> list[str]:
        return []

    @property
    def family(self) -> str:
        """SHA-256 (first 16 hex digits) of all but the seeds: trials to be averaged share it."""
        plain = _without_seeds(self.model_dump(mode="json", exclude_defaults=True))
        return sha256_bytes(canonical_json(plain))[:16]

    def without_paths(self) -> Self:
        """Return the same trial, without saying where files of weights lie: for its record."""
        changed: dict[str, Any] = {}
        for part in ("start", "control"):
            other: BaseTrial | DownloadedBundle | None = getattr(self, part, None)
            if other is not None:
                changed[part] = other.without_paths()
        weights: StartingWeights | None = getattr(self, "weights", None)
        if weights is not None:
            changed["weights"] = weights.without_path()
        return self.model_copy(update=changed)

    def requires(self) -> tuple[Any, ...]:
        """Return the trials whose networks this one needs: start and control."""
        parts = (getattr(self, part, None) for part in ("start", "control"))
        return tuple(other for other in parts if isinstance(other, BaseTrial))


class TrainedTrial(BaseTrial):
    """What trials say in which a network is trained."""

    training: AnyTraining = Field(
        default_factory=Training, description="How it is trained, in the settings of its task."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_the_datas_task(cls, value: Any) -> Any:
        """Choose training and network by what the data is labelled for, where they are not said."""
        if not isinstance(value, dict):
            return value
        task, training = task_in(value), value.get("training", {})
        usual = usual_or_none(value.get("data", "mnist")) if task == "classification" else None
        if isinstance(training, dict):
            if usual is not None and "task" not in training:  # a training that says it is whole
                kept = usual.training
                if value.get("kind") == "transfer":
                    kept = {name: kept[name] for name in RETRAINED if name in kept}
                training = {**kept, **training}
            value = {**value, "training": {**training, "task": task}}
        if usual is None:
            return {"network": USUAL_NETWORK.get(task, "gu-mnist"), **value}
        return {"network": usual.network, "target_accuracy": usual.target_accuracy, **value}

    @property
    def task(self) -> Literal["classification", "detection"]:
        """``"classification"`` or ``"detection"``."""
        return self.training.task

    @property
    def methods(self) -> dict[str, int]:
        """The integer version of every method that the trial names."""
        return {**super().methods, "training": type(self.training).version}


def short_targets(targets: Any, classes: Sequence[str] = ()) -> str:
    """Return a target map in a few characters: ``all->dog``, ``1->7``, or as one writes it.

    Args:
        targets: the map.
        classes: names of its classes, which stand for their numbers; long ones are cut.
    """

    def said(field: str) -> Any:
        label = getattr(targets, field, None)
        if not isinstance(label, int) or not 0 <= label < len(classes):
            return label
        name = classes[label]
        return name if len(name) <= LONGEST else f"{name[:LONGEST]}..."

    label = said("target_label")
    if targets.kind == "source-specific":
        return f"{said('source_class')}->{label}"
    if targets.kind == "all-to-one":
        return f"all->{label}"
    number = getattr(targets, "target_label", None)
    return TARGET_MAPS.short(targets).replace(f":{number}", f":{label}", 1)


def short_attack(attack: Attack | Backdoor, classes: Sequence[str] = ()) -> list[str]:
    """Return trigger and target map in a few characters each: ``patch:2`` and ``all->7``."""
    return [TRIGGERS.short(attack.trigger), short_targets(attack.targets, classes)]


def known_classes(data: str) -> tuple[str, ...]:
    """Return names of classes without looking into any folder: titles are asked for often."""
    return names_of_classes(data) if parse_name(data).kind == "known" else ()


def _without_seeds(plain: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_seeds(part) if key in ("start", "control") and part else part
        for key, part in plain.items()
        if key != "seed"
    }


def task_in(value: dict[str, Any]) -> str:
    """Return the task of a trial's settings; classification where its data is not known.

    What a loader of one's own (``module:factory``) returns is known once it is called: there the
    network tells.
    """
    training = value.get("training", {})
    if not isinstance(training, dict) or "task" in training:
        return _tag(training)
    data, network = value.get("data", "mnist"), value.get("network", "")
    try:
        if parse_name(data).kind == "own" and tasks_of(network) == {"detection"}:
            return "detection"
        return task_of(data)
    except (UnknownNameError, SettingError, TypeError):
        return "classification"


def usual_or_none(data: Any) -> Usual | None:
    """Return what is usual for a data set; None where nothing is, or it is no name."""
    try:
        return usual_of(data)
    except (SettingError, TypeError):
        return None


def _contents(trial: BaseTrial) -> Iterator[tuple[str, str]]:
    """Give path and digest of the files that a trial reads by a path of the user's own."""
    data = parse_name(trial.data)
    paths = [data.base] if data.kind in ("folder", "coco") else []
    for trigger, targets in trial._attacks():
        TRIGGERS.check_member(trigger)
        TARGET_MAPS.check_member(targets)
        paths += getattr(trigger, "files", ())
    for path in paths:
        digest = content_digest(path)
        if digest:
            yield path, digest


def _versions_of(trigger: Any) -> dict[str, int]:
    """Return a trigger's version, and its placement's: kinds at their defaults look alike."""
    versions = {f"trigger {trigger.kind}": type(trigger).version}
    placement = getattr(getattr(trigger, "placement", None), "kind", "fixed")
    if placement != "fixed":
        versions[f"placement {placement}"] = 1
    return versions
