"""Networks by name: what is not known, what does not fit, and what one's own code makes.

What every network of the table promises is tested by the contract of subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from badnets.core.errors import SettingError, UnknownNameError
from badnets.models import NETWORKS, build, build_detector, load_subject, save_subject, untrained
from badnets.models.catalogue import Shape, names_of, tasks_of
from badnets.models.inputs import colour_window
from tests.models.plain_signs import SMALL, tiny_zf

USUAL: Shape = (3, 224, 224)


def test_tasks_are_told_apart_by_name() -> None:
    assert [*names_of("classification"), *names_of("detection")] == list(NETWORKS)
    assert tasks_of("zf") == {"detection"} and tasks_of("gu-mnist") == {"classification"}
    assert tasks_of("timm.x") == tasks_of("own.module:net") == {"classification"}
    assert tasks_of("torchvision.x") == {"classification", "detection"}
    assert tasks_of("nothing") == set()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gu-mnits", "did you mean 'gu-mnist'"),
        ("resnet18", "torchvision.resnet18"),
        ("torchvision.resnet81", "did you mean 'resnet18'"),
        ("torchvision.", "unknown network 'torchvision.'"),
        ("timm.test_convnex", "did you mean 'test_convnext'"),
        ("timm.hf-hub:someone/something", "unknown timm network"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint) as caught:
        build(name, (3, 32, 32), 10)
    assert len(str(caught.value)) < 250, "one clear line, not every name there is"


@pytest.mark.parametrize("shape", [(3, 16_384, 1), (3, 1, 16_384)])
@pytest.mark.parametrize("name", ["torchvision.swin_t", "timm.swin_tiny_patch4_window7_224"])
def test_a_shape_that_no_one_thought_of_is_refused_in_one_line(name: str, shape: Shape) -> None:
    with torch.device("meta"), pytest.raises(SettingError, match=f"{name} does not take images"):
        build(name, shape, 10)


def test_a_tag_that_the_library_does_not_know_is_refused() -> None:
    with pytest.raises(SettingError, match=r"resnet18.fake_tag cannot be built: .*fake_tag"):
        build("timm.resnet18.fake_tag", (3, 32, 32), 10)


def of_torchvision() -> Iterator[tuple[str, Shape]]:
    """Give every classifier."""
    from torchvision import models

    for name in models.list_models(module=models):
        yield f"torchvision.{name}", USUAL


def of_timm() -> Iterator[tuple[str, Shape]]:
    """Give the network with the shortest name of each family, and the shape it is made for."""
    import timm

    for module in timm.list_modules():
        name = min(timm.list_models(module=module), key=lambda name: (len(name), name))
        known = timm.get_pretrained_cfg(name)
        yield f"timm.{name}", USUAL if known is None else known.input_size


def check_it_is_built_without_memory(name: str, shape: Shape = USUAL) -> None:
    with torch.device("meta"):
        network = build(name, shape, 10)
    kept = network.state_dict()
    assert len(kept) > 3 and all(one.is_meta for one in kept.values())


@pytest.mark.parametrize("name", ["torchvision.regnet_y_400mf", "timm.regnety_002"])
def test_networks_that_compute_their_own_sizes(name: str) -> None:
    check_it_is_built_without_memory(name)


def test_a_regnet_comes_back_from_its_bundle(tmp_path: Path) -> None:
    subject = untrained("torchvision.regnet_y_400mf", (3, 32, 32), ("a", "b"), seed=0)
    save_subject(subject, tmp_path / "net")
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(load_subject(tmp_path / "net").logits(images), subject.logits(images))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("networks", [of_torchvision, of_timm])
def test_every_network_of_torchvision_and_of_each_family_of_timm(
    networks: Callable[[], Iterator[tuple[str, Shape]]],
) -> None:
    failed: dict[str, str] = {}
    for name, shape in networks():
        try:
            check_it_is_built_without_memory(name, shape)
        except SettingError as error:
            failed[name] = str(error)
    assert failed == {}


@pytest.mark.parametrize("name", ["torchvision.alexnet", "timm.test_vit"])
def test_a_library_network_that_cannot_take_the_shape_says_so(name: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} does not take images of shape \(3, 20, 20\)"):
        build(name, (3, 20, 20), 10)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zff", "unknown detector 'zff': did you mean 'zf'"),
        ("gu-mnist", "unknown detector"),
        ("torchvision.fasterrcnn_mobilenet", "did you mean 'fasterrcnn_mobilenet"),
        ("torchvision.resnet18", "known are .*retinanet"),
        ("own.module:net", "unknown detector"),
    ],
)
def test_an_unknown_detector_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        build_detector(name, 2, {}, colour_window(64))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("torchvision.fasterrcnn_mobilenet_v3_large_fpn", {"width": 1}, "no settings, got width"),
        ("zf", {"depth": 1}, "depth"),
    ],
)
def test_settings_that_a_network_does_not_take_are_refused(
    name: str, settings: dict[str, int], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        build_detector(name, 2, settings, colour_window(64))
    with pytest.raises(SettingError, match="'gu-mnist' takes no settings, got width"):
        build("gu-mnist", (1, 28, 28), 10, settings={"width": 1})


def test_built_on_no_memory_at_all_it_has_the_same_tensors() -> None:
    with torch.device("meta"):
        empty = build_detector("zf", 2, SMALL, colour_window(64))
    full = tiny_zf().network.state_dict()
    assert {k: v.shape for k, v in empty.state_dict().items()} == {
        k: v.shape for k, v in full.items()
    }
