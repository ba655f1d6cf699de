"""Every kind of payload is named, and none is run: a marker file and an audit hook prove it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from badnets.bundles.folder import manifest_of
from badnets.core.errors import BadnetsError
from badnets.hub.attacks.payloads import payloads, pickled, reduced, text
from badnets.hub.beside import statements_of
from badnets.hub.checking import verify
from badnets.hub.inspecting import inspect
from badnets.hub.names import ModelName
from badnets.hub.policy import Policy
from badnets.models.downloads import import_weights
from badnets.models.io import load
from badnets.models.pickle_child import read_pickle
from tests.hub.linting.watched import NEVER
from tests.hub.said import key_of
from tests.hub.zoo import files_of, statements

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


class Watch:
    """Notes what Python is asked to do, while it is on; it can never be taken away again."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on and event in NEVER:
            self.seen.append(event)

    def run(self, *calls: Callable[[], object]) -> list[str]:
        """Run what must be refused, and again under watch; return what it was refused with."""
        self.seen = []
        said = []
        for call in calls:
            for self.on in (False, True):  # what is imported late is there the second time
                try:
                    with pytest.raises(BadnetsError) as caught:
                        call()
                finally:
                    self.on = False
            said.append(str(caught.value))
        return said


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


KEY, POLICY = key_of("alice").public, Policy(unaudited="allow")


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_run_by_import_load_verify_or_inspect(
    made: Path, tmp_path: Path, watch: Watch, kind: str
) -> None:
    """As a file, and as weights that their true author has signed."""
    name, data, _ = payloads(tmp_path / "ran")[kind]
    file = tmp_path / "given" / name
    file.parent.mkdir()
    file.write_bytes(data)
    net = shutil.copytree(made, tmp_path / "net")
    (net / "model.safetensors").write_bytes(data)
    (net / "manifest.json").write_bytes(manifest_of(net).to_json())
    said = statements(ModelName.of("alice/net@1"), files_of(net), auditor=None)
    beside = statements_of(net)
    beside.mkdir()
    for statement, content in said.items():
        (beside / statement).write_bytes(content)
    calls: dict[str, Callable[[], object]] = {
        "verify": lambda: verify(net, author=KEY, policy=POLICY, home=tmp_path / "home"),
        "inspect": lambda: inspect(net),
        "load": lambda: load(net),
        "load as a file": lambda: load(file),
        "import": lambda: read_pickle(file, 2**20),
    }
    refused = watch.run(*calls.values())
    assert watch.seen == [] and not (tmp_path / "ran").exists()
    assert refused[0].startswith("refused (file type)")
    assert not any("\n" in line for line in refused)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_none_is_run_by_the_process_that_import_reads_in(tmp_path: Path) -> None:
    for kind, (name, data, _) in payloads(tmp_path / "ran").items():
        file = tmp_path / kind / name
        file.parent.mkdir()
        file.write_bytes(data)
        with pytest.raises(BadnetsError):
            import_weights(file, "torchvision.resnet18", tmp_path / kind / "net")
        assert not (tmp_path / "ran").exists() and len(list(file.parent.iterdir())) == 1, kind
