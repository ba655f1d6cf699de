"""Which tensor is which: by name, after a prefix, by shape and number, and else refused."""

from __future__ import annotations

import pytest

from badnets.core.errors import SettingError
from badnets.models.naming import Shapes, named

OWN: dict[str, tuple[int, ...]] = {
    "conv1.weight": (4, 3, 3, 3),
    "bn1.weight": (4,),
    "bn1.num_batches_tracked": (),
    "conv2.weight": (4, 4, 3, 3),
    "conv3.weight": (4, 4, 3, 3),
    "fc.weight": (2, 4),
}
OTHER = {
    "conv1.weight": "features.0.weight",
    "bn1.weight": "norm.weight",
    "bn1.num_batches_tracked": "norm.num_batches_tracked",
    "conv2.weight": "features.2.weight",
    "conv3.weight": "features.10.weight",
    "fc.weight": "top.weight",
}


def renamed(names: dict[str, str]) -> dict[str, tuple[int, ...]]:
    return {names[name]: OWN[name] for name in reversed(names)}


@pytest.mark.parametrize(
    ("given", "how", "first"),
    [
        (OWN, "by name", "conv1.weight"),
        (OWN | {"extra": (1,)}, "by name", "conv1.weight"),
        ({k: v for k, v in OWN.items() if "num" not in k}, "by name", "conv1.weight"),
        ({f"module.{k}": v for k, v in OWN.items()}, "after 'module.'", "module.conv1.weight"),
        ({f"a.model.{k}": v for k, v in OWN.items()}, "after 'a.model.'", "a.model.conv1.weight"),
        (renamed(OTHER), "by order and shape", "features.0.weight"),
    ],
)
def test_names_are_found(given: Shapes, how: str, first: str) -> None:
    found = named(OWN, given)
    assert found.how == how and found.theirs["conv1.weight"] == first
    assert all(given[their] == OWN[name] for name, their in found.theirs.items())
    assert len(found.theirs) == len(OWN) - ("bn1.num_batches_tracked" not in found.theirs)
    assert found.unexpected == (("extra",) if "extra" in given else ())
    if how == "by order and shape":
        assert found.theirs == OTHER


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({k: (9, *v[1:]) for k, v in OWN.items() if v}, "5 tensors of another shape: conv1.weight"),
        ({k: v for k, v in OWN.items() if k[0] != "f"}, "not all weights .* 1 of 5 .*fc.weight"),
        ({f"m.{k}": v for k, v in OWN.items() if k[0] != "f"}, "1 of 5 are missing: fc.weight"),
        (
            {f"{side}.{k}": v for side in ("student", "teacher") for k, v in OWN.items()},
            "2 times, under 'student.' and 'teacher.'",
        ),
        (renamed(OTHER | {"conv3.weight": "last.weight"}), "which is which of .* and last.weight"),
        (renamed(OTHER | {"fc.weight": "top.kernel"}), "'kernel' of shape .* the network has 0"),
        (renamed(OTHER) | {"more.weight": (4,)}, "2 tensors 'weight' of shape .* has 1"),
        ({}, "has 0 tensors"),
    ],
)
def test_what_leaves_something_open_is_refused(given: Shapes, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        named(OWN, given)


def test_what_stands_before_the_network_s_own_names_is_left_out() -> None:
    own = {f"network.{name}": shape for name, shape in OWN.items()}
    found = named(own, OWN, inner="network.")
    assert found.theirs["network.conv1.weight"] == "conv1.weight"
