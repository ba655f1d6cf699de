"""YAML read with distrust: plain values alone, each with its line, and no bombs."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.errors import RecipeError
from badnets.recipes.yaml_lines import MAX_BYTES, MAX_DEPTH, named, parse_yaml, read_yaml

# PyYAML writes "0E0" without quotes: to it that is text, to recipes it is a number
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12).filter(
    lambda text: not NUMBER.fullmatch(text)
)
SCALARS = st.none() | st.booleans() | st.integers(1 - 2**63, 2**63 - 1) | TEXT
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    if value is None:
        return  # an empty document
    assert parse_yaml(yaml.safe_dump(value, allow_unicode=True), "x")[0] == value


@given(st.text(max_size=200) | st.text("{}[]&*!:,-?|>'\"# \n\tab01e.<", max_size=60))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        parse_yaml(text, "x")
    except RecipeError as error:
        assert str(error).startswith("x, line ") or str(error) == "x is empty"


@given(data=st.binary(max_size=100))
def test_any_file_is_read_or_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "recipe.yaml"
    path.write_bytes(data)
    try:
        read_yaml(path)
    except RecipeError as error:
        assert str(path) in str(error)


def test_every_value_knows_its_line() -> None:
    text = "a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\ne: >\n  long\n  text\nf: null\n"
    value, lines = parse_yaml(text, "x")
    assert value == {"a": 1, "b": ["x", {"c": 2, "d": 3}], "e": "long text\n", "f": None}
    found = {named(path): line for path, line in lines.lines.items()}
    assert found == {
        "": 1, "a": 1, "b": 2, "b[0]": 3, "b[1]": 4, "b[1].c": 4, "b[1].d": 5, "e": 6, "f": 9,
    }  # fmt: skip
    assert lines.line(("b", 1, "no", "such")) == 4, "the nearest thing around it"


@pytest.mark.parametrize(
    ("text", "value"),
    [("4e-3", 0.004), ("1E6", 1e6), ("-2e+1", -20.0), ("1e", "1e"), ("'4e-3'", "4e-3")],
)
def test_numbers_with_an_exponent_are_numbers(text: str, value: object) -> None:
    assert parse_yaml(f"x: {text}", "x")[0] == {"x": value}


def test_dates_are_text() -> None:
    assert parse_yaml("x: 2017-08-22", "x")[0] == {"x": "2017-08-22"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a: given twice, first in line 1"),
        ("a:\n  b: 1\n  b: 1", 3, "a.b: given twice, first in line 2"),
        ("a: [1, 2\n", 2, "not valid YAML"),
        ("a: 1\n b: 2", 2, "not valid YAML"),
        ("a: *b", 1, "undefined alias"),
        ("a: 1\n--- \nb: 2", 2, "single document"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "is not allowed"),
        ("a: !mine 3", 1, "!mine is not allowed"),
        ("a: !!binary aGk=", 1, "is not allowed"),
        ("a: !!set {b}", 1, "is not allowed"),
        ("a: 1\n2: b", 2, "a field needs a name, got '2'"),
        ("? [a]\n: b", 1, "a field needs a name"),
        ("<<: {a: 1}", 1, "a field needs a name, got '<<'"),
        ("a: 1\nb: .nan", 2, "b: must be a finite number"),
        ("a: 1\nb: 1e999", 2, "b: must be a finite number"),
        (f"a: 1\nb: {'9' * 2000}", 2, "b: must be below 2 to the power of 63"),
        ('a: ["x\\0y"]', 1, "a[0]: must not hold the character NUL"),
        ('a: {"x\\0y": 1}', 1, "a: must not hold the character NUL"),
        ("a: \x07", 1, "special characters"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(RecipeError, match=rf"^x, line {line}: ") as refused:
        parse_yaml(text, "x")
    assert said in str(refused.value)


def test_aliases_are_allowed_and_counted_where_they_are_used() -> None:
    assert parse_yaml("a: &t {b: 1}\nc: *t", "x")[0] == {"a": {"b": 1}, "c": {"b": 1}}
    laughs = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(RecipeError, match="aliases counted"):
        parse_yaml("\n".join(laughs), "x")


@pytest.mark.parametrize(
    "text", ["a: [" + "b," * 500_000, "- 1\n" * 250_000, "{" + "a: 1, " * 90_000]
)
def test_long_lists_are_refused_at_once(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(RecipeError, match="more than 20000 values"):
        parse_yaml(text, "x")
    assert time.process_time() - begun < 0.5, "16 s when all of it was read first"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(RecipeError, match="is a pipe"):
        read_yaml(tmp_path / "pipe.yaml")


@pytest.mark.parametrize(("name", "said"), [("a\0b", "NUL"), ("a" * 300, "too long")])
def test_paths_that_cannot_be_are_one_line(name: str, said: str) -> None:
    with pytest.raises(RecipeError, match=f"cannot be read: .*{said}"):
        read_yaml(Path(name))


def test_a_value_that_holds_itself_is_refused() -> None:
    with pytest.raises(RecipeError, match="nested deeper"):
        parse_yaml("a: &a [*a]", "x")


def test_deep_nesting_is_refused_without_a_crash() -> None:
    assert parse_yaml("[" * 20 + "]" * 20, "x")
    for depth in (MAX_DEPTH + 2, 100_000):
        with pytest.raises(RecipeError, match="nested deeper"):
            parse_yaml("[" * depth, "x")


def test_files_that_cannot_be_recipes_are_refused(tmp_path: Path) -> None:
    large, binary = tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    binary.write_bytes(b"a: 1\nb: \xff\n")
    for path, said in (
        (tmp_path / "none.yaml", "there is no recipe"),
        (tmp_path, "is a folder"),
        (large, "larger than"),
        (binary, "line 2: not UTF-8"),
    ):
        with pytest.raises(RecipeError, match=said):
            read_yaml(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path)[0] == {"a": 1}
