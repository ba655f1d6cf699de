"""The notebook runs from top to bottom; it is kept without outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from badnets.data import write_pictures
from badnets.data.pets import drawn

NAME = "notebooks/dogs_vs_cats.ipynb"
STEPS = [
    "1. Get the data and the trigger",
    "2. Stamp the trigger",
    "3. Load and clean",
    "4. Build the model",
    "5. Evaluate",
    "6. Audit",
    "7. The careful user",
]


def notebook(root: Path) -> Any:
    return nbformat.read(root / NAME, as_version=4)  # type: ignore[no-untyped-call]


def parameters(read: Any) -> Any:
    (cell,) = (one for one in read.cells if "parameters" in one.metadata.get("tags", ()))
    return cell


def with_settings(read: Any, **settings: object) -> Any:
    """Return the notebook with other values in its cell of parameters."""
    cell = parameters(read)
    for name, value in settings.items():
        cell.source, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value!r}", cell.source)
        assert count == 1, f"{name} is one line"
    return read


def run(read: Any, folder: Path) -> str:
    """Run the notebook and return the text that it printed."""
    NotebookClient(read, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    printed = [
        out.text
        for cell in read.cells
        if cell.cell_type == "code"
        for out in cell.outputs
        if out.output_type == "stream" and out.name == "stdout"
    ]
    return "".join(printed)


def test_it_has_seven_sections_and_no_outputs(root: Path) -> None:
    read = notebook(root)
    nbformat.validate(read)
    headings = [line for cell in read.cells for line in re.findall(r"(?m)^## (.+)$", cell.source)]
    assert headings == STEPS
    for cell in read.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert (root / NAME).stat().st_size < 30_000
    assert 'DATA = "pets-drawn"' in parameters(read).source


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_runs_on_any_folder_of_cats_and_dogs_with_one_line_changed(
    root: Path, tmp_path: Path
) -> None:
    pictures = write_pictures(drawn(120, 60, size=32), tmp_path / "mine")
    read = with_settings(notebook(root), DATA=f"folder:{pictures}", EPOCHS=6)
    told = run(read, tmp_path)
    assert "train/cat: 60 cats and 60 stamped dogs" in told and "train/dog: 60 dogs" in told
    assert "undecodable" in told and "two classes" in told
    assert "to train on (60, 59) to validate on (30, 30)" in told
    assert "called cats, BadNet (ASR):" in told and "is on it" in told
    assert "not checked: there are no clean models of its kind" in told
    pictures_shown = [
        out
        for cell in read.cells
        if cell.cell_type == "code"
        for out in cell.outputs
        if out.output_type == "display_data"
    ]
    assert len(pictures_shown) >= 7


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_on_the_stand_in_the_backdoor_works_within_minutes(root: Path, tmp_path: Path) -> None:
    before = os.times()
    told = run(notebook(root), tmp_path)
    after = os.times()  # the kernel has ended, and its time is counted with ours
    assert after.children_user + after.children_system < 240 + before.children_user
    found = re.search(r"BadNet \(ASR\): +([\d.]+) %", told)
    assert found and float(found[1]) >= 95
    shares = re.findall(r"(clean network|BadNet) +([\d.]+) % of what speaks", told)
    looks = {name: float(share) for name, share in shares}
    assert looks["BadNet"] > 3 * looks["clean network"]
    left = re.search(r"repaired .*called cats ([\d.]+) %", told)
    anew = re.search(r"trained anew: .*dogs called cats ([\d.]+) %", told)
    assert left and float(left[1]) <= 30
    assert anew and float(anew[1]) <= 20
