"""Connecting to a Ray cluster, or starting one on this machine, and hushing what Ray says."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from badnets.core.errors import SettingError
from badnets.core.extras import named_extras

VARIABLE = "RAY_ADDRESS"
_RUNNING = Path("/tmp/ray/ray_current_cluster")  # where `ray start` says its address
_PATIENCE_S = 5.0
_TRIES = 2  # on a machine that is busy Ray's processes may come up too late for one another
# what opens a conversation of HTTP/2, as Ray's servers lead it: a preface, and a frame of settings
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SETTINGS_FRAME = 4


@contextmanager
def connected(address: str, *, cpus: int) -> Iterator[str]:
    """Yield which cluster this process is a driver of; a connection made before is used and kept.

    Args:
        address: ``"auto"``: a cluster that runs (``$RAY_ADDRESS``, or one that was started on this
            machine by `ray start`), else one that is started here and ends with the block; or
            ``HOST:PORT`` of a cluster that this machine belongs to.
        cpus: trials at a time on a cluster that is started here.

    Raises:
        SettingError: no cluster answers there, or it refuses this process.
        MissingExtraError: Ray is not installed.
    """
    known = sys.modules.get("ray")
    if known is not None and known.is_initialized():
        yield f"the Ray cluster at {_check_connection(address)}"
        return
    where = _resolved(address)
    with named_extras():
        import ray
    _hush()
    is_ours = where == "local"
    for tries_left in range(_TRIES if is_ours else 1)[::-1]:
        try:
            with _own_handler():
                _connect(where, cpus=cpus if is_ours else None)
            break
        except Exception as error:  # noqa: BLE001  Ray raises plain ones too
            ray.shutdown()
            if not tries_left:
                raise SettingError(_why(error, address, is_ours=is_ours)) from None
    try:
        here = ray.get_runtime_context().gcs_address
        yield "a Ray cluster started on this machine" if is_ours else f"the Ray cluster at {here}"
    finally:
        ray.shutdown()


def _connect(where: str, *, cpus: int | None) -> None:
    import ray

    ray.init(
        where,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        num_cpus=cpus,
        include_dashboard=None if cpus is None else False,
    )


def _resolved(address: str) -> str:
    """Return what to give to `ray.init`, once somebody answers there; Ray itself waits minutes."""
    if address == "local":
        return address
    if address == "auto":
        if named := os.environ.get(VARIABLE):
            return named if named == "auto" else _resolved(named)
        running = _RUNNING.read_text().strip() if _RUNNING.is_file() else ""
        return "auto" if _answers(*_host_and_port(running)) else "local"
    if "://" in address:
        raise SettingError(
            f"the Ray address {address!r} is one for clients outside of the cluster, which is not "
            "supported: run this on a machine of the cluster, with --ray auto"
        )
    host, port = _host_and_port(address)
    if not port:
        raise SettingError(f"a Ray address is 'auto' or HOST:PORT, got {address!r}")
    if not _answers(host, port):
        raise SettingError(
            f"no Ray cluster answers at {address}: start one there by `ray start --head`, or let "
            "--ray auto find or start one here"
        )
    return address


def _host_and_port(address: str) -> tuple[str, int]:
    """Return both; port 0 where there is none."""
    host, _, port = address.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and int(port) < 2**16
    return (host.strip("[]"), int(port)) if host and is_port else ("", 0)


def _answers(host: str, port: int) -> bool:
    """Return whether a server that could be Ray's answers."""
    if not port:
        return False
    try:
        with socket.create_connection((host, port), _PATIENCE_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return True
            connection.sendall(_PREFACE)
            head = connection.recv(9)
    except OSError:
        return False
    return len(head) > 3 and head[3] == _SETTINGS_FRAME


def _check_connection(address: str) -> str:
    import ray

    here: str = ray.get_runtime_context().gcs_address
    if address not in {"auto", "local", here}:
        raise SettingError(
            f"this process is connected to the Ray cluster at {here} already, and {address} was "
            "asked for: call ray.shutdown() first"
        )
    return here


def _hush() -> None:
    """Keep what Ray says of itself off stdout and stderr; its own files have it all."""
    import ray._private.worker as driver

    # deaths of processes and nodes are printed on stdout whatever `log_to_driver` says
    driver.print_to_stdstream = _say_nothing


def _say_nothing(*_: object, **__: object) -> None:
    pass


@contextmanager
def _own_handler() -> Iterator[None]:
    """Give SIGTERM its handler back, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _why(error: Exception, address: str, *, is_ours: bool) -> str:
    """Return in one line why Ray does not let this process in."""
    text = str(error.__cause__ or error).strip()
    if "Traceback" in text:
        text = text.splitlines()[-1]
    said = " ".join(text.split())[:400]
    if is_ours:
        return f"a Ray cluster cannot be started on this machine: {said}"
    if type(error).__name__ == "AuthenticationError" or "uthenticat" in said:
        return (
            f"the Ray cluster at {address} wants a token: put that of its head node in "
            "~/.ray/auth_token and set RAY_AUTH_MODE=token"
        )
    return f"the Ray cluster at {address} cannot be joined: {said}"
