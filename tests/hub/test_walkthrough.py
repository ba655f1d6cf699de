"""docs/hub.md, line by line: what it says is refused is refused for that, all else succeeds."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from badnets.bundles.digests import sha256_file
from badnets.cli.main import main
from badnets.core.verdicts import Verdict

PAGE = Path(__file__).parents[2] / "docs/hub.md"
SERVER = "python -m http.server 8000"
BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```", re.M | re.S)
SLOW = ("badnets train", "badnets audit")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder as the document says, at another port; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, *SERVER.split()[1:-1], str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "--directory", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1000):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def lines(page: Path) -> Iterator[tuple[str, str]]:
    """Give each line of the document's commands, with what its comment says."""
    for kind, block in BLOCK.findall(page.read_text()):
        if kind == "yaml":
            yield f"cat > policy.yaml <<'END'\n{block}END\n", ""
            continue
        for line in block.replace("\\\n", " ").splitlines():
            command, _, comment = line.partition("  # ")
            yield command.strip(), comment.strip()


def walk(page: Path, made: Path | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the document in this folder; a bundle that is given stands in for training and audit."""
    here, refusals = Path.cwd(), []
    if made is not None:
        shutil.copytree(made, "net")
        said = Verdict(conclusion="nothing found", p_value=0.5, max_fpr=0.05, smallest_fpr=0.02)
        Path("verdict.json").write_text(said.model_dump_json())
    with serving(here / "repo") as address:
        for line, comment in lines(page):
            line = line.replace("127.0.0.1:8000", address)
            if line.startswith(SERVER.partition(" ")[0]) or (made and line.startswith(SLOW)):
                continue
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                monkeypatch.setenv(name, value.replace("$PWD", str(here)))
            elif line.startswith("badnets "):
                reason = comment if comment.startswith("refused (") else ""
                code, said_on = ended(shlex.split(line)[1:])
                assert code == (1 if reason else 0), (line, said_on)
                assert reason in said_on, (line, said_on)
                refusals += [reason] if reason else []
            else:
                subprocess.run(["sh", "-c", line], check=True)
    return refusals


def ended(argv: list[str]) -> tuple[int, str]:
    """Return how a command ended, and what it said of errors."""
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        return main(argv), said.getvalue()


REASONS = [
    "not trusted",
    "length",
    "digest",
    "signature",
    "audit missing",
    "yanked",
    "signature",
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_walk_through_can_be_followed(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    refusals = walk(PAGE, None if real else made, monkeypatch)
    assert refusals == [f"refused ({reason})" for reason in REASONS]
    for name in ("theirs", "other", "newest", "late", "strict", "inside"):
        assert sha256_file(tmp_path / name / "model.safetensors") == sha256_file(
            tmp_path / "net/model.safetensors"
        )
        assert (tmp_path / f"{name}.statements/receipt.json").exists()
    assert not (tmp_path / "yanked").exists()
