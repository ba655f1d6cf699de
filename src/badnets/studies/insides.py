"""Drawings of what is inside a classifier: filters, activations, units silenced step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from badnets.report.charts import filters, paired_units
from badnets.report.curves import Line, lines
from badnets.report.page import Tone
from badnets.studies import reading
from badnets.studies.aggregate import Runs

if TYPE_CHECKING:
    from badnets.explain.ablation import Ablation
    from badnets.explain.units import LayerUnits
    from badnets.trials.record import Record

MOST_UNITS = 32  # drawn per layer: those that answer most


class Inside:
    """A network that was looked into.

    Args:
        runs: reads its arrays.
        record: the network's.
        name: of its trigger, or ``"clean"``; the figures are called ``filters-NAME``,
            ``units-NAME-LAYER`` and ``silenced-NAME-LAYER``.
    """

    def __init__(self, runs: Runs, record: Record, name: str) -> None:
        self.record, self.name = record, name
        self.layers = reading.units(record)
        self.weights = runs.array(record, "filters")
        self.silenced = list(dict.fromkeys(one.layer for one in reading.ablations(record)))

    def outliers(self, layer: LayerUnits) -> tuple[int, ...]:
        """Return the units of a layer that stand out, the one that answers most first."""
        return layer.outlier_units

    def shown(self, layer: LayerUnits) -> list[int]:
        """Return the units of a layer that are drawn, the one that answers most first."""
        ranked = sorted(range(len(layer.clean)), key=lambda unit: -layer.response[unit])
        return ranked[:MOST_UNITS]

    def steps(self, layer: str, choice: str = "") -> list[Ablation]:
        """Return what silencing units of a layer did, the fewest first."""
        own = (one for one in reading.ablations(self.record) if one.layer == layer)
        kept = (one for one in own if choice in ("", one.choice))
        return sorted(kept, key=lambda one: (len(one.silenced), one.choice))

    def least(self, layer: str) -> Ablation:
        """Return the silencing of the strongest units that leaves least of the attack."""
        strongest = self.steps(layer, "strongest")
        return min(strongest, key=lambda one: (one.success.value, -one.clean.value))

    @property
    def without_outliers(self) -> Ablation | None:
        """What silencing just the first layer's outliers did; None where that was not tried."""
        if not self.layers or not self.outliers(self.layers[0]) or self.record.attack is None:
            return None
        count, first = len(self.outliers(self.layers[0])), self.layers[0].layer
        found = (one for one in self.steps(first, "strongest") if len(one.silenced) == count)
        return next(found, None)

    def figures(self) -> dict[str, str | None]:
        """Return the drawings by name."""
        name, drawn = f"filters-{self.name}", dict[str, str | None]()
        drawn[name] = None
        if self.weights is not None:
            outliers = self.outliers(self.layers[0]) if self.layers else ()
            weights = np.asarray(self.weights, dtype=np.float64)
            answers = self.layers[0].response if self.layers else ()
            drawn[name] = filters(weights, answers=answers, marked=outliers, salt=name)
        for layer in self.layers:
            shown, name = self.shown(layer), f"units-{self.name}-{layer.layer}"
            drawn[name] = paired_units(
                [layer.clean[unit] for unit in shown],
                [layer.triggered[unit] for unit in shown],
                [str(unit) for unit in shown],
                marked=[unit in self.outliers(layer) for unit in shown],
                salt=name,
            )
        for silenced in self.silenced:
            name = f"silenced-{self.name}-{silenced}"
            drawn[name] = self._silencing(silenced, name)
        return drawn

    def _silencing(self, layer: str, salt: str) -> str:
        counts = sorted({len(one.silenced) for one in self.steps(layer)})
        whole = reading.rate(self.record, "success")
        drawn: list[Line] = []
        kinds: tuple[tuple[str, Tone], ...] = (("ASR", "backdoored"), ("accuracy", "clean"))
        for what, tone in kinds:
            for choice in ("strongest", "random"):
                own = self.steps(layer, choice)
                untouched = whole if what == "ASR" else self.record.clean.accuracy
                rates = [untouched, *(one.success if what == "ASR" else one.clean for one in own)]
                y = [float("nan") if rate is None else 100 * rate.value for rate in rates]
                x = [0, *(counts.index(len(one.silenced)) + 1 for one in own)]
                drawn.append(Line(f"{what}, {choice}", x, y, tone, dashed=choice == "random"))
        names = ["0", *map(str, counts)]
        return lines(
            drawn, x_title="units silenced", y_title="%", salt=salt, x_ticks=range(len(names)),
            x_names=names, y_range=(-3.0, 103.0), width=330.0, height=250.0,
        )  # fmt: skip
