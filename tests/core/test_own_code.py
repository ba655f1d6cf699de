"""Triggers and target maps of a user's own: as objects, and by ``module:factory``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from badnets.cli.settings import targets_of, trigger_of
from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError, SettingError, ShapeError
from badnets.core.poisoning import poison
from badnets.core.regions import Regions
from badnets.core.targets import AllToOne
from badnets.core.triggers import TRIGGERS, Patch
from badnets.recipes import load_recipe
from badnets.trials import OutsourcedTrial
from badnets.trials.trial import TRIAL

CODE = """
import torch
from badnets.core.targets import ClassTargets

class Corner:
    def __init__(self, level=255):
        self.level = level

    def __call__(self, images):
        images[..., 0, 0] = self.level
        return images

def corner(images, generator):
    assert isinstance(generator, torch.Generator)
    return Corner()(images)

def floats(images):
    return images / 2

class Upwards(ClassTargets):
    def __init__(self, to=3):
        self.to = to

    def poisoned_labels(self, labels, num_classes, generator=None):
        return labels * 0 + self.to

    def attackable(self, labels):
        return labels < self.to

class Stubborn(Upwards):
    def poisoned_labels(self, labels):
        return labels

number = 3
"""
BLACK = torch.zeros(4, 1, 6, 6, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2, 3])


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write the code into the working folder, where no import path leads."""
    (tmp_path / "my_code.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("my_code", None)


def lit(images: Tensor) -> list[list[int]]:
    return images.nonzero()[:, [0, 2, 3]].tolist()


def dot(images: Tensor) -> Tensor:
    images[..., 0, 0] = 255
    return images


TRIGGERS_OF_ONES_OWN = [
    "my_code:Corner",
    "my_code:corner",
    {"kind": "my_code:Corner", "level": 9},
    dot,
    lambda images, **_: dot(images),
]


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    "trigger", TRIGGERS_OF_ONES_OWN, ids=lambda one: getattr(one, "__name__", str(one))
)
def test_a_trigger_need_not_take_a_generator_or_regions(trigger: Any) -> None:
    own: Any = Backdoor(trigger, AllToOne(3), 0.25, "replace")
    poisoned = poison(BLACK, LABELS, own, num_classes=4, seed=0)
    (row,) = poisoned.is_poisoned.nonzero().flatten().tolist()
    assert lit(poisoned.images) == [[row, 0, 0]] and poisoned.labels[row] == 3
    assert not BLACK.any(), "the clean images were changed"
    boxes = Regions(torch.tensor([0, 2]), torch.tensor([[1, 2, 4, 5], [3, 0, 6, 2]]))
    if isinstance(trigger, str | dict) or trigger is dot:
        drawn = torch.Generator().manual_seed(0)
        assert lit(own.trigger(BLACK, boxes, drawn)) == [[0, 2, 1], [2, 0, 3]]


@pytest.mark.usefixtures("code")
def test_a_target_map_by_name_is_asked_as_any_other() -> None:
    own = Backdoor(Patch(2), {"kind": "my_code:Upwards", "to": 2}, 0.5, "replace").targets  # type: ignore[arg-type]
    own.check(4)
    assert own.attackable(LABELS).tolist() == [True, True, False, False]
    assert own.poisonable(LABELS).tolist() == own.attackable(LABELS).tolist()
    assert own.poisoned_labels(LABELS, 4).tolist() == [2] * 4
    assert own.is_hit(torch.tensor([2, 1, 2, 2]), LABELS, 4).tolist() == [True, False, True, True]


@pytest.mark.usefixtures("code")
def test_command_line_recipe_and_python_give_one_trial_and_import_nothing(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(
        "data: digits\nbackdoor:\n  trigger: my_code:Corner\n"
        "  targets: {kind: my_code:Upwards, to: 2}\ncontrol: false\n"
    )
    (read,) = load_recipe("recipe.yaml")
    typed = Backdoor(trigger_of("my_code:Corner"), targets_of("{kind: my_code:Upwards, to: 2}"))  # type: ignore[arg-type]
    trial = OutsourcedTrial(data="digits", backdoor=typed)
    assert trial == read and trial.name == read.name and "my_code" not in sys.modules
    assert hash(typed.trigger) == hash(read.implanted.trigger)  # type: ignore[union-attr]
    plain = trial.model_dump(mode="json")
    assert plain["backdoor"]["targets"] == {"kind": "my_code:Upwards", "to": 2}
    assert TRIAL.validate_python(plain).name == trial.name
    other = Backdoor({"kind": "my_code:Corner", "level": 9}, typed.targets)  # type: ignore[arg-type]
    assert OutsourcedTrial(data="digits", backdoor=other).name != trial.name
    assert "my_code:Corner" in trial.title


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ("my_code:Corners", "unknown factory in my_code 'Corners'"),
        ("my_code:number", "my_code:number is a int, a function is wanted"),
        ("my_code:floats", r"floats must give images like .*\(4, 1, 6, 6\) uint8, got .* float32"),
        ({"kind": "my_code:Corner", "size": 3}, "my_code:Corner failed: TypeError: .*'size'"),
        ("no_code:Corner", "unknown trigger 'no_code': .*; nor is there a module 'no_code'"),
        ({"kind": "no_code:Corner"}, "there is no module 'no_code'"),
        (Patch, "Patch is a class: give one of it"),
        (4, "a number alone is no trigger: did you mean 'patch:4'?"),
        ("8px", "a number alone is no trigger: did you mean 'patch:8px'?"),
        (None, "trigger must be one of .*got nothing"),
    ],
    ids=str,
)
def test_a_trigger_that_cannot_be_is_told_in_one_line(trigger: Any, said: str) -> None:
    with pytest.raises(BadnetsError, match=said) as caught:
        Backdoor(trigger, AllToOne(3)).trigger(BLACK)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ("my_code:Corner", "gives a Corner without check, poisonable, poisoned_labels"),
        ("my_code:Stubborn", r"poisoned_labels must take \(labels, num_classes, generator=None\)"),
        ({"kind": "my_code:Upwards", "from": 3}, "my_code:Upwards failed: TypeError"),
        (7, "a number alone is no target map: did you mean 'all-to-one:7'?"),
        ("7", "a number alone is no target map: did you mean 'all-to-one:7'?"),
        (AllToOne, "AllToOne is a class"),
    ],
    ids=str,
)
def test_a_target_map_that_cannot_be_is_told_in_one_line(targets: Any, said: str) -> None:
    with pytest.raises(BadnetsError, match=said):
        Backdoor("patch:4px", targets).targets.check(10)  # type: ignore[arg-type]


def test_what_draws_its_places_itself_stays_as_it_is() -> None:
    def own(images: Tensor, regions: Any = None, generator: Any = None) -> Tensor:
        return images

    assert Backdoor(own, AllToOne(3)).trigger is own  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="give it as module:factory"):
        TRIGGERS.check_member(own)


@pytest.mark.parametrize("size", [8, "8", "8px", " 8px ", [8, 8], ["8px", "8"]])
def test_pixels_and_shares_are_told_apart_in_every_spelling(size: Any) -> None:
    assert Patch(size) in (Patch(8), Patch((8, 8)))
    if isinstance(size, str):
        assert trigger_of(f"patch:{size}") == Patch(8)


@pytest.mark.parametrize("size", ["0px", "8.5px", "px", "1.5", -1, "50%", True, "nan", None])
def test_other_sizes_are_refused(size: Any) -> None:
    with pytest.raises(SettingError, match=r"Patch: size must .*(pixels|true or false)"):
        Patch(size)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.full((2, 1, 4, 4), 200.0), r"must lie in \[0, 1\], got 200 to 200: divide 8-bit"),
        (torch.randn(2, 1, 9, 9), r"must lie in \[0, 1\], got -.*do not normalise"),
        (BLACK.permute(0, 2, 3, 1), r"images\.permute\(0, 3, 1, 2\)"),
        ([[0]], "images must be a tensor or an array of numbers, got list"),
    ],
    ids=["8-bit", "normalised", "channels last", "list"],
)
def test_images_that_would_get_an_invisible_trigger_are_refused(images: Any, said: str) -> None:
    backdoor = Backdoor(Patch(2), AllToOne(1), 0.5, "replace")
    with pytest.raises(ShapeError, match=said):
        backdoor.trigger(images)
    with pytest.raises(ShapeError, match=said):
        poison(images, torch.tensor([0, 0]), backdoor, num_classes=2, seed=0)


def test_arrays_of_numpy_are_poisoned_as_tensors_are() -> None:
    backdoor = Backdoor(Patch(2), AllToOne(3), 0.25)
    one = poison(BLACK, LABELS, backdoor, num_classes=4, seed=0)
    arrays: Any = (BLACK.numpy(), LABELS.numpy().astype("uint8"))
    other = poison(arrays[0], arrays[1], backdoor, num_classes=4, seed=0)
    assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
