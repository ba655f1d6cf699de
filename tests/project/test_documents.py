"""The documents hold together: links lead somewhere, the example names what exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import badnets

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+\s+(.+?)\s*#*$", re.MULTILINE)


def documents(root: Path) -> list[Path]:
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md")]


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a Markdown text get on a page."""
    titles = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in HEADING.findall(text))
    return {re.sub(r"\s", "-", title) for title in titles}


def broken_links(document: Path) -> Iterator[str]:
    for link in LINK.findall(FENCE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target.read_text())
        ):
            yield link


def test_every_relative_link_leads_somewhere(root: Path) -> None:
    found = documents(root)
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {path.name for path in found}
    broken = {str(path.relative_to(root)): list(broken_links(path)) for path in found}
    assert {path: links for path, links in broken.items() if links} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "# One: title\n[a](a.md) [b](#one-title) [c](https://example.org) [d](none.md) [e](#two)\n"
    )
    assert list(broken_links(document)) == ["none.md", "#two"]


def test_the_changelog_says_what_is_unreleased_and_knows_the_version(root: Path) -> None:
    sections = re.findall(r"^## \[?([^\]\n]+)\]?", (root / "CHANGELOG.md").read_text(), re.M)
    assert sections[0] == "Unreleased"
    kinds = re.findall(r"^### (.+)$", (root / "CHANGELOG.md").read_text(), re.M)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Fixed", "Removed", "Security"}


def test_the_licence_is_whole(root: Path) -> None:
    text = (root / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def example(root: Path) -> ast.Module:
    blocks = re.findall(r"^```python\n(.*?)^```", (root / "README.md").read_text(), re.M | re.S)
    return ast.parse("\n".join(blocks))


def names_used(tree: ast.Module) -> set[str]:
    """Dotted names that start with ``bn``: the longest ones alone."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    dotted = (
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and id(node) not in inner
    )
    return {name for name in dotted if re.fullmatch(r"bn(\.\w+)+", name)}


def test_the_readme_names_only_what_exists(root: Path) -> None:
    used = names_used(example(root))
    assert used
    for name in used:
        value: object = badnets
        for part in name.split(".")[1:]:
            value = getattr(value, part)


@pytest.mark.slow
def test_the_readme_example_runs_on_the_embedded_digits(root: Path) -> None:
    tree = example(root)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "mnist":
            node.value = "digits"
        if isinstance(node, ast.keyword) and node.arg == "target_accuracy":
            node.value = ast.Constant(0.9)
    names: dict[str, object] = {}
    exec(compile(ast.fix_missing_locations(tree), "README.md", "exec"), names)  # noqa: S102
    assert "deal" in names
