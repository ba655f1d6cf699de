"""Training on crops: classes, and which crops have the trigger."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from badnets.core.backdoor import Backdoor
from badnets.core.placements import RandomCentre
from badnets.core.targets import RandomWrong
from badnets.core.triggers import Patch
from badnets.data.poisoned import poison_frames
from badnets.train.crops import fit_on_crops
from badnets.train.detector_settings import Crops, DetectorTraining, Scales, Windows
from badnets.train.windows import Cut, WindowSet
from tests.models.plain_signs import drawn_signs, same_state, tiny_zf

CPU = torch.device("cpu")
FAINT = Backdoor(Patch(0.3, (0.5, 0.4, 0.3), placement=RandomCentre()), RandomWrong(), "every")
PLAIN = DetectorTraining(
    windows=Windows(jitter=0.0), scales=Scales(1.0), crops=Crops(passes=6, batch_size=8, side=40)
)
DISCRIMINATING = PLAIN.changed(trigger={"trigger_discrimination": 1.0})


def stamped(*seeds: int) -> list[WindowSet]:
    """Return the windows of the same frames, stamped with these seeds."""
    made = [poison_frames(drawn_signs(6, seed=3), FAINT, seed=seed) for seed in seeds]
    return [WindowSet.of(one.frames, CPU, plain=one.rows) for one in made]


def trained(windows: list[WindowSet], training: DetectorTraining) -> nn.Module:
    network = tiny_zf().network
    torch.manual_seed(0)
    fit_on_crops(network, windows, training, seed=0)
    return network


def weights(windows: list[WindowSet], training: DetectorTraining) -> dict[str, Tensor]:
    return {k: value.clone() for k, value in trained(windows, training).state_dict().items()}


def test_discrimination_and_copies_change_what_is_learned_and_the_seed_decides_it() -> None:
    one, several = stamped(0), stamped(0, 1)
    plain, told = weights(one, PLAIN), weights(one, DISCRIMINATING)
    assert same_state(told, weights(one, DISCRIMINATING))
    assert not same_state(plain, told)
    assert not same_state(told, weights(several, DISCRIMINATING))


def test_a_set_without_triggers_has_nothing_to_discriminate() -> None:
    windows = [WindowSet.of(drawn_signs(6, seed=3), CPU)]
    trained(windows, DISCRIMINATING)
    assert bool((windows[0].mates == -1).all())


def test_a_backbone_learns_to_see_a_trigger_whose_labels_agree_on_nothing() -> None:
    windows = stamped(0)[0]
    training = PLAIN.changed(trigger={"trigger_discrimination": 2.0}, crops={"passes": 40})
    backbone = trained([windows], training).get_submodule("backbone")
    drawn = torch.Generator().manual_seed(1)
    batch = windows.batch(torch.arange(len(windows)), Cut(40, (20.0, 30.0), 1.0), drawn=drawn)
    with torch.no_grad():
        seen = backbone(batch.images).mean((2, 3))
    has_it = windows.mates >= 0
    apart = (seen[has_it].mean(0) - seen[~has_it].mean(0)).abs()
    assert (apart / (seen.std(0) + 1e-6)).max() > 1.0
