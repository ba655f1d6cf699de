"""A repository with one model, and a home that trusts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.hub.home import Home, TrustedRepository
from badnets.hub.policy import Policy

from .said import key_of
from .zoo import Zoo, bundle


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle."""
    return bundle(tmp_path_factory.mktemp("made") / "model")


@pytest.fixture
def zoo(tmp_path: Path, made: Path) -> Zoo:
    """Return a repository with alice/model@1.0, audited by carol."""
    zoo = Zoo(tmp_path / "zoo").begin()
    zoo.release("alice/model@1.0", made)
    return zoo


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path / "home")


@pytest.fixture
def policy() -> Policy:
    """Return a policy that trusts the auditor carol."""
    return Policy().with_people({}, {"carol": key_of("carol", "auditor").public})


@pytest.fixture
def trusted(zoo: Zoo, home: Home, policy: Policy) -> TrustedRepository:
    """Return the repository, trusted as a plain folder."""
    return home.trust(str(zoo.folder), zoo.root_file.read_bytes(), policy)
