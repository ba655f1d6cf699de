"""What comes of a route by which an attacker's model may reach a user."""

from __future__ import annotations

from typing import Literal

from badnets.core.results import Result

Came = Literal["it", "another", "nothing"]
"""What a user ends up with: what is sent, what an author has published before, or neither."""

Noticed = Literal["nothing", "wrong checksum", "no checksum"]
By = Literal["nobody", "others", "author"]


class AtZoo(Result):
    """What a user of a zoo with checksums gets.

    Attributes:
        notices: what stands out to a user who compares checksums.
        gets: what that user keeps.
        gets_by_hand: what a user keeps who compares nothing.
    """

    notices: Noticed
    gets: Came
    gets_by_hand: Came


class AtHub(Result):
    """What a user of the hub gets.

    Attributes:
        says: the line of a refusal, without digests, which are others each time; empty where
            nothing is refused.
        exit_code: of ``badnets hub pull``.
        gets: what lies there afterwards.
        let_pass: what the user's policy let pass, as the receipt records it.
    """

    says: str
    exit_code: int
    gets: Came
    let_pass: tuple[str, ...] = ()


class Played(Result):
    """A route, and what came of it.

    Attributes:
        route: its name in `badnets.hub.attacks.supply_chain.ROUTES`.
        by: who attacks.
    """

    route: str
    by: By
    zoo: AtZoo
    hub: AtHub
