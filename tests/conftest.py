"""One thread, no deadlines, and the small trained networks that several rooms look at.

With xdist, one process hands out the tests and others run them. What is heavy to import is imported
in those alone, and what is slow to train is trained by one of them and read by the others.
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, and by subprocesses

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from badnets.core import devices, roots

if TYPE_CHECKING:
    from badnets.data import DataSet, ImageSet
    from badnets.models.classifier import Classifier
    from badnets.scenarios import Deal, User
    from badnets.train.settings import Training
    from bench.postgres import PostgresServer
    from tests.tasks.small import Small

Once = Callable[[str, Callable[[], Any]], Any]


def pytest_configure(config: pytest.Config) -> None:
    """Have jsonschema do without a checker of URIs that is built for seconds when imported."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def pytest_collectstart() -> None:
    """Set hypothesis before the first test is imported, where tests are run."""
    from hypothesis import settings

    gc.disable()  # what is imported stays: looking through it all again and again takes long
    if settings.get_current_profile_name() != "badnets":
        settings.register_profile("badnets", deadline=None)
        settings.load_profile("badnets")


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later search for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server that is ours alone."""
    from bench.postgres import PostgresServer, programs

    place = programs()
    if place is None:
        reason = "needs a PostgreSQL server: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; CI=true allows no skipping")
        pytest.skip(reason)
    server = PostgresServer(place)
    yield server
    server.remove()


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
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Return a function that makes a thing of a name once for all workers of a run."""
    import torch

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def call(name: str, make: Callable[[], Any]) -> Any:
        path = folder / f"{name}.pt"
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                torch.save(make(), path)  # noqa: TID251  read below alone
        return torch.load(path, weights_only=False)  # noqa: TID251

    return call


@pytest.fixture(scope="session")
def digits() -> DataSet:
    """Return the embedded handwritten digits."""
    from badnets.data import load

    return load("digits")


@pytest.fixture(scope="session")
def digits_user(digits: DataSet) -> User:
    """Return a user who wants the paper's network trained on digits, right nine times in ten."""
    from badnets.scenarios import User

    return User("gu-mnist", digits, target_accuracy=0.9)


@pytest.fixture(scope="session")
def quick() -> Training:
    """Return settings that train the paper's network well enough on digits."""
    from badnets.train.settings import Training

    return Training(epochs=6, batch_size=64, lr=0.004, precision="float32")


@pytest.fixture(scope="session")
def clean_digits(digits_user: User, quick: Training, once: Once) -> Classifier:
    """Return the paper's network, trained honestly on digits."""
    from badnets.scenarios import HonestTrainer, OutsourcedTraining

    scenario = OutsourcedTraining(digits_user, HonestTrainer(quick))
    subject: Classifier = once("clean-digits", lambda: scenario.run(seed=0).subject)
    return subject


@pytest.fixture(scope="session")
def bad_digits(
    digits_user: User, quick: Training, clean_digits: Classifier, once: Once
) -> Callable[[int], Deal]:
    """Return what makes digit networks that take any digit with a white patch for a zero."""
    from badnets.core.backdoor import Backdoor
    from badnets.core.targets import AllToOne
    from badnets.core.triggers import Patch
    from badnets.scenarios import MaliciousTrainer, OutsourcedTraining

    white_patch = Backdoor(Patch(3), AllToOne(0), poisoning_rate=0.1)
    scenario = OutsourcedTraining(digits_user, MaliciousTrainer(white_patch, quick), clean_digits)
    return lambda seed: once(f"bad-digits-{seed}", lambda: scenario.run(seed=seed))


@pytest.fixture(scope="session")
def bad_deal(bad_digits: Callable[[int], Deal]) -> Deal:
    """Return the first of those networks."""
    return bad_digits(0)


@pytest.fixture(scope="session")
def bad_deals(bad_deal: Deal, bad_digits: Callable[[int], Deal]) -> tuple[Deal, ...]:
    """Return those networks of three seeds."""
    return (bad_deal, bad_digits(1), bad_digits(2))


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Add a data set ``halves`` and a network ``tiny`` to the tables; training takes a moment."""
    from tests.tasks.small import classification

    case = classification()
    case.enter(monkeypatch)
    data: DataSet = case.data
    return data


@pytest.fixture(scope="module", params=["classification", "detection"])
def small(request: pytest.FixtureRequest) -> Iterator[Small]:
    """Return a small case of each task in turn; its data and network are in the tables."""
    from tests.tasks.small import SMALL_TASKS

    case = SMALL_TASKS[request.param]()
    with pytest.MonkeyPatch.context() as patched:
        case.enter(patched)
        yield case


@pytest.fixture(scope="module")
def honest(small: Small, once: Once) -> Deal:
    """Return what an honest trainer delivers, trained well."""
    from badnets.scenarios import HonestTrainer, OutsourcedTraining

    scenario = OutsourcedTraining(small.user(), HonestTrainer(small.well))
    deal: Deal = once(f"honest-{small.task.kind}", lambda: scenario.run(seed=0))
    return deal


@pytest.fixture
def few_digits(digits: DataSet) -> ImageSet:
    """Return five digits of each class."""
    import torch

    picked = [(digits.test.labels == k).nonzero().flatten()[:5] for k in range(10)]
    return digits.test.take(torch.cat(picked))
