"""Trials on a real Ray cluster of this machine: as in the pool, whatever happens to its workers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from badnets.core import devices
from badnets.core.errors import SettingError, TrialError
from badnets.ledger import Ledger
from badnets.runners import Silent, on_ray, run_all
from badnets.runners.on_ray import RayCluster
from badnets.runners.ray_connection import connected
from badnets.train.settings import Training
from badnets.trials.record import Record
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial
from tests.runners.fakes import run_fake
from tests.runners.ray_fakes import (
    DIES,
    DIES_ONCE,
    DIVERGES,
    FAULTY,
    run_roughly,
)
from tests.runners.test_in_process import Notes

pytestmark = pytest.mark.timeout(600)  # processes that load torch: long where others work too


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Keep this process connected to a cluster of two cores for all tests."""
    from ray.cluster_utils import Cluster

    lean = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    head: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **lean})
    try:
        with connected(head.address, cpus=2) as which:
            yield which
    finally:
        head.shutdown()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    with Ledger.open(workspace.ledger_file) as opened:
        yield opened


def test_what_becomes_of_trials_and_workers(
    cluster: str,
    workspace: Workspace,
    ledger: Ledger,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(on_ray, "DEATHS", 2)
    assert cluster.startswith("the Ray cluster at ")
    caplog.set_level(logging.INFO, "badnets")
    base, diverges, dies, dies_once = (clean_trial(seed) for seed in (0, DIVERGES, DIES, DIES_ONCE))
    faulty, needy = attacked_trial(FAULTY, control=base), attacked_trial(7, control=dies)
    good = [base, dies_once, *(attacked_trial(seed, control=base) for seed in (8, 9))]
    notes, here = Notes(), workspace.root
    with pytest.raises(TrialError) as caught:
        run_all(
            [dies, diverges, *good, faulty, needy],
            workspace,
            ledger,
            data_root=here,
            run=run_roughly,
            display=notes,
            ray="auto",
        )
    said = str(caught.value)
    assert said.startswith("4 of 8 trials failed, the others are in the ledger: ")
    assert f"({diverges.name}): training diverged: the loss is not a number" in said
    assert f"({dies.name}): its worker process died 2 times (killed for want of memory?)" in said
    assert f"({faulty.name}): it stopped: KeyError: 'no such\\nkey'" in said
    assert f"({needy.name}): not run: it needs" in said
    records = list(ledger.records())
    assert sorted(record.name for record in records) == sorted(trial.name for trial in good)
    assert {record.reason for record in records} == {f"1 threads, data in {here}"}
    begun = (here / "begun.log").read_text().split()
    assert {name: begun.count(name) for name in (dies.name, dies_once.name, base.name)} == {
        dies.name: 2,
        dies_once.name: 2,
        base.name: 1,
    }
    assert [what for what, name in notes.said if name == dies_once.name] == [
        *("started", "failed", "started", "finished"),
    ]
    logged = [line.getMessage() for line in caplog.records if line.name == "badnets.fakes"]
    assert {f"seed {trial.seed} begins" for trial in good} <= set(logged), "what workers log"
    assert not list(here.glob(".shared*"))
    streams = capfd.readouterr()
    assert "aylet" not in streams.out + streams.err, "Ray speaks of itself"


@pytest.mark.slow  # two more workers start
def test_records_are_those_of_any_other_runner(
    cluster: str, workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "badnets")
    short = Training(epochs=1, batch_size=64, precision="float32")
    base = clean_trial(0).model_copy(update={"training": short})
    attack = attacked_trial(1, control=base).model_copy(update={"training": short})
    found = []
    stored = RayCluster(store=f"file://{tmp_path}/store")
    for place, ray in ((workspace, stored), (Workspace(tmp_path / "here"), None)):
        with Ledger.open(place.ledger_file) as ledger:
            records = run_all([attack], place, ledger, workers=1, ray=ray, display=Silent())
            found.append([lasting(record) for record in ledger.records()])
        assert records.keys() == {attack.name}
    assert len(found[0]) == 2
    assert found[0] == found[1]
    assert not list(workspace.bundles.iterdir())
    assert {path.name for path in (tmp_path / "store/bundles").iterdir()} == {
        base.name,
        attack.name,
    }
    lines = [line.getMessage() for line in caplog.records]
    assert sum("data set digits loaded" in line for line in lines) <= 1, "workers get it passed on"


def lasting(record: Record) -> dict[str, Any]:
    """Return what does not depend on when a trial was run."""
    epochs = [epoch.loss for epoch in record.epochs]
    provenance = record.provenance.model_dump(exclude={"created"})
    rest = record.model_dump(exclude={"timings", "provenance", "epochs"})
    return {**rest, "epochs": epochs, "provenance": provenance}


def test_a_worker_with_other_versions_is_refused(
    cluster: str,
    workspace: Workspace,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "torch-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.0+cpu\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingError, match=r"other versions: torch 2[.\d]+ there, 1.0 here; inst"):
        run_all([clean_trial()], workspace, ledger, run=run_fake, display=Silent(), ray="auto")
    assert not list(ledger.records())


def test_a_folder_that_is_not_shared_is_refused(
    cluster: str, workspace: Workspace, ledger: Ledger, tmp_path: Path
) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)  # a path that leads there in this process alone
    try:
        own = Workspace(Path(f"/proc/self/fd/{handle}/runs"))
        with pytest.raises(SettingError, match=r"is not shared with the node [\d.]+ of the Ray"):
            run_all([clean_trial()], own, ledger, run=run_fake, display=Silent(), ray="auto")
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    ("asked", "device", "said"),
    [
        (RayCluster(gpus_per_trial=0.5), "", "has what a trial asks for: 1 CPU, 0.5 GPU"),
        (RayCluster(memory_gib=1e5), "", "asks for: 1 CPU, 100000 GiB of memory"),
        (RayCluster(), "cuda", "has what a trial asks for: 1 CPU, 0.25 GPU"),
        (RayCluster(), "cuda:1", "on the GPU it is given: not cuda:1, cuda"),
        (RayCluster("127.0.0.1:6379"), "", "this process is connected to the Ray cluster at"),
    ],
)
def test_what_the_cluster_does_not_have_is_said_at_once(
    cluster: str,
    asked: RayCluster,
    device: str,
    said: str,
    workspace: Workspace,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(devices.VARIABLE, device)
    with pytest.raises(SettingError, match=said):
        run_all([clean_trial()], workspace, ledger, run=run_fake, display=Silent(), ray=asked)
