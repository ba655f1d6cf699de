"""Every kind of payload is named, and none is run: a marker file and an audit hook prove it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.hub.linting.payloads import payloads, pickled, reduced, text

KINDS = payloads(Path("marker"))


class Watched(NamedTuple):
    """What linting all payloads said and did."""

    findings: dict[str, list[dict[str, str]]]
    events: list[str]
    events_of_control: list[str]
    markers: tuple[bool, bool]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("payloads")
    marker, control = folder.parent / "ran", folder.parent / "control"
    for kind, (name, data, _) in payloads(marker).items():
        (folder / kind).mkdir()
        (folder / kind / name).write_bytes(data)
    made = folder.parent / "made"
    (folder.parent / "control.pkl").write_bytes(
        pickled(reduced("os", "system", text(f"touch {made}")))
    )
    command = [sys.executable, "-m", "tests.hub.linting.watched", str(folder), f"{control}.pkl"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report, events, control_events = json.loads(done.stdout)
    found: dict[str, list[dict[str, str]]] = {kind: [] for kind in KINDS}
    for one in report["findings"]:
        inside = Path(one["path"]).relative_to(folder).parts
        if inside and one["severity"] == "error":
            found[inside[0]].append(one)
    return Watched(found, events, control_events, (marker.exists(), made.exists()))


def test_none_was_run(watched: Watched) -> None:
    ran, control_ran = watched.markers
    assert not ran and watched.events == []
    assert control_ran and {"pickle.find_class", "os.system"} <= set(watched.events_of_control)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_named(watched: Watched, kind: str) -> None:
    said = [f"{one['rule']} {one['evidence']}" for one in watched.findings[kind]]
    assert any(KINDS[kind][2] in one for one in said), said
