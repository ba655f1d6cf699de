"""Networks by name: what is not known, what does not fit, and what one's own code makes.

What every network of the table promises is tested by the contract of subjects.
"""

from __future__ import annotations

import pytest
import torch

from badnets.core.errors import SettingError, UnknownNameError
from badnets.models import NETWORKS, build, build_detector
from badnets.models.catalogue import names_of, tasks_of
from badnets.models.inputs import colour_window
from tests.models.plain_signs import SMALL, tiny_zf


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
