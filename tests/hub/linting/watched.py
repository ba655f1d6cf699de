"""Lints a folder twice and says what Python was asked to do the second time.

Run as ``python -m tests.hub.linting.watched FOLDER CONTROL``; prints JSON. The control is a
pickle that is really loaded in the end, to show that the watch sees it.
"""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251  for the control alone
import sys
from pathlib import Path
from typing import Any

from badnets.hub import lint

NEVER = ("exec", "pickle.find_class", "os.system", "subprocess.Popen", "os.posix_spawn", "os.exec",
         "os.fork", "socket.__new__", "ctypes.dlopen", "marshal.loads", "compile")  # fmt: skip


def main(folder: str, control: str) -> None:
    seen: list[str] = []
    watching = False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        wrote = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in NEVER or wrote:
            seen.append(event)

    lint(folder)  # whatever is imported late is there then
    sys.addaudithook(watch)
    watching = True
    report = lint(folder)
    while_linting = list(seen)
    pickle.loads(Path(control).read_bytes())  # noqa: S301  it makes a file
    watching = False
    print(json.dumps([report.model_dump(mode="json"), while_linting, seen]))


if __name__ == "__main__":
    main(*sys.argv[1:])
