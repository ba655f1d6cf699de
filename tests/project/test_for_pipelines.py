"""What runs in the pipelines of others: the GitHub Action's own commands, and the hook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from badnets.hub.linting.formats import WEIGHTS
from tests.hub.linting.model_folders import safetensors
from tests.models.onnx_toys import linear

BASH, PRE_COMMIT = shutil.which("bash"), Path(sys.executable).with_name("pre-commit")
HEALTHY, OTHER = "models/good.safetensors", "models/my loader.py"


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """Return a checkout with models, and beside it this badnets as a command."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "badnets"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m badnets "$@"\n')
    command.chmod(0o755)
    checkout = tmp_path / "checkout"
    (checkout / "models").mkdir(parents=True)
    (checkout / HEALTHY).write_bytes(safetensors())
    (checkout / OTHER).write_text("import os")
    return checkout


def environment(root: Path, folder: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(folder.parent / "bin"), str(Path(sys.executable).parent)])
    known = {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(root / "src")}
    return {**os.environ, **known, "RUNNER_TEMP": str(folder.parent), **more}


def action(root: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((root / "action.yml").read_text(encoding="utf-8"))
    return read


def step(root: Path, folder: Path, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the very commands of a step as a runner does, with these inputs."""
    described = action(root)
    given = {key: str(one.get("default", "")) for key, one in described["inputs"].items()}
    given |= {key.replace("_", "-"): value for key, value in inputs.items()}
    (own,) = (one for one in described["runs"]["steps"] if one["name"] == name)
    said = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
        for key, value in own["env"].items()
    }
    assert not any("${{" in value for value in said.values())
    assert "${{" not in own["run"], "inputs come by the environment: text of theirs is never run"
    (folder.parent / "step.sh").write_text(own["run"])
    argv = [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", str(folder.parent / "step.sh")]
    return subprocess.run(
        argv,
        cwd=folder,
        env=environment(root, folder, **said),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_has_the_shape_of_one(root: Path) -> None:
    described = action(root)
    assert {"name", "description", "inputs", "runs"} <= described.keys()
    assert described["runs"]["using"] == "composite"
    for one in described["inputs"].values():
        assert one["description"] and one.keys() <= {"description", "default", "required"}
        assert ("default" in one) != one.get("required", False)
        assert isinstance(one.get("default", ""), str), "inputs are text"
    for one in described["runs"]["steps"]:
        assert one["shell"] == "bash" and one.keys() <= {"name", "if", "shell", "env", "run"}
    named = set(re.findall(r"inputs\.([\w-]+)", (root / "action.yml").read_text()))
    assert named == described["inputs"].keys()
    page = (root / "docs/ci.md").read_text()
    assert all(f"| `{name}` |" in page for name in named), "docs/ci.md says what each is"


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1)])
def test_the_actions_lint(root: Path, folder: Path, fail_on: str, code: int) -> None:
    ended = step(root, folder, "Lint", paths=f"{HEALTHY}\n{OTHER}\n", fail_on=fail_on)
    assert ended.returncode == code
    assert "python-code" in ended.stdout and ended.stderr == ""
    log = json.loads((folder.parent / "badnets-sarif" / "lint.sarif").read_text())
    assert any(one["ruleId"] == "badnets/python-code" for one in log["runs"][0]["results"])
    assert log["runs"][0]["invocations"][0]["exitCode"] == code


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_the_actions_audit(root: Path, folder: Path) -> None:
    (folder / "net.onnx").write_bytes(linear().SerializeToString())
    given = {"fail_on_not_checked": "false", "sarif": "logs"}
    ended = step(root, folder, "Audit", audit="net.onnx\n\ngone", **given)
    assert ended.returncode == 2 and "gone" in ended.stderr, "the worst, but for 'not checked'"
    assert "net.onnx: Not checked" in ended.stdout
    (run,) = json.loads((folder / "logs" / "audit-1.sarif").read_text())["runs"]
    assert run["automationDetails"] == {"id": "badnets/audit-model/net.onnx/"}
    assert (folder / "logs" / "audit-1.html").exists()


def test_the_hook_is_for_whatever_holds_weights(root: Path) -> None:
    (hook,) = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    for name in (*(f"a/model{end}" for end in WEIGHTS), "MODEL.PT", "config.json"):
        assert re.search(hook["files"], name), name
    assert not any(re.search(hook["files"], name) for name in ("a.py", "b.md", "a/package.json"))


@pytest.mark.skipif(not PRE_COMMIT.exists(), reason="pre-commit is not installed")
def test_the_hook_runs_in_a_repository(root: Path, folder: Path) -> None:
    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        own = environment(root, folder, PRE_COMMIT_HOME=str(folder.parent / "cache"))
        return subprocess.run(
            argv, cwd=folder, env=own, capture_output=True, text=True, check=False
        )

    manifest = root / ".pre-commit-hooks.yaml"
    assert run(str(PRE_COMMIT), "validate-manifest", str(manifest)).returncode == 0
    (hook,) = yaml.safe_load(manifest.read_text())
    local = {"repo": "local", "hooks": [{**hook, "language": "system"}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [local]}))
    (folder / "models" / "bad.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    run("git", "init", "-q")
    run("git", "add", ".")
    ended = run(str(PRE_COMMIT), "run", "--all-files")
    assert ended.returncode == 1 and "models/bad.pt" in ended.stdout
    assert "pickle-code" in ended.stdout and "good.safetensors" in ended.stdout
    (folder / "models" / "bad.pt").unlink()
    run("git", "add", ".")
    assert run(str(PRE_COMMIT), "run", "--all-files").returncode == 0
