"""``README.md``: the model card, written from what the config and the claims say."""

from __future__ import annotations

import re

from badnets.bundles.claims import Claims
from badnets.bundles.config import BundleConfig

MAX_NAMED_CLASSES = 50
OWN_CODE = (
    "- That is a function in its maker's own code, which is not in this folder: loading the",
    "  network runs it, and asks for consent first.",
)


def model_card(config: BundleConfig, claims: Claims) -> str:
    """Return the card: what the network is, what its maker claims, and what that does not show."""
    channels, height, width = config.input.shape
    named = ", ".join(_code(name) for name in config.classes[:MAX_NAMED_CLASSES])
    left_out = len(config.classes) - MAX_NAMED_CLASSES
    lines = [
        f"# {_code(config.architecture.name)}",
        "",
        f"A network for {config.task} with {config.num_classes} classes.",
        "",
        "## The network",
        "",
        f"- Architecture: {_code(config.architecture.name)}{_listed(config.architecture.settings)}",
        *(OWN_CODE if ":" in config.architecture.name else ()),
        f"- Input: {channels} x {height} x {width} (channels, height, width), values in [0, 1], "
        f"normalised with mean {_numbers(config.input.mean)} and std {_numbers(config.input.std)}",
        f"- Classes: {named}{f' and {left_out} more' if left_out > 0 else ''}",
        "",
        "## What its maker claims",
        "",
        *_claimed(claims),
        "",
        "Claims are the maker's words: nothing in this folder proves them. Accuracy on clean",
        "images says nothing about how the network answers to images that carry a trigger.",
        "",
        "## Files",
        "",
        "`model.safetensors` (weights), `config.json`, `claims.json`, `README.md`, and",
        "`manifest.json` with the size and SHA-256 of each. No file holds code.",
        "",
    ]
    return "\n".join(lines)


def _claimed(claims: Claims) -> list[str]:
    lines = [f"- Made by: {_code(claims.made_by.tool)} {_code(claims.made_by.version)}"]
    if claims.created is not None:
        lines.append(f"- Created: {claims.created}")
    if claims.clean_accuracy is not None:
        rate = claims.clean_accuracy
        share = f"{100 * rate.hits / rate.total:.2f} %"
        lines.append(
            f"- Clean accuracy: {share} ({rate.hits} of {rate.total} images, {_code(rate.data)})"
        )
    if claims.training:
        lines.append(f"- Training: {_listed(claims.training).removeprefix(', ')}")
    lines += [f"- Data, {_code(part)}: SHA-256 `{digest}`" for part, digest in claims.data.items()]
    if claims.notes:
        lines += ["", *(f"> {_plain(line)}".rstrip() for line in claims.notes.splitlines())]
    return lines


def _listed(settings: dict[str, bool | int | float | str | None]) -> str:
    return "".join(f", {key} {_code(str(value))}" for key, value in sorted(settings.items()))


def _numbers(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def _code(text: str) -> str:
    """Return ``text`` as inline code that nothing in it can leave."""
    flat = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    if longest == 0:
        return f"`{flat}`"
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}"


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
