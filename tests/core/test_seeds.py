"""One seed per run; each purpose draws from a generator of its own."""

from __future__ import annotations

import hashlib

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.core.seeds import generator


def draws(seed: int, purpose: str) -> list[int]:
    numbers: list[int] = torch.randint(2**40, (8,), generator=generator(seed, purpose)).tolist()
    return numbers


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_seeds_decide(first: int, second: int) -> None:
    assert draws(first, "rows") == draws(first, "rows")
    assert (draws(first, "rows") == draws(second, "rows")) == (first == second)


def test_purposes_are_independent_and_cannot_be_mistaken_for_seeds() -> None:
    purposes = ["poisoned rows", "poisoned labels", "trigger places", "batch order", "1", ""]
    assert len({tuple(draws(seed, purpose)) for seed in range(20) for purpose in purposes}) == 120
    assert draws(1, "1/rows") != draws(11, "rows") != draws(1, "/rows")


def test_drawing_more_for_one_purpose_leaves_the_others() -> None:
    torch.manual_seed(0)
    before, shared = draws(3, "batch order"), torch.random.get_rng_state()
    torch.rand(1000, generator=generator(3, "poisoned rows"))
    assert draws(3, "batch order") == before
    assert torch.equal(torch.random.get_rng_state(), shared), "the global generator was used"


def test_a_seed_stays_what_it_was_when_results_were_published() -> None:
    expected = int(hashlib.sha256(b"0/poisoned rows").hexdigest()[:16], 16) // 2
    assert generator(0, "poisoned rows").initial_seed() == expected
