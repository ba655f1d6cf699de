"""The model card: facts, claims marked as claims, and nothing that markup could hide behind."""

from __future__ import annotations

from badnets.bundles import Architecture, BundleConfig, Claims, InputSpec, MadeBy, model_card

from .test_config import CLAIMS, CONFIG


def test_the_card_says_what_config_and_claims_say() -> None:
    card = model_card(CONFIG, CLAIMS)
    for fact in (
        "# `gu-mnist`",
        "classification with 10 classes",
        "width `16`",
        "1 x 28 x 28",
        "mean (0.1307) and std (0.3081)",
        "`0`, `1`, `2`",
        "`badnets` `0.1`",
        "99.49 % (9949 of 10000 images, `mnist test`)",
        "lr `0.004`",
        "0" * 64,
        "> second line",
    ):
        assert fact in card
    assert card.endswith("\n")
    assert card == model_card(CONFIG, CLAIMS)


def test_the_card_calls_no_model_safe() -> None:
    card = model_card(CONFIG, CLAIMS).lower()
    assert "nothing in this folder proves them" in card
    for word in ("is safe", "trusted", "secure", "no backdoor", "verified"):
        assert word not in card


def test_few_claims_make_a_short_card() -> None:
    card = model_card(CONFIG, Claims(made_by=MadeBy(tool="x", version="1")))
    assert "Clean accuracy:" not in card
    assert "Created" not in card


def test_many_classes_are_counted_not_listed() -> None:
    config = BundleConfig(
        task="classification",
        architecture=Architecture(name="resnet18"),
        input=InputSpec(channels=3, height=64, width=64, mean=(0.5,) * 3, std=(0.5,) * 3),
        classes=tuple(f"class {number}" for number in range(1000)),
    )
    card = model_card(config, CLAIMS)
    assert "`class 49` and 950 more" in card
    assert "class 50" not in card


def test_markup_in_names_and_notes_stays_text() -> None:
    config = CONFIG.model_copy(update={"classes": ("`a``b`", "<script>")})
    claims = CLAIMS.model_copy(update={"notes": "<img src=x> [safe](http://x) # Heading"})
    card = model_card(config, claims)
    assert "``` `a``b` ```" in card
    assert "`<script>`" in card
    assert r"> \<img src=x\> \[safe\](http://x) \# Heading" in card
