"""Bundles and arrays that pass through an object store: complete there, and fetched when needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.bundles import verify
from badnets.core.errors import OutputError, SettingError, TrialError
from badnets.runners.ray_store import BundleStore, through
from badnets.runners.worker import as_cohort
from badnets.trials.record import Record
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial
from tests.runners.fakes import run_fake

BASE = clean_trial(0)
ATTACK = attacked_trial(5, control=BASE).model_copy(update={"keep_bundle": True})


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BundleStore:
    return BundleStore(f"{request.param}://{tmp_path}/store")


def test_two_machines_that_share_nothing_else(store: BundleStore, tmp_path: Path) -> None:
    run = through(store, as_cohort(run_fake))
    one, other, third = (Workspace(tmp_path / name) for name in ("one", "other", "third"))
    for place in (one, other, third):
        place.prepare()
    assert not store.has(BASE)
    with pytest.raises(TrialError, match=f"the bundle of {BASE.name} in {store.url}"):
        run([ATTACK], other)
    (first,) = run([BASE], one)
    assert store.has(BASE)
    assert not list(one.arrays.iterdir()), "what has been passed on is not kept twice"
    (second,) = run([ATTACK], other)
    for trial, record in ((BASE, first), (ATTACK, second)):
        store.fetch(trial, third)
        assert isinstance(record, Record)
        assert verify(third.bundle(trial)).digest == record.bundle
    store.fetch(BASE, third)  # is there: nothing to do


def test_a_store_is_laid_out_as_a_workspace(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "scratch")
    place.prepare()
    run = through(BundleStore(f"file://{tmp_path}/store"), as_cohort(run_fake))
    (record,) = run([BASE], place)
    assert isinstance(record, Record)
    copied = Workspace(tmp_path / "store")
    assert verify(copied.bundle(BASE)).digest == record.bundle
    assert len(list(copied.arrays.glob("*.npy"))) == 1


def test_a_token_is_there_for_a_while(store: BundleStore) -> None:
    with store.token() as token:
        assert store.sees(token)
    assert not store.sees(token)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://bucket", "nothing://bucket cannot be opened: Protocol not known: nothing"),
        ("file:///proc/nowhere", "file:///proc/nowhere cannot be written: "),
    ],
)
def test_a_store_that_cannot_be_written(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=said), BundleStore(url).token():
        pass
    place = Workspace(tmp_path)
    place.prepare()
    with pytest.raises((SettingError, OutputError), match=said):
        through(BundleStore(url), as_cohort(run_fake))([BASE], place)
