"""The lock is exact and hashed, serves what pyproject.toml asks for, and is what is installed."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="module")
def lock(root: Path) -> list[str]:
    """One string per requirement: its name, version, marker and hashes."""
    text = (root / "requirements.lock").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def locked(lock: list[str]) -> list[Requirement]:
    return [Requirement(line.split("--hash")[0].strip()) for line in lock]


def declared(project: dict[str, Any]) -> dict[str, SpecifierSet]:
    extras: dict[str, list[str]] = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    parsed = [Requirement(line) for line in lines]
    return {
        canonicalize_name(requirement.name): requirement.specifier
        for requirement in parsed
        if requirement.name != project["name"]
    }


def version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    return specifier.version


def test_every_line_has_one_exact_version_and_hashes(lock: list[str]) -> None:
    for line in lock:
        name, *hashes = re.split(r"\s+(?=--hash)", line.strip())
        assert re.fullmatch(r"[a-z0-9._-]+==[^\s*;,]+( ; .+)?", name), name
        assert hashes, f"no hash: {name}"
        assert all(HASH.fullmatch(each) for each in hashes), name


def test_the_lock_names_no_address_and_no_index(root: Path) -> None:
    text = (root / "requirements.lock").read_text()
    assert "://" not in text
    assert " @ " not in text
    assert not re.search(r"^\s*-", text.replace("    --hash", ""), re.MULTILINE), "an option"


def test_the_lock_serves_every_declared_dependency(
    project: dict[str, Any], locked: list[Requirement]
) -> None:
    for name, specifier in declared(project).items():
        versions = [version(entry) for entry in locked if canonicalize_name(entry.name) == name]
        assert versions, f"{name} is declared and not locked: run `make lock`"
        for each in versions:
            assert each in specifier, f"{name} {each} is outside {specifier}: run `make lock`"


def test_the_constraints_are_honoured(root: Path, locked: list[Requirement]) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    constraints = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for constraint in constraints:
        versions = [version(entry) for entry in locked if entry.name == constraint.name]
        assert versions
        assert all(each in constraint.specifier for each in versions)


@pytest.mark.parametrize(("name", "older"), [("torch", "2.11.0"), ("torchvision", "0.26.0")])
def test_the_ranges_admit_the_pair_before(project: dict[str, Any], name: str, older: str) -> None:
    assert older in declared(project)[name]


def test_what_is_locked_is_what_is_installed(locked: list[Requirement]) -> None:
    wrong = []
    for entry in locked:
        if entry.marker is not None and not entry.marker.evaluate():
            continue
        installed = importlib.metadata.version(entry.name)
        if installed.split("+")[0] != version(entry):
            wrong.append(f"{entry.name} {installed}, locked {version(entry)}")
    assert not wrong, f"run `make setup`: {'; '.join(wrong)}"
