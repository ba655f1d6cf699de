"""Images that stay on disk: the same as in memory, however they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError
from badnets.core.placements import RandomCentre
from badnets.core.poisoning import plan_poisoning, poison
from badnets.core.regions import Regions
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch, Trigger
from badnets.data import ImageSet, streamed
from badnets.data.folder import free_memory, load_folder
from badnets.data.poisoned import stamped_images
from badnets.data.streamed import ImageFiles, in_batches, in_order
from tests.data.photos import split

SIZE, COUNT = 12, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return split(tmp_path_factory.mktemp("photos"), {"cat": 15, "dog": 15}, ("train", "val"))


@pytest.fixture(scope="module")
def kept(folder: Path) -> ImageSet:
    return load_folder(folder, SIZE, in_memory=True).train


@pytest.fixture(scope="module")
def files(folder: Path) -> ImageFiles:
    stored = load_folder(folder, SIZE, in_memory=False).train.stored
    assert isinstance(stored, ImageFiles)
    return stored


@pytest.mark.parametrize(
    "rows",
    [
        3,
        -1,
        slice(2, 9, 3),
        [4, 1, 1],
        torch.tensor([[0, 5], [7, 2]]),
        torch.arange(COUNT) % 2 == 0,
    ],
)
def test_they_are_indexed_as_a_tensor_is(files: ImageFiles, kept: ImageSet, rows: object) -> None:
    assert torch.equal(files[rows], kept.images[rows])  # type: ignore[index]


@given(data=st.data(), size=st.integers(1, 40))
@settings(max_examples=10)
def test_batches_come_in_the_order_asked_for(
    files: ImageFiles, kept: ImageSet, data: st.DataObject, size: int
) -> None:
    rows = data.draw(st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=80))
    lists = torch.split(torch.tensor(rows), size)
    made = list(in_batches(files, lists))
    assert [len(one) for one in made] == [len(one) for one in lists]
    assert torch.equal(torch.cat(made), kept.images[rows])
    assert torch.equal(torch.cat(list(in_order(files, size))), kept.images)


def test_no_more_is_decoded_ahead_than_is_stated(
    files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def rows() -> Iterator[Tensor]:
        for number in range(100):
            asked.append(number)
            yield torch.tensor([number % COUNT])

    batches = files.batches(rows())
    next(batches)
    assert len(asked) == streamed.AHEAD + 1
    next(batches)
    assert len(asked) == streamed.AHEAD + 2
    monkeypatch.setattr(streamed, "AHEAD_BYTES", 1)
    asked.clear()
    next(files.batches(rows()))
    assert len(asked) == 2, "one batch is always made while another is used"


def test_threads_end_when_nobody_asks_any_more(files: ImageFiles) -> None:
    before = threading.active_count()
    batches = files.batches(torch.split(torch.arange(COUNT), 2))
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_file_that_goes_away_is_told(folder: Path, files: ImageFiles) -> None:
    gone = ImageFiles(folder, (*files.names[:3], "train/cat/gone.png"), SIZE)
    batches = gone.batches(torch.split(torch.arange(4), 1))
    assert len(list(zip(range(3), batches, strict=False))) == 3
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        list(gone.batches(torch.split(torch.arange(4), 1)))


class Dots:
    """A trigger of one's own, which draws a row of noise for each image."""

    def __call__(
        self,
        images: Tensor,
        regions: Regions | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a triggered copy."""
        made = images.clone()
        noise = torch.randint(256, made[:, :, 0].shape, generator=generator, dtype=torch.uint8)
        made[:, :, 0] = noise
        return made


RANDOM = Patch(3, placement=RandomCentre())


@pytest.mark.parametrize("how", ["add", "replace"])
@pytest.mark.parametrize("trigger", [Patch(3), RANDOM])
def test_a_poisoned_set_streams_as_it_would_be_in_memory(
    files: ImageFiles, kept: ImageSet, trigger: Patch, how: str
) -> None:
    backdoor = Backdoor(trigger, AllToOne(0), poisoning_rate=0.2, mode=how)  # type: ignore[arg-type]
    whole = poison(kept.images, kept.labels, backdoor, num_classes=2, seed=5)
    plan = plan_poisoning(kept.labels, backdoor, num_classes=2, seed=5)
    made = stamped_images(files, plan, backdoor, seed=5)
    assert made.shape == whole.images.shape
    assert torch.equal(made[:], whole.images)
    order = torch.randperm(len(made), generator=torch.Generator().manual_seed(1))
    assert torch.equal(
        torch.cat(list(in_batches(made, torch.split(order, 7)))), whole.images[order]
    )
    assert torch.equal(made.take(order[:5])[:], whole.images[order[:5]])


def test_a_trigger_of_ones_own_draws_the_same_for_an_image_at_any_time(files: ImageFiles) -> None:
    dots: Trigger = Dots()
    backdoor = Backdoor(dots, AllToOne(0), poisoning_rate=0.3)  # type: ignore[arg-type]
    labels = torch.arange(COUNT) % 2
    plan = plan_poisoning(labels, backdoor, num_classes=2, seed=5)
    made = stamped_images(files, plan, backdoor, seed=5)
    assert torch.equal(made[-1:], made[:][-1:])
    assert not torch.equal(made[-1][:, 0], made[-2][:, 0])


def test_memory_that_is_free_is_found_or_not_claimed() -> None:
    assert 0 <= free_memory() < 1 << 50
