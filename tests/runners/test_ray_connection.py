"""Addresses at which no Ray cluster answers, and Ray that is not installed: one line, at once."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from badnets.cli.main import main
from badnets.core.errors import MissingExtraError, SettingError
from badnets.runners import RayCluster, ray_connection
from badnets.runners.ray_connection import _why, connected
from badnets.runners.ray_store import BundleStore
from badnets.runners.ray_worker import Orders, comparable, objection
from badnets.trials.machine import versions

RECIPE = Path(__file__).parents[2] / "recipes" / "digits-badnet.yaml"


@pytest.fixture
def no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no cluster of this machine found."""
    monkeypatch.delenv(ray_connection.VARIABLE, raising=False)
    monkeypatch.setattr(ray_connection, "_RUNNING", tmp_path / "ray_current_cluster")


@pytest.fixture
def web_server() -> Iterator[str]:
    """Give the address of a server that is not Ray's."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            caller, _ = server.accept()
            with caller:
                caller.recv(100)
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def closed_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("head", "a Ray address is 'auto' or HOST:PORT, got 'head'"),
        ("head:port", "HOST:PORT, got 'head:port'"),
        ("head:99999", "HOST:PORT, got 'head:99999'"),
        (":6379", "HOST:PORT, got ':6379'"),
        ("", "HOST:PORT, got ''"),
        ("ray://head:10001", "is one for clients outside of the cluster, which is not supported"),
        ("no-such-host.invalid:6379", "no Ray cluster answers at no-such-host.invalid:6379: start"),
    ],
)
def test_an_address_that_is_none(address: str, said: str) -> None:
    with pytest.raises(SettingError, match=said), connected(address, cpus=1):
        pass


def test_a_server_that_is_not_ray(web_server: str) -> None:
    with (
        pytest.raises(SettingError, match=f"no Ray cluster answers at {web_server}"),
        connected(web_server, cpus=1),
    ):
        pass


def test_an_address_in_the_environment_counts_for_auto(
    no_cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ray_connection.VARIABLE, f"127.0.0.1:{closed_port()}")
    with pytest.raises(SettingError, match="no Ray cluster answers"), connected("auto", cpus=1):
        pass


def test_a_cluster_that_has_ended_is_not_waited_for(
    no_cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray_connection._RUNNING.write_text(f"127.0.0.1:{closed_port()}")
    assert ray_connection._resolved("auto") == "local"


def test_ray_that_is_not_installed(no_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(MissingExtraError, match=r"needs ray, .*: pip install 'badnets\[ray\]'"),
        connected("auto", cpus=1),
    ):
        pass


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gpus_per_trial": 2}, "gpus_per_trial"),
        ({"gpus_per_trial": -0.5}, "gpus_per_trial"),
        ({"memory_gib": 0}, "memory_gib"),
        ({"store": "bucket/folder"}, "store"),
    ],
)
def test_shares_that_no_trial_can_have(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=f"RayCluster.*{said}"):
        RayCluster(**settings)


def test_builds_for_other_devices_count_as_one_version() -> None:
    found = {"torch": "2.12.1+cu130", "python": "3.12.1", "badnets": "1.0", "numpy": "2.0"}
    assert comparable(found) == {"torch": "2.12.1", "python": "3.12.1", "badnets": "1.0"}
    assert comparable({"python": "3.12.1"}) == {"python": "3.12.1"}


def test_a_machine_objects_in_one_line_that_names_both(tmp_path: Path) -> None:
    token = tmp_path / "token"
    here = comparable(versions())
    orders = Orders("a:b", str(tmp_path), None, None, str(token), here, None, logging.WARNING)
    assert str(objection(orders, "node-1")).startswith(
        f"the workspace {tmp_path} is not shared with the node node-1 of the Ray cluster: "
    )
    token.touch()
    assert objection(orders, "node-1") is None
    store = BundleStore(f"file://{tmp_path}/store")
    with store.token() as shared:
        assert objection(replace(orders, store=store, token=shared), "node-1") is None
    assert objection(replace(orders, store=store, token=shared), "node-1") == (
        f"the node node-1 of the Ray cluster does not see file://{tmp_path}/store"
    )
    other = replace(orders, versions={**here, "badnets": "0.0", "python": "3.0"})
    assert objection(other, "node-1") == (
        "the node node-1 of the Ray cluster has other versions: badnets "
        f"{here['badnets']} there, 0.0 here, python {here['python']} there, 3.0 here; "
        "install the same on all nodes"
    )


@pytest.mark.parametrize("option", ["--gpus-per-trial", "--memory-per-trial", "--store"])
def test_options_for_ray_alone(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(RECIPE), option, "0.5"]) == 2
    assert f"{option} is for trials on Ray: give --ray too" in capfd.readouterr().err


def test_the_command_line_says_it_in_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    address, began = f"127.0.0.1:{closed_port()}", time.monotonic()
    arguments = ["run", str(RECIPE), "--workspace", str(tmp_path), "--ray", address]
    assert main(arguments) == 2
    assert time.monotonic() - began < 30  # it is a moment, unless the machine is busy
    streams = capfd.readouterr()
    assert streams.err.splitlines()[-1].startswith(f"badnets: no Ray cluster answers at {address}")
    assert streams.out == ""


def test_no_traceback_of_rays_is_in_the_line() -> None:
    text = "Failed to start:\nTraceback (most recent call last):\n  File x\nValueError: 404 found"
    said = _why(RuntimeError(text), "10.0.0.1:6379", is_ours=False)
    assert said == "the Ray cluster at 10.0.0.1:6379 cannot be joined: ValueError: 404 found"
