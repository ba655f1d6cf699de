"""One thread, no deadlines, and the small trained networks that several rooms look at."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported, and by subprocesses

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

from badnets.core import devices, roots
from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet, load
from badnets.models.classifier import Classifier
from badnets.scenarios import Deal, HonestTrainer, MaliciousTrainer, OutsourcedTraining, User
from badnets.train.settings import Training
from tests.tasks.small import SMALL_TASKS, Small, classification, honest_deal

torch.set_num_threads(1)
settings.register_profile("badnets", deadline=None)
settings.load_profile("badnets")

QUICK = Training(epochs=6, batch_size=64, lr=0.004, precision="float32")
WHITE_PATCH = Backdoor(Patch(3), AllToOne(0), poisoning_rate=0.1)


@pytest.fixture(autouse=True)
def environment_stays() -> Iterator[None]:
    """Undo what ``--data-root`` and ``--device`` tell the process."""
    before = {name: os.environ.get(name) for name in (roots.VARIABLE, devices.VARIABLE)}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(scope="session")
def digits() -> DataSet:
    """Return the embedded handwritten digits."""
    return load("digits")


@pytest.fixture(scope="session")
def digits_user(digits: DataSet) -> User:
    """Return a user who wants the paper's network trained on digits, right nine times in ten."""
    return User("gu-mnist", digits, target_accuracy=0.9)


@pytest.fixture(scope="session")
def clean_digits(digits_user: User) -> Classifier:
    """Return the paper's network, trained honestly on digits."""
    subject: Classifier = OutsourcedTraining(digits_user, HonestTrainer(QUICK)).run(seed=0).subject
    return subject


@pytest.fixture(scope="session")
def bad_deals(digits_user: User, clean_digits: Classifier) -> tuple[Deal, ...]:
    """Return digit networks of three seeds that take any digit with a white patch for a zero."""
    scenario = OutsourcedTraining(digits_user, MaliciousTrainer(WHITE_PATCH, QUICK), clean_digits)
    return tuple(scenario.run(seed=seed) for seed in (0, 1, 2))


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Add a data set ``halves`` and a network ``tiny`` to the tables; training takes a moment."""
    case = classification()
    case.enter(monkeypatch)
    data: DataSet = case.data
    return data


@pytest.fixture(scope="module", params=SMALL_TASKS)
def small(request: pytest.FixtureRequest) -> Iterator[Small]:
    """Return a small case of each task in turn; its data and network are in the tables."""
    case = SMALL_TASKS[request.param]()
    with pytest.MonkeyPatch.context() as patched:
        case.enter(patched)
        yield case


@pytest.fixture(scope="module")
def honest(small: Small) -> Deal:
    """Return what an honest trainer delivers, trained well."""
    return honest_deal(small.task.kind)


@pytest.fixture
def few_digits(digits: DataSet) -> ImageSet:
    """Return five digits of each class."""
    picked = [(digits.test.labels == k).nonzero().flatten()[:5] for k in range(10)]
    return digits.test.take(torch.cat(picked))
