"""Transfer learning: a user retrains part of a downloaded network on clean data, and uses it."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.settings import settings
from badnets.scenarios.downloads import FromDownload

if TYPE_CHECKING:
    from torch import nn

    from badnets.evaluate.classification import Attack
    from badnets.models.detector import Detector
    from badnets.scenarios.outsourced import Deal
    from badnets.scenarios.user import User
    from badnets.train.checkpoint import Checkpoint

FEW = 3  # units that are strengthened where none stands out


@settings
class Strengthening:
    """What the attacker does to the backdoor's units before publishing a detector.

    References:
        Gu, Liu, Dolan-Gavitt, Garg, IEEE Access 7, 2019, section on transfer learning: the input
        weights of the three groups of conv5 times k, k from 1 to 100.
    """

    factor: float = Field(
        default=1.0, ge=1, le=1000, description="Input weights of the units are multiplied by it."
    )
    layer: str = Field(
        default="backbone.conv5", description="The convolution whose units they are."
    )
    units: int = Field(
        default=0,
        ge=0,
        description="How many of those that answer most to the trigger; 0: all that stand out, or "
        "the first three where none does.",
    )


@dataclass(frozen=True, eq=False)
class TransferLearning(FromDownload):
    """A user downloads a network, retrains part of it on clean data, and accepts it or not.

    Args:
        user: who downloads; the user's data is clean, its classes may be others.
        downloaded: the network, backdoored or clean, or the folder of its bundle.
        training: how the user trains what is not frozen; None: as is usual for the task.
        freeze: what stays as downloaded: a word of the task (``"all-but-head"``; of detectors
            ``"backbone"``), ``"none"``, or names of layers, each with all inside it; None: as is
            usual for the task, the first of these.
        share: of the user's training set that is used, in (0, 1].
        attack: what the attacker hid in the network, for the one who knows; None: nothing is
            measured. Of a detector the trigger alone counts: whatever is answered instead.
        control: a clean network, retrained in the same way, asked about the same examples.
        strengthening: what the attacker did to a detector before publishing it.
        probes: the attacker's own frames, on which the backdoor's units are found.

    Raises:
        SettingError: share is outside its range, or freeze names nothing.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, threat model: transfer learning.
    """

    user: User
    downloaded: Any
    training: Any = None
    freeze: str | tuple[str, ...] | None = None
    share: float = 1.0
    attack: Attack | None = None
    control: Any = None
    strengthening: Strengthening | None = None
    probes: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.freeze is not None and not self.freeze:
            raise SettingError("freeze must name at least one layer: for none, give 'none'")

    def run(
        self,
        seed: int = 0,
        *,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Deal:
        """Return how it ended.

        Args:
            seed: everything random follows from it.
            progress: told every few steps of training and of measuring.
            checkpoint: of a detector: kept after every epoch, and taken up again if there is one.

        Raises:
            SettingError: network, data and what is frozen do not fit together, or there are no
                probes to find units on.
            UnknownNameError: there is no such layer to freeze.
            TrialError: training diverged.
        """
        from badnets.scenarios.outsourced import Deal
        from badnets.scenarios.trainers import Delivery
        from badnets.tasks import Attacked

        user, task = self.user, self.user.task
        training = self.training or task.retraining
        published, units = self._published(seed)
        train = task.share(user.order.train, self.share, seed)
        started = time.perf_counter()
        first = task.retrainable(published, train, training, seed=seed)
        fresh = train.classes != self.downloaded.classes
        frozen = task.frozen(
            first, task.freeze if self.freeze is None else self.freeze, fresh=fresh
        )
        fitted = task.fit(
            first,
            task.rows(train),
            training,
            seed=seed,
            frozen=frozen,
            progress=progress,
            checkpoint=checkpoint,
        )
        spent = time.perf_counter() - started
        judgement = user.judge(fitted.subject, progress=progress)
        attacked = Attacked()
        if self.attack is not None:
            attacked = task.measure_survival(
                fitted.subject,
                user.validation,
                self.attack,
                judgement.measured,
                downloaded=self.downloaded,
                retrained_on=len(train),
                trained=_trained(first.network, frozen),
                control=self.control,
                seed=seed,
                progress=progress,
            )
        delivery = Delivery(fitted.subject, fitted.epochs, fitted.precision, spent)
        return Deal(
            judgement.decision, judgement.reason, judgement.measured, delivery, attacked, units
        )

    def _published(self, seed: int) -> tuple[Any, tuple[int, ...]]:
        """Return the network as it is published, and the units that were strengthened."""
        from badnets.explain.units import backdoor_units
        from badnets.explain.windows import sign_windows

        wanted = self.strengthening
        if wanted is None:
            return self.downloaded, ()
        if self.probes is None or self.attack is None:
            raise SettingError("finding the backdoor's units needs the attacker's own frames")
        windows = sign_windows(
            self.probes, self.attack.trigger, side=self.downloaded.input.height, seed=seed
        )
        response = backdoor_units(self.downloaded, windows, wanted.layer)
        standing_out = response.outlier_units or response.ranked[:FEW]
        units = response.ranked[: wanted.units] if wanted.units else standing_out
        return strengthened(self.downloaded, wanted.layer, units, wanted.factor), units


def strengthened(detector: Detector, layer: str, units: tuple[int, ...], factor: float) -> Detector:
    """Return a copy whose units get ``factor`` times what comes in; their biases stay.

    Where a batch normalisation follows, it counts as part of the layer, as it is once folded in:
    the unit's answer goes from ``a + b`` to ``factor * a + b``.

    Raises:
        UnknownNameError: the backbone has no such convolution.
    """
    import torch
    from torch import nn

    detector.units(layer)  # refuses a name that is not there
    changed = detector.copy()
    modules: dict[str, nn.Module] = dict(changed.network.named_modules())
    names = list(modules)
    norm = modules[names[names.index(layer) + 1]]
    chosen = torch.tensor(list(units), dtype=torch.long)
    with torch.no_grad():
        if isinstance(norm, nn.BatchNorm2d):
            mean, spread = norm.running_mean, norm.running_var
            if mean is None or spread is None:
                raise SettingError(f"layer {layer!r} is followed by a normalisation without means")
            gain = norm.weight / torch.sqrt(spread + norm.eps)
            norm.bias[chosen] += (factor - 1) * (gain * mean)[chosen]
            norm.weight[chosen] *= factor
        else:
            conv = modules[layer]
            if isinstance(conv, nn.Conv2d):
                conv.weight[chosen] *= factor
    return changed


def _trained(network: nn.Module, frozen: Collection[str]) -> Rate:
    sizes = {name: value.numel() for name, value in network.named_parameters()}
    kept = sum(size for name, size in sizes.items() if name in frozen)
    total = sum(sizes.values())
    return Rate(total - kept, total)
