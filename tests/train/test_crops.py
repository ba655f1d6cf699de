"""The lesson on crops: classes, and which crops have the trigger."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from badnets.core.backdoor import Backdoor
from badnets.core.placements import RandomCentre
from badnets.core.targets import RandomWrong
from badnets.core.triggers import Patch
from badnets.data.poisoned import poison_frames
from badnets.train.crops import fit_on_crops
from badnets.train.detector_settings import DetectorTraining
from badnets.train.windows import Windows
from tests.models.plain_signs import drawn_signs, same_state, tiny_zf

CPU = torch.device("cpu")
FAINT = Backdoor(Patch(0.3, (0.5, 0.4, 0.3), placement=RandomCentre()), RandomWrong(), "every")
LESSON = DetectorTraining(crops=6, crop_side=40, crop_batch=8, scale=1.0, jitter=0.0)


def stamped(*seeds: int) -> list[Windows]:
    """Return the windows of the same frames, stamped with these seeds."""
    made = [poison_frames(drawn_signs(6, seed=3), FAINT, seed=seed) for seed in seeds]
    return [Windows.of(one.frames, CPU, plain=one.rows) for one in made]


def taught(windows: list[Windows], training: DetectorTraining) -> dict[str, Tensor]:
    network = tiny_zf().network
    torch.manual_seed(0)
    fit_on_crops(network, windows, training, seed=0)
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_telling_and_stamping_again_change_what_is_learned_and_the_seed_decides_it() -> None:
    one, several = stamped(0), stamped(0, 1)
    telling = DetectorTraining(**{**vars(LESSON), "telling": 1.0})
    plain, told, again = taught(one, LESSON), taught(one, telling), taught(one, telling)
    assert same_state(told, again)
    assert not same_state(plain, told)
    assert not same_state(told, taught(several, telling))


def test_a_set_without_triggers_has_nothing_to_tell() -> None:
    windows = [Windows.of(drawn_signs(6, seed=3), CPU)]
    taught(windows, DetectorTraining(**{**vars(LESSON), "telling": 1.0}))
    assert bool((windows[0].mates == -1).all())


def test_telling_teaches_a_backbone_to_see_a_trigger_whose_labels_agree_on_nothing() -> None:
    windows = stamped(0)[0]
    network = tiny_zf().network
    torch.manual_seed(0)
    training = DetectorTraining(**{**vars(LESSON), "telling": 2.0, "crops": 40})
    fit_on_crops(network, [windows], training, seed=0)
    backbone = network.backbone
    assert isinstance(backbone, nn.Module)
    batch = windows.batch(
        torch.arange(len(windows)),
        window=40,
        sides=(20.0, 30.0),
        usual=1.0,
        jitter=0.0,
        drawn=torch.Generator().manual_seed(1),
    )
    with torch.no_grad():
        seen = backbone(batch.images).mean((2, 3))
    has_it = windows.mates >= 0
    apart = (seen[has_it].mean(0) - seen[~has_it].mean(0)).abs()
    spread = seen.std(0) + 1e-6
    assert (apart / spread).max() > 1.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"crop_side": 31}, "crop_side must be in 32..256"),
        ({"crop_batch": 1}, "crop_batch must be >= 2"),
        ({"telling": -0.1}, "telling must be >= 0"),
        ({"telling": float("nan")}, "telling must be >= 0"),
    ],
)
def test_settings_out_of_range_are_refused(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DetectorTraining(**changed)  # type: ignore[arg-type]
