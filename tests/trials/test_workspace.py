"""The folder that runs write to."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from badnets.bundles.digests import sha256_bytes
from badnets.core.errors import LedgerError, OutputError
from badnets.observations.base import ArrayRef
from badnets.trials import OutsourcedTrial, Workspace

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.mark.parametrize(
    "array",
    [
        NUMBERS,
        NUMBERS.T,
        NUMBERS[:, ::2],
        np.array([[255]], dtype=np.uint8),
        np.array(3.5),
        np.zeros((0, 2)),
    ],
    ids=["rows", "transposed", "strided", "bytes", "scalar", "empty"],
)
def test_an_array_comes_back_as_it_was(workspace: Workspace, array: NDArray[np.generic]) -> None:
    ref = workspace.put_array(array)
    assert ref.shape == array.shape and ref.dtype == str(array.dtype)
    again = workspace.get_array(ref)
    assert again.shape == array.shape and again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


def test_the_same_array_is_kept_once(workspace: Workspace) -> None:
    first = workspace.put_array(NUMBERS)
    assert workspace.put_array(NUMBERS.copy()) == first
    assert workspace.put_array(np.asfortranarray(NUMBERS)) == first
    assert workspace.put_array(NUMBERS.astype(np.float64)) != first
    assert len(list(workspace.arrays.iterdir())) == 2


def test_a_damaged_array_is_noticed_and_made_good_by_running_again(workspace: Workspace) -> None:
    ref = workspace.put_array(NUMBERS)
    file = workspace.arrays / f"{ref.sha256}.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(LedgerError, match="has changed since it was written; run the trial again"):
        workspace.get_array(ref)
    assert workspace.put_array(NUMBERS) == ref
    np.testing.assert_array_equal(workspace.get_array(ref), NUMBERS)


def test_a_missing_array_is_said_to_be_missing(workspace: Workspace) -> None:
    ref = workspace.put_array(NUMBERS)
    (workspace.arrays / f"{ref.sha256}.npy").unlink()
    with pytest.raises(LedgerError, match="is missing; run the trial again"):
        workspace.get_array(ref)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": (3, 2)}, r"is float32 \(2, 3\), its record says float32 \(3, 2\)"),
        ({"dtype": "uint8"}, r"is float32 \(2, 3\), its record says uint8"),
    ],
)
def test_an_array_is_what_its_reference_says(
    workspace: Workspace, change: dict[str, object], said: str
) -> None:
    ref = workspace.put_array(NUMBERS)
    with pytest.raises(LedgerError, match=said):
        workspace.get_array(ref.model_copy(update=change))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"text", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_a_file_of_the_right_digest_that_is_no_array(workspace: Workspace, content: bytes) -> None:
    ref = ArrayRef(sha256=sha256_bytes(content), shape=(1,), dtype="uint8")
    workspace.prepare()
    (workspace.arrays / f"{ref.sha256}.npy").write_bytes(content)
    with pytest.raises(LedgerError, match="is no NumPy array"):
        workspace.get_array(ref)


def test_a_reference_leads_nowhere_else_and_a_pipe_is_not_waited_for(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="sha256"):
        ArrayRef(sha256="../../ledger", shape=(1,), dtype="uint8")
    ref = ArrayRef(sha256="0" * 64, shape=(1,), dtype="uint8")
    workspace.prepare()
    os.mkfifo(workspace.arrays / f"{ref.sha256}.npy")
    with pytest.raises(LedgerError, match="not a regular file"):
        workspace.get_array(ref)


def test_preparing_makes_the_folders_and_clears_what_dead_processes_left(
    workspace: Workspace,
) -> None:
    workspace.prepare()
    kept = workspace.put_array(NUMBERS)
    assert workspace.bundles.is_dir()
    # a process id that no process has, on this host
    from badnets.bundles.atomic import _host

    left = workspace.arrays / f".x.npy.9999999-{_host()}-00000000.partial"
    left.write_bytes(b"half")
    workspace.prepare()
    assert not left.exists() and workspace.get_array(kept) is not None


def test_a_file_in_the_way_is_one_clear_error(workspace: Workspace) -> None:
    workspace.root.write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        workspace.prepare()
    with pytest.raises(OutputError, match="cannot write"):
        workspace.put_array(NUMBERS)


def test_bundles_are_found_by_the_name_of_the_trial(workspace: Workspace) -> None:
    trial = OutsourcedTrial(seed=1)
    assert workspace.bundle(trial) == workspace.bundles / trial.name
    assert not workspace.bundle(trial).exists()
    assert workspace.ledger_file.parent == workspace.root
