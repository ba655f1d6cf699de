"""What a child of the tests does: some of it what a hostile file might make it do."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from badnets.core.child import Answer, Child, allow
from badnets.core.errors import BundleError


class Work:
    """Does what it is asked to."""

    def __call__(self, request: dict[str, Any], content: bytearray) -> Answer:
        match request["do"]:
            case "echo":
                return request, bytes(content)
            case "pid":
                return {"pid": os.getpid()}, b""
            case "spin":
                re.match("(a+)+$", "a" * 60 + "b")  # Python hears of no signal meanwhile
            case "sleep":
                time.sleep(600)
            case "take":
                return {"bytes": len(bytearray(request["bytes"]))}, b""
            case "allow":
                allow(request["bytes"])
            case "refuse":
                raise BundleError("no \x1b[31m\nmore")
            case "fail":
                raise ZeroDivisionError("a \x1b[31mfault")
            case "abort":
                os.abort()
            case "leave":
                os._exit(7)
            case "print":
                print("not a reply", flush=True)
            case "forge":
                for file in range(3, 12):
                    with suppress(OSError):
                        os.write(file, b"\xff" * 100)
            case "write":
                Path(request["path"]).write_bytes(bytes(10**6))
            case "connect":
                socket.create_connection(("127.0.0.1", request["port"]), timeout=5)
        return {}, b""


def main() -> None:
    """Start a child, print its process id, and let it work without end."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started this may ignore it
    child = Child("tests.core.child_work:Work", memory=2**28)
    reply, _ = child.ask({"do": "pid"}, seconds=60)
    print(reply["pid"], flush=True)
    child.ask({"do": sys.argv[1]}, seconds=60)


if __name__ == "__main__":
    main()
