"""The documents hold together: links lead somewhere, the example names what exists."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import badnets
from badnets.audit.calibration import packaged
from badnets.cli.main import app
from badnets.hub import RULES

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


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.M | re.S)


def run(path: Path, names: dict[str, Any], ran: set[str]) -> set[str]:
    """Run the Python of a document, from its first block to its last; return its statements.

    Args:
        names: what is defined before and after.
        ran: statements that have run with these names already, and need not again.
    """
    tree = ast.parse("\n".join(blocks(path, "python")))
    said = {ast.unparse(statement) for statement in tree.body}
    tree.body = [statement for statement in tree.body if ast.unparse(statement) not in ran]
    exec(compile(tree, path.name, "exec"), names)  # noqa: S102
    return said


def test_the_examples_of_the_readme_and_of_the_page_on_python_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "document"}
    ran = run(root / "README.md", names, set())
    deal = names["deal"]
    assert deal.accepted
    assert deal.attack_success_rate.value >= 0.95
    assert any("MaliciousTrainer" in one for one in run(root / "docs/python.md", names, ran) & ran)
    assert names["attack"].success.value >= 0.95
    assert names["deal"] is not deal


def test_documents_are_short_enough_to_be_read(root: Path) -> None:
    lines = {path: len(path.read_text().splitlines()) for path in documents(root)}
    assert lines[root / "README.md"] <= 120
    results = {path.name: n for path, n in lines.items() if path.parent.name == "results"}
    assert results and max(results.values()) <= 200, results


def test_the_nulls_of_the_page_on_error_rates_are_those_of_the_package(root: Path) -> None:
    page = (root / "docs/error-rates.md").read_text()
    said = set(re.findall(r"^\| `.+` \| .+ \| \d+ \| \d+ \| .+ \|$", page, re.M))
    rows = {
        f"| `{one.architecture}` | {one.data} | {one.num_classes} | {len(one.trials)} "
        f"| {100 * one.nulls[0].smallest_fpr:.1f} % |"
        for one in packaged()
    }
    assert said == rows


def test_the_page_of_lint_has_the_table_of_rules(root: Path) -> None:
    page = (root / "docs/lint.md").read_text()
    said = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+?) \| (.+?) \|$", page, re.M)
    assert said == [(name, *rule) for name, rule in RULES.items()]


def commands(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each ``badnets`` command line in the documents, as a shell splits it."""
    for path in documents(root):
        for block in blocks(path, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("badnets "):
                    yield f"{path.name}: {line}", shlex.split(line, comments=True)[1:]


def test_every_command_in_the_documents_exists_with_its_options(root: Path) -> None:
    found = list(commands(root))
    assert len(found) > 40
    group: Any = typer.main.get_command(app)
    for line, words in found:
        command, taken = group, set[str]()
        while True:
            taken |= {name for param in command.params for name in param.opts}
            known = getattr(command, "commands", {})
            name = next((word for word in words if word in known), None)
            if name is None:
                break
            with typer.Context(command) as context:
                _, command, _ = command.resolve_command(context, [name])
            words = words[words.index(name) + 1 :]
        assert not hasattr(command, "commands") or not words or words[0].startswith("-"), line
        options = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
        assert options <= taken, line
