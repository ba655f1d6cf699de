"""What a user does with a delivered network."""

from __future__ import annotations

from typing import Literal

Decision = Literal["accepted", "rejected", "collapsed"]
"""Accepted; rejected, as its clean accuracy is below what was ordered; or collapsed: it gives
nearly always the same answer, so that no rate of an attack means anything."""
