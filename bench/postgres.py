"""A PostgreSQL server of one's own: on the loopback interface, its files in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

USER, PASSWORD = "badnets", "right"
_UNPRIVILEGED = ("postgres", "nobody")  # the server refuses to be run by root
_SETTINGS = ("max_connections=40", "shared_buffers=16MB", "listen_addresses=127.0.0.1")


class PostgresServer:
    """A server with a superuser `USER`, whose password is `PASSWORD`.

    Args:
        programs: the folder of its programs.
        durable: whether it waits for the disk as one in use does; tests need not.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        self._programs = programs
        self._settings = _SETTINGS if durable else (*_SETTINGS, "fsync=off")
        self._folder = Path(tempfile.mkdtemp(prefix="badnets-pg-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = next(filter(None, map(_account, _UNPRIVILEGED)))
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._numbers = count()
        password = self._folder / "password"
        password.write_text(PASSWORD)
        asked = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}")
        self._run("initdb", "--no-sync", "--locale=C", "--encoding=UTF8", *asked, self._data)
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [part for one in (*self._settings, f"port={self.port}") for part in ("-c", one)]
        program = str(self._programs / "postgres")
        command = [program, "-D", self._data, "-k", str(self._folder), *settings]
        with (self._folder / "log").open("a") as log:
            self._server = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, **self._as
            )
        give_up = time.monotonic() + 30
        while not self._answers():
            assert self._server.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < give_up, "the server does not answer"
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it at once: connections are cut; SIGQUIT lets it recover when it starts again."""
        self._server.send_signal(how)
        self._server.wait(30)

    def remove(self) -> None:
        """Stop it and remove its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    def new(self) -> str:
        """Make room for a ledger and return its URL: a schema, as a database takes 7 MB."""
        name = f"ledger{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url()}?options=-csearch_path%3D{name}"

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, url: str | None = None) -> None:
        """Run statements in a database, each in a transaction of its own."""
        import psycopg

        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _answers(self) -> bool:
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self._folder, **self._as
        )
        assert done.returncode == 0, done.stderr


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def programs() -> Path | None:
    """Return the folder of the newest server that is installed; None where none is."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    on_path = shutil.which("initdb")
    places = [*reversed(found), *([Path(on_path).parent] if on_path else [])]
    return next((place for place in places if (place / "postgres").exists()), None)
