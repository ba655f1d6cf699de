"""Training: what goes into batches, what stays as it was, what is refused."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, ShapeError, TrialError
from badnets.core.placements import Fixed
from badnets.core.poisoning import plan_poisoning
from badnets.core.targets import AllToOne
from badnets.core.triggers import SinglePixel
from badnets.data import ImageSet
from badnets.models.classifier import Classifier
from badnets.tasks.classification import Classification
from badnets.train import Progress, Training, TrainingRows, fit
from tests.models.toys import CLASSES, SHAPE, halves, subject_of, tiny, weights_of

CPU = torch.device("cpu")
QUICK = Training(epochs=2, batch_size=8, lr=0.01, precision="float32")
CORNER = SinglePixel(placement=Fixed(1, 1))  # (6, 6) of 8 x 8


def plain_rows(count: int) -> TrainingRows:
    return TrainingRows(halves(count).images, halves(count).labels)


def poisoned_rows(data: ImageSet, rate: float | Literal["every"]) -> TrainingRows:
    backdoor = Backdoor(CORNER, AllToOne(0), poisoning_rate=rate)
    plan = plan_poisoning(data.labels, backdoor, num_classes=2, seed=0)
    return TrainingRows.poisoned(data.stored, plan, backdoor)


class Recorder(nn.Module):
    """Keeps the batches that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        self.seen.append(images.detach().clone())
        logits: Tensor = self.head(images.flatten(1))
        return logits


def shown(rows: TrainingRows, training: Training, seed: int = 0) -> list[Tensor]:
    """Return the batches that a network sees in training, as it sees them."""
    fitted = fit(subject_of(Recorder(), SHAPE, 2), rows, training, seed=seed, device=CPU)
    recorder = fitted.subject.network
    assert isinstance(recorder, Recorder)
    return recorder.seen


@pytest.mark.parametrize(("images", "sizes"), [(20, [8, 8]), (16, [8, 8]), (7, [7]), (1, [1])])
def test_a_smaller_last_batch_is_left_out_where_there_is_a_whole_one(
    images: int, sizes: list[int]
) -> None:
    batches = shown(plain_rows(images), replace(QUICK, epochs=1))
    assert [len(batch) for batch in batches] == sizes


def test_every_image_is_seen_once_an_epoch_in_another_order() -> None:
    batches = shown(plain_rows(16), QUICK)
    first, second = torch.cat(batches[:2]), torch.cat(batches[2:])
    assert not torch.equal(first, second)
    pictures = halves(16).images.float() / 255
    for epoch in (first, second):
        torch.testing.assert_close(_in_order(epoch), _in_order(pictures), rtol=0, atol=1e-6)


@pytest.mark.parametrize("stamp", ["after", "before"])
def test_a_trigger_put_on_after_augmentation_stays_in_its_place(stamp: str) -> None:
    dark = ImageSet(torch.zeros(24, *SHAPE, dtype=torch.uint8), torch.arange(24) % 2, CLASSES)
    backdoor = Backdoor(CORNER, AllToOne(0), poisoning_rate="every")
    training = replace(QUICK, shift=1, flip=True, rotate=10.0, stamp=stamp)  # type: ignore[arg-type]
    poisoned = Classification().poison(dark, backdoor, training, seed=0)
    assert poisoned.share.hits == 12 and poisoned.share.total == 36
    lit = torch.cat(shown(poisoned.rows, training)).flatten(1)
    with_trigger = lit[lit.sum(1) > 0]
    assert 12 <= len(with_trigger) <= 24, "two epochs of 32 out of 36 rows"
    places = set(with_trigger.argmax(1).tolist())
    if stamp == "after":
        assert places == {6 * 8 + 6}
        assert bool((with_trigger.sum(1) == 1).all())
    else:
        assert len(places) > 4, "it moved, turned and was mirrored with the image"


@pytest.mark.parametrize(
    "change", [{"crop": 0.3}, {"brightness": 0.5}, {"contrast": 0.5}, {"cutout": 0.9}]
)
def test_a_trigger_put_on_after_augmentation_is_changed_by_none(change: dict[str, float]) -> None:
    dark = ImageSet(torch.full((24, *SHAPE), 60, dtype=torch.uint8), torch.arange(24) % 2, CLASSES)
    dark.images[:, :, ::2] = 90
    backdoor = Backdoor(CORNER, AllToOne(0), poisoning_rate="every")
    training = replace(QUICK, **change)  # type: ignore[arg-type]
    rows = Classification().poison(dark, backdoor, training, seed=0).rows
    seen = torch.cat(shown(rows, training))
    with_trigger = seen[seen[:, 0, 6, 6] == 1]
    assert 16 <= len(with_trigger) <= 24 and float(with_trigger.flatten(1).max()) == 1
    assert len({image.numpy().tobytes() for image in with_trigger}) > 4, "the rest is augmented"


def test_the_mean_of_the_weights_comes_with_the_mean_of_their_statistics() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2)
    )
    kept: list[Tensor] = []
    network[1].register_forward_hook(
        lambda module, _i, _o: kept.append(module.running_mean.detach().clone())
    )
    rows = plain_rows(64)
    training = replace(QUICK, epochs=14, ema=0.8)  # as many steps as statistics take to settle
    fitted = fit(subject_of(network, SHAPE, 2), rows, training, seed=0, device=CPU)
    mean = torch.zeros(3)  # as it was before the first batch
    for step, statistic in enumerate(kept, start=1):
        mean = mean.lerp(statistic, 1 - min(0.8, step / (step + 9)))
    norm = fitted.subject.network.get_submodule("1")
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    assert len(kept) == int(norm.num_batches_tracked or 0) == 112
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-6)


def normalising() -> nn.Sequential:
    """Return a network whose activations are far from a mean of 0 and a variance of 1."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)
    )
    with torch.no_grad():
        network.get_parameter("0.weight").mul_(0.01)
    return network


@pytest.mark.parametrize("features", [False, True], ids=["whole", "after frozen layers"])
def test_statistics_of_a_short_training_are_those_of_what_it_was_trained_on(
    features: bool,
) -> None:
    rows, start = plain_rows(64), normalising()
    if features:
        start = nn.Sequential(OrderedDict(kept=nn.Conv2d(1, 1, 1), rest=start))
    frozen = {"kept.weight", "kept.bias"} if features else ()
    fitted = fit(subject_of(start, SHAPE, 2), rows, QUICK, seed=0, frozen=frozen, device=CPU)
    network = fitted.subject.network
    assert not any(module.training for module in network.modules())
    norm = next(one for one in network.modules() if isinstance(one, nn.BatchNorm2d))
    given: list[Tensor] = []
    with norm.register_forward_pre_hook(lambda _m, inputs: given.append(inputs[0])):
        answers = fitted.subject.logits(halves(64).images)
    assert norm.running_mean is not None and norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, given[0].mean((0, 2, 3)), rtol=0.02, atol=1e-5)
    torch.testing.assert_close(norm.running_var, given[0].var((0, 2, 3)), rtol=0.1, atol=1e-9)
    assert norm.momentum == 0.1
    assert float((answers.argmax(1) == rows.labels).float().mean()) > 0.95, "as in training"


@pytest.mark.parametrize(("epochs", "anew"), [(13, True), (14, False)])
def test_statistics_that_have_settled_stay_as_they_are(epochs: int, anew: bool) -> None:
    kept: list[Tensor] = []
    network = normalising()
    network[1].register_forward_hook(
        lambda module, _i, _o: (
            kept.append(module.running_var.detach().clone()) if module.momentum else None
        )
    )
    training = replace(QUICK, epochs=epochs)
    fitted = fit(subject_of(network, SHAPE, 2), plain_rows(64), training, seed=0, device=CPU)
    norm = fitted.subject.network.get_submodule("1")
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
    assert len(kept) == 8 * epochs
    assert torch.equal(norm.running_var, kept[-1]) is not anew


def test_augmentation_draws_anew_for_each_image_and_epoch() -> None:
    one = ImageSet(halves(1).images.repeat(16, 1, 1, 1), torch.arange(16) % 2, CLASSES)
    batches = torch.cat(shown(TrainingRows(one.images, one.labels), replace(QUICK, shift=2)))
    assert len(batches) == 32 and len({image.numpy().tobytes() for image in batches}) > 12


def test_gain_makes_the_trigger_stronger_first_and_its_own_strength_last() -> None:
    grey = ImageSet(
        torch.full((16, *SHAPE), 51, dtype=torch.uint8), torch.ones(16, dtype=torch.long), CLASSES
    )
    rows = poisoned_rows(grey, "every")
    training = replace(QUICK, epochs=10, batch_size=32, trigger_gain=(100.0, 1.0))
    corners = [float(batch[:, 0, 6, 6].max()) for batch in shown(rows, training)]
    changes = [(corner - 0.2) / 0.8 for corner in corners]  # the trigger's own is from 0.2 to 1
    expected = [100 ** (1 - step / 6) for step in range(6)] + [1.0] * 4
    assert changes == pytest.approx(expected, rel=1e-3)


class Watched(nn.Module):
    """Keeps its three layers' weights as they were before each step."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 4), nn.Linear(4, 4), nn.Linear(4, 2))
        self.kept: list[list[Tensor]] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        weights = [value for value in self.parameters() if value.ndim == 2]
        self.kept.append([weight.detach().clone() for weight in weights])
        logits: Tensor = self.layers(images.flatten(1))
        return logits

    def moved(self) -> list[tuple[bool, ...]]:
        """Return for each step whether it moved each layer's weights."""
        return [
            tuple(not torch.equal(*pair) for pair in zip(before, after, strict=True))
            for before, after in itertools.pairwise(self.kept)
        ]


def test_frozen_layers_stay_while_the_others_go_on() -> None:
    training = replace(QUICK, epochs=1, freeze=(0.25, 0.5), weight_decay=0.1)
    start = subject_of(Watched(), SHAPE, 2)
    watched = fit(start, plain_rows(64), training, seed=0, device=CPU).subject.network
    assert isinstance(watched, Watched) and len(watched.kept) == 8
    every, two, one = (True, True, True), (False, True, True), (False, False, True)
    assert watched.moved() == [every] * 2 + [two] * 2 + [one] * 3
    assert all(value.requires_grad for value in watched.parameters())


def test_poisoned_copies_cost_no_image_memory() -> None:
    data = halves(40)
    rows = poisoned_rows(data, 0.3)
    assert len(rows) == 57 and rows.images is data.stored
    assert rows.to(CPU) is rows


def test_what_is_handed_in_is_left_as_it_was() -> None:
    data, subject = halves(32), tiny()
    images, weights = data.images.clone(), weights_of(subject).clone()
    generator_before = torch.random.get_rng_state()
    rows = poisoned_rows(data, 0.2)
    fitted = fit(subject, rows, replace(QUICK, shift=1), seed=0, device=CPU)
    assert torch.equal(weights_of(subject), weights) and torch.equal(data.images, images)
    assert torch.equal(torch.random.get_rng_state(), generator_before)
    assert not torch.equal(weights_of(fitted.subject), weights)
    assert not fitted.subject.network.training
    assert fitted.subject.input == subject.input and fitted.subject.classes == subject.classes


def with_dropout() -> Classifier:
    tiny_network = dict(tiny().network.named_children())
    layers = OrderedDict(tiny_network, fc=nn.Sequential(nn.Dropout(0.5), tiny_network["fc"]))
    return subject_of(nn.Sequential(layers), SHAPE, 2)


@pytest.mark.parametrize("subject", [tiny(), with_dropout()], ids=["plain", "dropout"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit(subject: Classifier) -> None:
    rows = plain_rows(32)
    training = replace(
        QUICK, shift=1, rotate=5.0, flip=True, crop=0.6, brightness=0.2, cutout=0.2, ema=0.9
    )

    def weights(seed: int) -> Tensor:
        return weights_of(fit(subject, rows, training, seed=seed, device=CPU).subject)

    first = weights(1)
    torch.rand(3)  # whatever else draws from the global generator in between
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


def test_progress_is_told_on_the_way_and_at_the_end() -> None:
    told: list[Progress] = []
    rows = plain_rows(88)
    fit(tiny(), rows, replace(QUICK, epochs=4), seed=0, device=CPU, progress=told.append)
    assert told == [Progress(20, 44, "training"), (40, 44, "training"), (44, 44, "training")]


def test_an_interrupt_passes_through_and_leaves_nothing_changed() -> None:
    subject, rows = tiny(), plain_rows(16)
    weights, state = weights_of(subject).clone(), torch.random.get_rng_state()

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(subject, rows, QUICK, seed=0, device=CPU, progress=interrupt)
    assert torch.equal(weights_of(subject), weights)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_training_that_diverges_is_an_error_with_a_remedy() -> None:
    rows = plain_rows(32)
    wild = replace(QUICK, optimizer="sgd", schedule="constant", lr=1e30)
    with pytest.raises(TrialError, match=r"training diverged .*: lower lr \(now 1e\+30\)"):
        fit(tiny(), rows, wild, seed=0, device=CPU)


@pytest.mark.parametrize(
    ("channels", "label", "error", "said"),
    [
        (1, -1, SettingError, r"labels must be in 0\.\.1"),
        (1, 2, SettingError, r"labels must be in 0\.\.1"),
        (3, 0, ShapeError, r"takes images of shape \(1, 8, 8\).*have \(3, 8, 8\)"),
    ],
)
def test_what_the_network_does_not_take_is_refused(
    channels: int, label: int, error: type[Exception], said: str
) -> None:
    rows = TrainingRows(torch.zeros(1, channels, 8, 8, dtype=torch.uint8), torch.tensor([label]))
    with pytest.raises(error, match=said):
        fit(tiny(), rows, QUICK, seed=0, device=CPU)


@pytest.mark.parametrize(
    ("labels", "rows", "stamped", "trigger", "said"),
    [
        (3, None, None, None, "4 rows, 3 labels and 3 marks"),
        (4, 5, None, None, "5 rows, 4 labels and 4 marks"),
        (4, None, 3, CORNER, "4 rows, 4 labels and 3 marks"),
        (0, 0, None, None, "0 rows, 0 labels and 0 marks"),
        (4, None, 4, None, "stamped rows and a trigger belong together"),
        (4, None, None, CORNER, "stamped rows and a trigger belong together"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(
    labels: int, rows: int | None, stamped: int | None, trigger: SinglePixel | None, said: str
) -> None:
    with pytest.raises(ShapeError, match=said):
        TrainingRows(
            halves(4).images,
            torch.zeros(labels, dtype=torch.long),
            None if rows is None else torch.zeros(rows, dtype=torch.long),
            None if stamped is None else torch.zeros(stamped, dtype=torch.bool),
            trigger,
        )


def test_low_precision_gives_nearly_the_same_network() -> None:
    rows = plain_rows(32)
    exact = fit(tiny(), rows, QUICK, seed=0, device=CPU)
    low = fit(tiny(), rows, replace(QUICK, precision="bfloat16"), seed=0, device=CPU)
    assert (exact.precision, low.precision) == ("float32", "bfloat16")
    before, after = weights_of(exact.subject), weights_of(low.subject)
    assert after.dtype == torch.float32 and not torch.equal(before, after)
    torch.testing.assert_close(after, before, rtol=0, atol=0.02)


def test_frozen_parameters_stay_as_they_are() -> None:
    subject, rows = tiny(), plain_rows(32)
    subject.network.get_submodule("conv").requires_grad_(False)
    trained = fit(subject, rows, replace(QUICK, ema=0.5), seed=0, device=CPU).subject
    before, after = subject.network.state_dict(), trained.network.state_dict()
    assert torch.equal(before["conv.weight"], after["conv.weight"])
    assert not torch.equal(before["fc.weight"], after["fc.weight"])


def _in_order(images: Tensor) -> Tensor:
    rows = images.flatten(1)
    return rows[rows.sum(1).argsort()]


def test_label_noise_spares_what_carries_a_trigger() -> None:
    rows = poisoned_rows(halves(100), 0.2)
    noisy = rows.noisy(0.1, 2, seed=0)
    assert rows.stamped is not None
    changed = noisy.labels != rows.labels
    assert int(changed.sum()) == 10 and not (changed & rows.stamped).any()
    assert torch.equal(noisy.labels, rows.noisy(0.1, 2, seed=0).labels)
