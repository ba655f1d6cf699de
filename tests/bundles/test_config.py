"""Config and claims: what they hold, and that hostile values never get in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from badnets.bundles import Architecture, BundleConfig, ClaimedRate, Claims, InputSpec, MadeBy
from badnets.bundles.claims import now
from badnets.bundles.digests import canonical_json
from badnets.core.errors import BundleError, SettingError

CONFIG = BundleConfig(
    task="classification",
    architecture=Architecture(name="gu-mnist", settings={"width": 16, "dropout": 0.5, "bn": False}),
    input=InputSpec(channels=1, height=28, width=28, mean=(0.1307,), std=(0.3081,)),
    classes=tuple("0123456789"),
)
CLAIMS = Claims(
    made_by=MadeBy(tool="badnets", version="0.1"),
    training={"epochs": 4, "lr": 0.004, "optimiser": "adamw", "ema": None},
    data={"train": "0" * 64},
    clean_accuracy=ClaimedRate(hits=9949, total=10_000, data="mnist test"),
    created="2017-08-22T12:00:00Z",
    notes="first line\nsecond line",
)


def changed(value: Any, field: str, new: object) -> dict[str, Any]:
    """Return ``value`` as a dict in which the field at the dotted path has a new value."""
    values: dict[str, Any] = value.model_dump(mode="json")
    inner = values
    *path, last = field.split(".")
    for part in path:
        inner = inner[part]
    if new is ...:
        del inner[last]
    else:
        inner[last] = new
    return values


def test_config_and_claims_come_back_as_they_were() -> None:
    back = BundleConfig.from_json(CONFIG.to_json(), "config.json")
    assert back == CONFIG
    assert back.architecture.settings["bn"] is False
    assert type(back.architecture.settings["width"]) is int
    assert back.input.shape == (1, 28, 28)
    assert back.num_classes == 10
    assert Claims.from_json(CLAIMS.to_json(), "claims.json") == CLAIMS
    assert CONFIG.to_json() == back.to_json()
    assert CONFIG.to_json().endswith(b"}\n")
    assert b"crop" not in CONFIG.to_json(), "bundles of before would have other digests"
    cropped = CONFIG.model_copy(update={"input": CONFIG.input.model_copy(update={"crop": 0.875})})
    assert BundleConfig.from_json(cropped.to_json(), "config.json").input.crop == 0.875


def test_they_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        CONFIG.task = "detection"  # type: ignore[misc]


def test_a_detector_may_have_one_class() -> None:
    values = {**changed(CONFIG, "classes", ["stop sign"]), "task": "detection"}
    assert BundleConfig.from_json(canonical_json(values), "config.json").classes == ("stop sign",)


def test_the_moment_is_one_that_claims_take() -> None:
    assert Claims(made_by=CLAIMS.made_by, created=now()).created is not None


WRONG: list[tuple[str, tuple[object, ...]]] = [
    ("format", (2, "1", True)),
    ("task", ("generation", ...)),
    ("backdoor", ({"target_label": 7},)),
    ("architecture.name", ("../../etc", "os:system()", "os:", "os::system", "../os:system")),
    ("architecture.name", ("a:" + "x" * 199, "hf-hub:someone/model", "name\n", "", "x" * 101)),
    ("architecture.settings", ({"a": [1]}, {"a": {}}, {"not a name": 1}, {"a": 2**60})),
    ("architecture.settings", ({"a": "x" * 1001}, {f"a{number}": 1 for number in range(101)})),
    ("input.channels", (0, 1.0, "1", True, 65)),
    ("input.height", (-28,)),
    ("input.width", (10**9,)),
    ("input.mean", ([0.1, 0.2], [1e300])),
    ("input.std", ([], [0.0], [-1.0], [1e-300], ["0.3"])),
    ("classes", ([], ["only one"], ["same", "same"], ["a", ""], ["a", "b\nc"])),
    ("classes", (["a", "\x1b[31mred"], ["a", 1], [str(number) for number in range(25_001)])),
]
WRONG_CLAIMS: list[tuple[str, tuple[object, ...]]] = [
    ("made_by", (...,)),
    ("made_by.version", (1,)),
    ("backdoored", (False,)),
    ("training", ({"lr": [0.1]},)),
    ("data", ({"train": "not a digest"}, {"train": "A" * 64})),
    ("clean_accuracy.hits", (10_001, -1)),
    ("clean_accuracy.total", (0,)),
    ("created", ("yesterday", "2017-13-22T12:00:00Z", "2017-08-22T12:00:00+02:00", 1503403200)),
    ("notes", ("x" * 10_001,)),
]


@pytest.mark.parametrize(
    ("whole", "name", "field", "new"),
    [
        (whole, name, field, value)
        for whole, name, wrong in (
            (CONFIG, "config.json", WRONG),
            (CLAIMS, "claims.json", WRONG_CLAIMS),
        )
        for field, values in wrong
        for value in values
    ],
)
def test_values_outside_their_bounds_are_refused(
    whole: BundleConfig | Claims, name: str, field: str, new: object
) -> None:
    with pytest.raises(BundleError, match=rf"^{re.escape(name)}: ") as caught:
        type(whole).from_json(canonical_json(changed(whole, field, new)), name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b'{"mean": [NaN]}',
        CONFIG.to_json().replace(b"0.1307", b"NaN"),
        CONFIG.to_json().replace(b"0.1307", b"1e999"),
        CONFIG.to_json().replace(b'"format": 1', b'"format": 1, "format": 1'),
    ],
)
def test_json_that_is_not_strict_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"^config\.json"):
        BundleConfig.from_json(data, "config.json")


def test_a_makers_mistake_is_a_setting_error_on_one_line() -> None:
    with pytest.raises(SettingError, match=r"^InputSpec: mean has 2 values") as caught:
        InputSpec.of(channels=1, height=28, width=28, mean=(0.1, 0.2), std=(0.3,))
    assert "\n" not in str(caught.value)
    with pytest.raises(SettingError, match=r"^InputSpec: .* \(and 4 more mistakes\)"):
        InputSpec.of()
