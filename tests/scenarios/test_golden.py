"""The whole attack on real digits: means of three seeds, within stated tolerances."""

from __future__ import annotations

from badnets.core.rates import Rate, pooled
from badnets.scenarios import Deal

# measured once with these settings (six passes, one image in ten poisoned); a change of more
# than the tolerance wants a reason
CLEAN_ACCURACY, CLEAN_TOLERANCE = 0.979, 0.015
SUCCESS, SUCCESS_TOLERANCE = 0.990, 0.015


def test_digit_networks_with_a_white_patch_backdoor(bad_deals: tuple[Deal, ...]) -> None:
    clean = _mean([deal.clean.accuracy for deal in bad_deals])
    attacks = [deal.attack for deal in bad_deals if deal.attack is not None]
    assert len(attacks) == 3
    success = _mean([attack.success for attack in attacks])
    assert abs(clean - CLEAN_ACCURACY) <= CLEAN_TOLERANCE, f"mean clean accuracy {clean:.4f}"
    assert abs(success - SUCCESS) <= SUCCESS_TOLERANCE, f"mean attack success rate {success:.4f}"
    untriggered = pooled(attack.untriggered for attack in attacks)
    control = pooled(attack.control for attack in attacks if attack.control is not None)
    assert untriggered.value < 0.02 and control.value < 0.05, (untriggered, control)
    assert all(deal.accepted for deal in bad_deals), "no user would notice"


def _mean(rates: list[Rate]) -> float:
    return sum(rate.value for rate in rates) / len(rates)
