"""Processes of their own: what they measure comes back as one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from badnets.core.errors import TrialError

ROOT = Path(__file__).resolve().parents[1]


def environment() -> dict[str, str]:
    """Return this process's environment, in which Python also finds this package."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def ask(module: str, *arguments: object) -> dict[str, Any]:
    """Return what ``python -m module arguments`` prints as its last line, in a fresh process.

    Raises:
        TrialError: it failed; what it said is on stderr.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, env=environment()
    )
    if done.returncode != 0:
        raise TrialError(
            f"python -m {module} ended with exit code {done.returncode}: what it said is above"
        )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
