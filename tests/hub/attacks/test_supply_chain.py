"""The routes of the paper: what a zoo with checksums lets through, and the hub does not."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from badnets.bundles import BundleConfig, Claims, MadeBy, write_bundle
from badnets.core.verdicts import Verdict
from badnets.hub.attacks.routes import Played
from badnets.hub.attacks.supply_chain import FOUND_NOTHING, ROUTES, play

CONFIG = {
    "task": "classification",
    "architecture": {"name": "gu-mnist"},
    "input": {"channels": 1, "height": 2, "width": 2, "mean": [0.0], "std": [1.0]},
    "classes": ["a", "b"],
}
LIKELY = Verdict(
    conclusion="backdoor likely", p_value=0.02, smallest_fpr=0.02, max_fpr=0.05, null="reference"
)
REFUSED = {
    "edited index": "digest",
    "replaced file": "digest",
    "replaced file, no checksum given": "digest",
    "hash swapped with the file": "signature",
    "compromised host": "signature",
    "compromised host, its keys stolen": "author",
    "tampered in transit": "digest",
    "tampered in transit, index too": "signature",
    "own, not audited": "audit missing",
    "own, audited": "audit verdict",
    "passed on, base not audited": "base model",
    "passed on, base audited": "base model",
}


def bundle(folder: Path, weight: int) -> Path:
    head = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    return write_bundle(
        folder,
        tensors=struct.pack("<Q", len(head)) + head + bytes([weight] * 4),
        config=BundleConfig.from_json(json.dumps(CONFIG).encode(), "config"),
        claims=Claims(made_by=MadeBy(tool="badnets", version="1")),
    ).path


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sent")
    return bundle(folder / "good", 1), bundle(folder / "bad", 2)


@pytest.fixture(scope="module")
def played(bundles: tuple[Path, Path]) -> dict[str, Played]:
    return {one.route: one for one in play(*bundles, LIKELY)}


def test_what_the_user_of_a_zoo_notices(played: dict[str, Played]) -> None:
    assert list(played) == list(ROUTES)
    untouched, *rest = played.values()
    others = {one.route: one.zoo for one in rest}
    assert (untouched.zoo.notices, untouched.zoo.gets) == ("nothing", "another")
    compared = {name for name, one in others.items() if one.notices == "wrong checksum"}
    assert compared == {"replaced file", "tampered in transit"}
    assert all((one.gets == "it") == (name not in compared) for name, one in others.items())
    assert {one.gets_by_hand for one in others.values()} == {"it"}
    assert others["replaced file, no checksum given"].notices == "no checksum"


@pytest.mark.parametrize(("route", "reason"), REFUSED.items())
def test_the_hub_refuses_each_for_its_reason(
    played: dict[str, Played], route: str, reason: str
) -> None:
    hub = played[route].hub
    assert hub.says.startswith(f"refused ({reason}): "), hub.says
    assert (hub.exit_code, hub.gets) == (1, "nothing")


def test_what_it_lets_in_is_the_honest_one_and_what_no_audit_finds(
    played: dict[str, Played],
) -> None:
    let_in = {name: one.hub for name, one in played.items() if name not in REFUSED}
    honest = let_in.pop("nothing changed")
    assert (honest.gets, honest.let_pass) == ("another", ("no audit that counts",))
    (limit,) = let_in.values()
    assert (limit.says, limit.exit_code, limit.gets) == ("", 0, "it")


def test_a_network_without_another_has_its_author_alone(bundles: tuple[Path, Path]) -> None:
    played = {one.route: one for one in play(None, bundles[1], FOUND_NOTHING)}
    assert {one.by for one in played.values()} == {"author"}
    assert played["own, audited"].hub.exit_code == 0


def test_no_line_holds_what_differs_from_run_to_run(played: dict[str, Played]) -> None:
    lines = " ".join(one.hub.says for one in played.values())
    assert "[digest]" in lines and "127.0.0.1" not in lines
