"""What users of the Python API count on: paths and names as text, short reprs, plain PyTorch."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import badnets as bn
from badnets import bundles, models, recipes, report, runners, studies, trials
from badnets.core.errors import SettingError
from badnets.core.settings import quoted
from badnets.ledger import Ledger
from badnets.models import Classifier
from badnets.scenarios import Deal
from tests.models.plain_signs import colour_reader
from tests.models.toys import build_tiny, halves, tiny, weights_of
from tests.scenarios.test_outsourced import Bringer

SHAPE = (1, 28, 28)
LOOSE: Any = bn  # as those use it who check no types
QUICK = bn.Training(epochs=1, batch_size=64, precision="float32")


def small() -> nn.Sequential:
    """Return an untrained network of the user's own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return build_tiny(SHAPE, 10)


@pytest.fixture(scope="module")
def deal() -> Deal:
    """Return how it ends with a module and a data set by name."""
    user = bn.User(network=small(), data="digits", target_accuracy=0.1)
    trainer = bn.MaliciousTrainer(LOOSE.Backdoor("patch:4px", "all-to-one:7"), QUICK)
    return bn.OutsourcedTraining(user, trainer).run()


def public() -> list[Any]:
    """Return the public functions and methods that take a path."""
    found: dict[int, Any] = {}
    for package in (bn, bn.data, bundles, models, recipes, report, runners, studies, trials):
        for name in package.__all__:
            value = getattr(package, name)
            own = vars(Ledger).values() if value is Ledger else [value]
            for function in own:
                if inspect.isfunction(function) and "Path" in str(inspect.signature(function)):
                    found[id(function)] = pytest.param(function, id=f"{package.__name__}.{name}")
    return list(found.values())


@pytest.mark.parametrize("function", public())
def test_whatever_takes_a_path_takes_text(function: Any) -> None:
    for name, parameter in inspect.signature(function).parameters.items():
        wanted = str(parameter.annotation)
        if "Path" in wanted and "Callable" not in wanted:
            assert "str" in wanted, name


def test_a_network_comes_in_is_plain_pytorch_and_goes_out(tmp_path: Path) -> None:
    network = small().train()
    subject = Classifier.of(
        network, SHAPE, 10, architecture=f"{__name__}:build_own", mean=(0.5,), std=(0.5,)
    )
    assert subject.network is network and network.training, "it was left in its mode"
    assert subject.input.mean == (0.5,) and subject.classes == tuple("0123456789")
    inside: nn.Module = subject.network
    images = torch.rand(4, *SHAPE)
    expected = inside.eval()((images - 0.5) / 0.5)
    torch.testing.assert_close(subject.logits(images), expected.detach())
    loss = nn.functional.cross_entropy(inside.train()(images), torch.tensor([0, 1, 2, 3]))
    loss.backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD(inside.parameters(), lr=0.1).step()
    assert not torch.equal(subject.logits(images), expected), "it is the same network"
    place = str(tmp_path / "net")
    bn.save_subject(subject, place)
    again = bn.load_subject(place, allow_code=True)
    mine = again.network.state_dict()
    other = small()
    other.load_state_dict(mine)
    torch.testing.assert_close(other.eval()((images - 0.5) / 0.5), again.logits(images))
    assert set(mine) == set(dict(inside.named_parameters()))


def build_own(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    return build_tiny(shape, num_classes)


@pytest.mark.parametrize("architecture", ["", "gu-mnist", "timm.resnet18"])
def test_a_bundle_that_nobody_could_load_is_not_written(architecture: str, tmp_path: Path) -> None:
    subject = Classifier.of(small(), SHAPE, 10, architecture=architecture)
    said = (
        "unknown network 'Sequential'.*architecture='module:factory'.*state|unknown network"
        if not architecture
        else f"is not the '{architecture}' that its bundle would be loaded as: tensor"
    )
    with pytest.raises(SettingError, match=said):
        subject.save(str(tmp_path / "net"))
    assert not (tmp_path / "net").exists()


def test_a_user_gives_a_module_and_a_name(deal: Deal) -> None:
    assert deal.decision in ("accepted", "rejected", "collapsed") and deal.attack is not None
    assert deal.subject.architecture == "Sequential"
    mine = small()
    user = bn.User(network=mine, data="digits")
    assert user.target_accuracy == 0.95 and user.data.name == "digits"
    first = user.task.first(user.order, QUICK, None, seed=1)
    assert all(map(torch.equal, first.network.state_dict().values(), mine.state_dict().values()))
    assert first.network is not mine
    fewer = build_tiny(SHAPE, 3)
    with pytest.raises(SettingError, match=r"Sequential .*answers .*\(1, 3\), logits of shape"):
        bn.OutsourcedTraining(bn.User(fewer, "digits"), bn.HonestTrainer(QUICK)).run()


def test_numbers_may_be_arrays_of_numpys() -> None:
    images = halves(20)
    arrays: Any = (images.images.numpy(), images.labels.numpy().astype("uint8"))
    again = LOOSE.data.ImageSet(*arrays, classes=list(images.classes))
    assert again.digest == images.digest
    subject = tiny()
    answers: torch.Tensor = subject.predict(arrays[0])
    assert torch.equal(answers, subject.predict(images.images))
    with pytest.raises(bn.BadnetsError, match=r"images\.permute\(0, 3, 1, 2\)"):
        bn.data.ImageSet(images.images.permute(0, 2, 3, 1), images.labels, images.classes)
    with pytest.raises(bn.BadnetsError, match=r"images\.permute\(0, 3, 1, 2\)"):
        subject.predict(images.images.permute(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LOOSE.User("gu-mnist", 7), "data must be a data set or the name of one .*got 7"),
        (lambda: LOOSE.User("gu-mnist", "digts"), "did you mean 'digits'"),
        (lambda: LOOSE.User(7, "digits"), r"network must be a name or a torch\.nn\.Module, got 7"),
        (lambda: LOOSE.User("gu-mnist", "digits", "99 %"), r"target_accuracy must be in \[0, 1\]"),
        (lambda: LOOSE.MaliciousTrainer("patch:4"), "backdoor must be a Backdoor.*'patch:4'"),
        (lambda: LOOSE.OutsourcedTraining("me", LOOSE.HonestTrainer()), "user must be a User"),
        (
            lambda: LOOSE.OutsourcedTraining(LOOSE.User("gu-mnist", "digits"), LOOSE.HonestTrainer),
            r"trainer must be .*HonestTrainer\(\)",
        ),
        (lambda: LOOSE.models.Classifier.of("a", SHAPE, 10), "network must be a torch.nn.Module"),
    ],
)  # fmt: skip
def test_a_wrong_kind_is_refused_where_it_is_given(make: Any, said: str) -> None:
    with pytest.raises(bn.BadnetsError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_nothing_prints_more_than_a_few_lines(deal: Deal) -> None:
    user = bn.User(network=small(), data="digits")
    transfer = bn.TransferLearning(user, deal.subject)
    for one in (
        *(deal, deal.delivery, deal.subject, deal.measured, deal.attacked, user, user.order),
        *(user.judge(deal.subject), transfer, bn.HonestTrainer(start=deal.subject)),
        *(bn.MaliciousTrainer(LOOSE.Backdoor("patch", "all-to-all")), colour_reader()),
        bn.OutsourcedTraining(user, bn.HonestTrainer(), deal.subject),
    ):
        if "ImageSet" not in repr(one):
            assert len(repr(one)) < 1500 and "tensor(" not in repr(one), quoted(type(one))
    assert repr(deal.subject) == (
        "Classifier('Sequential', 1x28x28, 10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)"
    )
    assert repr(deal).startswith(f"Deal({deal.decision}: ") and "attack success" in repr(deal)
    assert repr(user) == "User('Sequential', 'digits', target_accuracy=0.95)"


class Inheriting(bn.MaliciousTrainer):
    """A trainer of one's own that says nothing new."""


@pytest.mark.parametrize("own", [Inheriting, Bringer])
def test_the_attack_is_measured_because_a_backdoor_is_there(own: Any, deal: Deal) -> None:
    backdoor: Any = deal.delivery.backdoor
    trainer: Any = own(backdoor, QUICK) if own is Inheriting else own(deal.subject, backdoor)
    user = bn.User(network=small(), data="digits", target_accuracy=0.1)
    measured = bn.OutsourcedTraining(user, trainer).run()
    assert measured.attack == deal.attack
    assert bn.OutsourcedTraining(user, Bringer(deal.subject)).run().attack is None
    assert torch.equal(weights_of(measured.subject), weights_of(deal.subject))
