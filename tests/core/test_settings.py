"""Settings: frozen values, checked and converted once; what is wrong is said in one line."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from badnets.core.errors import SettingError
from badnets.core.settings import Share, in_one_line, mistakes, quoted, settings


@settings
class Inner:
    """Settings of a part."""

    lr: float = Field(default=0.1, gt=0, description="Learning rate.")
    epochs: int = Field(default=3, ge=1)
    flip: bool = False
    shape: tuple[int, ...] = ()
    how: Literal["add", "replace"] = "add"

    def __post_init__(self) -> None:
        if self.epochs == 13:
            raise SettingError("epochs must not be 13")


@settings
class Outer:
    """Settings with a part, and one that must be given."""

    name: str
    inner: Inner = Field(default_factory=Inner)
    share: Share | Literal["every"] = 0.5
    limit: int | None = None


INNER: Any = Inner
OUTER: Any = Outer


class Model(BaseModel):
    outer: Outer
    others: list[Inner] = []


def test_values_are_converted_so_that_one_meaning_has_one_form() -> None:
    one, other = Inner(1, 2), Inner(lr=1.0, epochs=2)
    assert one == other and hash(one) == hash(other) and repr(one) == repr(other)
    adapter = TypeAdapter(Inner)
    assert adapter.dump_json(one) == adapter.dump_json(other)
    assert adapter.dump_json(Inner(lr=1, shape=(2,))).startswith(b'{"lr":1.0,"epochs":3')
    assert Outer("a", Inner(2)).inner.lr == 2.0


def test_they_are_frozen_dataclasses() -> None:
    inner: Any = Inner()
    with pytest.raises(dataclasses.FrozenInstanceError):
        inner.lr = 1
    assert dataclasses.asdict(Outer("a"))["inner"]["epochs"] == 3
    assert [field.name for field in dataclasses.fields(Outer)][:2] == ["name", "inner"]
    assert dataclasses.replace(Inner(), lr=2) == Inner(2.0)
    with pytest.raises(SettingError, match=r"^Inner: lr must be > 0, got -1$"):
        dataclasses.replace(Inner(), lr=-1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: INNER(-1), "Inner: lr must be > 0, got -1"),
        (lambda: INNER(epochs=0, lr="x"), "Inner: lr must be a number, got 'x'; epochs must be "),
        (lambda: INNER(epochs=2.5), "Inner: epochs must be a whole number, got 2.5"),
        (lambda: INNER(epochs=True), "Inner: epochs must not be true or false, got true"),
        (lambda: INNER(float("nan")), "Inner: lr must be a finite number, got nan"),
        (lambda: INNER(float("inf")), "Inner: lr must be a finite number, got inf"),
        (lambda: INNER(flip=3), "Inner: flip must be true or false, got 3"),
        (lambda: INNER(shape=(1, "x")), "Inner: shape.1 must be a whole number, got 'x'"),
        (lambda: INNER(shape=4), "Inner: shape must be a list, got 4"),
        (lambda: INNER(how="ad"), "Inner: how must be 'add' or 'replace', got 'ad'"),
        (lambda: INNER(epochs=13), "Inner: epochs must not be 13"),
        (lambda: INNER(epoch=1), "Inner: epoch: unknown field 'epoch': did you mean 'epochs'? kn"),
        (lambda: INNER(1, lr=2), "Inner takes lr, epochs, flip, shape, how: lr is given twice"),
        (lambda: INNER(1, 2, False, (), "add", 6), "Inner takes lr, epochs, flip, shape, how: 6"),
        (lambda: OUTER(), "Outer: name is missing"),
        (lambda: OUTER(None), "Outer: name must be text, got nothing"),
        (lambda: OUTER("a", {"lr": 0, "epoch": 1}), "Outer: inner.lr must be > 0, got 0; inner.ep"),
        (lambda: OUTER("a", 3), "Outer: inner must be a mapping"),
        (lambda: OUTER("a", share=2), "Outer: share must be <= 1 or 'every', got 2"),
        (lambda: OUTER("a", limit="x"), "Outer: limit must be a whole number, got 'x'"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        make()
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_inside_a_model_mistakes_keep_their_place() -> None:
    plain = {
        "outer": {"name": "a", "inner": {"lr": -1, "epch": 2}, "share": "all"},
        "others": [{}, {"epochs": 13}, {"shape": [1, "x"]}],
    }
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(plain)
    found = mistakes(caught.value, plain)
    assert [mistake.path for mistake in found] == [
        ("outer", "inner", "lr"),
        ("outer", "inner", "epch"),
        ("outer", "share"),
        ("others", 1),
        ("others", 2, "shape", 1),
    ]
    assert [str(mistake) for mistake in found][2:4] == [
        "outer.share must be a number or 'every', got 'all'",
        "others.1: epochs must not be 13",
    ]
    assert in_one_line(found).count("; ") == 4
    read = Model.model_validate({"outer": {"name": "a", "inner": {"lr": 1}}})
    assert read.outer == Outer("a", Inner(1)) and Model(outer=read.outer).outer is read.outer


def test_ranges_and_descriptions_are_in_the_schema() -> None:
    schema = TypeAdapter(Inner).json_schema()
    assert schema["properties"]["lr"] == {
        "default": 0.1,
        "description": "Learning rate.",
        "exclusiveMinimum": 0,
        "title": "Lr",
        "type": "number",
    }
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        ({"a": 1}, "a mapping"),
        ("x", "'x'"),
        ("x" * 99, "'" + "x" * 56 + "..."),
    ],
)
def test_values_are_quoted_in_the_words_of_yaml(value: Any, words: str) -> None:
    assert quoted(value) == words
