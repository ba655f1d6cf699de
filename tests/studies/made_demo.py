"""Records of the demo, made up: of three chapters, each by its own maker."""

from __future__ import annotations

import numpy as np

from badnets.trials.record import Record
from badnets.trials.trial import Trial
from tests.studies.made_digits import DigitMaker
from tests.studies.made_pictures import DogMaker
from tests.studies.made_records import Maker
from tests.studies.made_signs import SignMaker

KINDS: dict[str, type[Maker]] = {
    "digits": DigitMaker,
    "scenes-small": SignMaker,
    "pets-small": DogMaker,
}


class DemoMaker(Maker):
    """Networks that read digits, detectors of signs, networks of cats and dogs."""

    def record(self, trial: Trial) -> Record:
        maker = KINDS[trial.data](self.shelf, self.collapsed)
        if isinstance(maker, DigitMaker):
            maker.counts = (50,) * 10
        return maker.record(trial)

    def measured(self, trial: Trial, random: np.random.Generator) -> dict[str, object]:
        raise NotImplementedError("its chapters have makers of their own")
