"""A process of its own for work on files that others made, under limits: harm ends with it.

Requests and replies are JSON and raw bytes over pipes; nothing is pickled. The process writes no
files, takes no more memory and time than it is given, and ends with its owner, however that ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any

from badnets.core import errors
from badnets.core.errors import BadnetsError, TrialError

Answer = tuple[dict[str, Any], bytes | memoryview]
Handler = Callable[[dict[str, Any], bytearray], Answer]

START_S = 60.0  # to load libraries: code of ours, on a machine that may be busy
_MAIN = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given.pop('path'); "
    "from badnets.core.child import main; main(**given)"
)
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_SIZES = struct.Struct("<IQ")  # before each message: bytes of its JSON, bytes that follow
_MOST_JSON = 2**24
_MOST_WRITTEN = 2**16  # bytes of a file: what libraries say on stderr
_EXCERPT = 500  # characters of what a process says
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # Linux's CLONE_NEWUSER, CLONE_NEWNET


class ChildError(TrialError):
    """Work was stopped at a limit, or the process that did it has ended."""


class Child:
    """A process that answers requests, one after another, until it is closed or dropped.

    Args:
        handler: ``"module:name"`` of what is called there without arguments once; what it returns
            is called with each request and the bytes beside it, and returns the reply and bytes.
            Its `BadnetsError` is raised here.
        memory: bytes of address space it may take beyond its loaded libraries; see `allow`.
        threads: how many of its threads may work at a time: processor time is limited by it.
    """

    def __init__(self, handler: str, *, memory: int, threads: int = 1) -> None:
        self._lock = threading.Lock()
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by `_end`
        theirs, ours = os.pipe()  # nothing is written to it: it closes with its owner
        posix = sys.platform != "win32"
        given = {
            "path": sys.path,
            "handler": handler,
            "memory": memory,
            "threads": threads,
            "owner": theirs if posix else None,
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _MAIN, json.dumps(given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                pipesize=2**20,
                pass_fds=(theirs,) if posix else (),
                start_new_session=posix,  # Ctrl-C goes to the owner alone
                env=os.environ | _ENVIRONMENT,
            )
        finally:
            os.close(theirs)
        self.close = weakref.finalize(self, _end, self._process, self._said, ours, os.getpid())
        self._ready = False

    def ask(
        self,
        request: dict[str, Any],
        content: bytes | memoryview = b"",
        *,
        seconds: float,
        most: int = 0,
    ) -> tuple[dict[str, Any], bytearray]:
        """Return the reply and the bytes beside it; whatever is raised, the process is ended.

        Args:
            request: as JSON has it.
            content: bytes beside it.
            seconds: it is stopped after.
            most: bytes beside the reply, at most.

        Raises:
            ChildError: it was stopped, took too much memory, or ended in another way.
            BadnetsError: what its handler raised.
            ModuleNotFoundError: a library that it needs is not there.
        """
        with self._lock:
            try:
                if not self._ready:
                    self._exchange(None, b"", START_S, 0)
                    self._ready = True
                return self._exchange(request | {"seconds": seconds}, content, seconds, most)
            except BadnetsError as error:
                if isinstance(error, ChildError):
                    self.close()
                raise
            except BaseException:  # an interruption too: what it is at is of no use any more
                self.close()
                raise

    def _exchange(
        self, request: dict[str, Any] | None, content: bytes | memoryview, seconds: float, most: int
    ) -> tuple[dict[str, Any], bytearray]:
        if not self.close.alive:
            raise ChildError("its process was stopped before: load it again")
        process, late = self._process, threading.Event()
        assert process.stdin is not None and process.stdout is not None

        def stop() -> None:  # holds no `Child`: its thread may outlive one
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            if request is not None:
                send(process.stdin.fileno(), request, content)
            reply, beside = receive(process.stdout.fileno(), most)
        except (OSError, EOFError):
            ending = "" if late.is_set() else self._ending()
            raise ChildError(ending or f"it takes longer than {seconds:.0f} s") from None
        except ValueError:
            raise ChildError("its process gave no sound answer") from None
        finally:
            timer.cancel()
        _raise(reply)
        return reply, beside

    def _ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        code = self._process.poll()
        if code is None:
            return "its process gave no sound answer"
        if sys.platform != "win32" and code == -signal.SIGXCPU:
            return "it takes too much processor time"
        self._said.seek(0)
        said = [excerpt(line) for line in self._said.read().decode(errors="replace").splitlines()]
        last = f": {said[-1]}" if said else ""
        how = f"exit code {code}" if code >= 0 else _signal_name(-code)
        return f"its process ended with {how}{last}"


def excerpt(text: str) -> str:
    """Return text of others on one line, cut, without what would steer a terminal."""
    plain = "".join(one if one.isprintable() else " " for one in text[: 4 * _EXCERPT])
    return " ".join(plain.split())[:_EXCERPT]


def allow(more: int) -> None:
    """Let this process take more memory than it was given, in bytes; called in a `Child`."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_AS, (soft + more, hard))


def send(file: int, message: dict[str, Any], content: bytes | memoryview = b"") -> None:
    """Write a message to a pipe.

    Raises:
        OSError: nobody reads it any more.
    """
    text = json.dumps(message).encode()
    for part in (_SIZES.pack(len(text), len(content)) + text, content):
        left = memoryview(part)
        while left:
            left = left[os.write(file, left) :]


def receive(file: int, most: int | None = None) -> tuple[dict[str, Any], bytearray]:
    """Return the next message of a pipe, with at most ``most`` bytes beside it (None: any).

    Raises:
        EOFError: it has closed.
        ValueError: what came is no message, or too long.
    """
    text_size, size = _SIZES.unpack(_bytes(file, _SIZES.size))
    if text_size > _MOST_JSON or (most is not None and size > most):
        raise ValueError(f"a message of {text_size} + {size} bytes")
    try:
        message = json.loads(_bytes(file, text_size))
    except RecursionError:
        raise ValueError("a message with too many levels") from None
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")
    return message, _bytes(file, size)


def main(handler: str, memory: int, threads: int, owner: int | None) -> None:
    """Answer requests over stdin and stdout until they end: the body of a `Child`."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no reply
    _end_with(owner)
    _leave_the_network()
    try:
        made: Handler = resolve_name(handler)()
    except ModuleNotFoundError as error:
        send(answers, {"missing": error.name, "text": str(error)})
        return
    _limit_memory(memory)
    send(answers, {})
    while True:
        try:
            request, content = receive(0)
        except EOFError:
            return
        _limit_time(request.pop("seconds") * threads)
        reply: Answer
        try:
            reply = made(request, content)
        except BadnetsError as error:
            reply = {"error": type(error).__name__, "text": str(error)}, b""
        except MemoryError:
            reply = {"error": ChildError.__name__, "text": "it takes too much memory"}, b""
        send(answers, *reply)


def _bytes(file: int, count: int) -> bytearray:
    found = bytearray(count)
    left = memoryview(found)
    while left:
        read = os.readv(file, [left]) if hasattr(os, "readv") else _copied(file, left)
        if not read:
            raise EOFError
        left = left[read:]
    return found


def _copied(file: int, into: memoryview) -> int:
    part = os.read(file, len(into))
    into[: len(part)] = part
    return len(part)


def _raise(reply: dict[str, Any]) -> None:
    """Raise the error that a reply tells of."""
    text = excerpt(str(reply.get("text", "")))
    if "missing" in reply:
        raise ModuleNotFoundError(text, name=excerpt(str(reply["missing"])))
    if "error" in reply:
        found = getattr(errors, str(reply["error"]), ChildError)
        known = isinstance(found, type) and issubclass(found, BadnetsError)
        raise (found if known else ChildError)(text)


def _end(process: subprocess.Popen[bytes], said: IO[bytes], ours: int, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the owner, whose process this is not
        return
    process.kill()
    process.wait()
    files: Sequence[IO[bytes] | None] = (process.stdin, process.stdout, said)
    for file in files:
        if file is not None:
            file.close()
    os.close(ours)


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


def _end_with(owner: int | None) -> None:
    """End this process once the pipe of its owner closes, at whatever it is then.

    A signal does it, of which Python need not be told: a library may keep it for minutes.
    """
    if owner is None or sys.platform == "win32":
        return
    import fcntl

    with suppress(OSError, AttributeError):
        fcntl.fcntl(owner, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(owner, fcntl.F_GETFL)
        fcntl.fcntl(owner, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
        if os.read(owner, 1) == b"":  # it has ended already
            os._exit(1)


def _leave_the_network() -> None:
    """Cut this process off from every network, where Linux lets it."""
    if sys.platform != "linux":
        return
    # root keeps its user: another would lose its right to read others' files
    flags = _NEW_NETWORK | (_NEW_USER if os.geteuid() else 0)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).unshare(flags)


def _limit_memory(memory: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    taken = 0
    with suppress(OSError):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_AS, taken + memory),
        (resource.RLIMIT_FSIZE, _MOST_WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):  # a lower limit is there, or the system has none
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _limit_time(seconds: float) -> None:
    if sys.platform == "win32":
        return
    import resource

    most = int(time.process_time() + seconds) + 2
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
