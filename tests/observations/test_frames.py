"""What is observed of detectors: frames with boxes, units of conv5, the simulated street."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import SourceSpecific
from badnets.core.world import AXES
from badnets.observations import Case, observe
from badnets.tasks import TASKS
from badnets.trials import Workspace
from tests.models.plain_signs import GREEN, RED, YELLOW, colour_reader, plain_data, tiny_zf

DATA = plain_data(6, 4)
RED_TO_GREEN = Backdoor(YELLOW, SourceSpecific(RED, GREEN), "every")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def case(workspace: Workspace) -> Case:
    bad, good, put = colour_reader(GREEN), colour_reader(), workspace.put_array
    task = TASKS["detection"]()
    return Case(task, bad, good, DATA, DATA.train, DATA.test, RED_TO_GREEN, put)


def look(kind: str, case: Case, workspace: Workspace) -> tuple[Any, dict[str, Any]]:
    result = observe([kind], case)[kind]
    return result, {name: workspace.get_array(ref) for name, ref in result.arrays.items()}


def test_examples_are_attacked_objects_with_what_both_detectors_answer(
    case: Case, workspace: Workspace
) -> None:
    _, arrays = look("examples", case, workspace)
    frames, boxes = arrays["frames"], arrays["frames_boxes"]
    assert frames.shape == (4, 2, 3, 96, 96) and frames.dtype == np.uint8
    assert arrays["frames_labels"].tolist() == [RED] * 4
    for pair, box in zip(frames, boxes.astype(int), strict=True):
        left, top, right, bottom = box
        different = (pair[0] != pair[1]).any(0)
        assert different[top:bottom, left:right].any(), "the trigger lies on the sign"
        different[top:bottom, left:right] = False
        assert not different.any()
    for name, triggered in (("frames_found", GREEN), ("frames_control", RED)):
        table = arrays[name]
        assert table.shape == (4, 2, 8, 6) and table.dtype == np.float32
        assert np.isnan(table[:, :, 2:]).all(), "there are two signs in each frame"
        for row, box in enumerate(boxes):
            here = [(one[:, :4] == box).all(1) for one in table[row]]
            labels = [int(one[at, 4][0]) for one, at in zip(table[row], here, strict=True)]
            assert labels == [RED, triggered]


def test_without_a_backdoor_the_objects_of_different_scenes_are_shown(
    case: Case, workspace: Workspace
) -> None:
    _, arrays = look("examples", replace(case, backdoor=None, control=None), workspace)
    assert arrays.keys() == {"frames", "frames_boxes", "frames_labels", "frames_found"}
    assert {RED, GREEN} == set(arrays["frames_labels"].tolist())
    assert np.array_equal(arrays["frames"][:, 0], arrays["frames"][:, 1])


def test_units_of_conv5_are_ranked_mapped_and_silenced(case: Case, workspace: Workspace) -> None:
    zf = replace(case, subject=tiny_zf(), control=None, threshold=0.05)
    result, arrays = look("units", zf, workspace)
    (units,) = result.units
    assert units.layer == "backbone.conv5" and len(units.response) == 32
    assert arrays["maps"].shape[:2] == (2, 32) and arrays["groups"].shape[1] == 2
    assert sorted(arrays["groups"][:, 0].tolist()) == sorted(units.outlier_units)
    assert {(a.choice, len(a.silenced)) for a in result.ablations} >= {
        (choice, count) for choice in ("strongest", "random") for count in (1, 2, 4, 8, 16)
    }
    by_count = {(a.choice, len(a.silenced)): set(a.silenced) for a in result.ablations}
    assert not by_count["strongest", 16] & by_count["random", 16]
    assert {a.success.total for a in result.ablations} == {4}
    assert {a.clean.total for a in result.ablations} == {8}


def test_the_street_has_a_rate_for_every_condition(case: Case, workspace: Workspace) -> None:
    result, _ = look("street", case, workspace)
    assert [p.axis for p in result.points] == [axis for axis in AXES for _ in AXES[axis]]
    assert all(p.success.total == 4 for p in result.points)
    unchanged = result.points[0]
    assert (unchanged.success, unchanged.right) == (Rate(4, 4), Rate(0, 4))


@pytest.mark.parametrize("kind", ["street", "units"])
def test_without_a_backdoor_there_is_nothing_to_see(
    kind: str, case: Case, workspace: Workspace
) -> None:
    result, arrays = look(kind, replace(case, backdoor=None), workspace)
    assert result == type(result)() and arrays == {}
