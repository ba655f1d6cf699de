"""Servers that lie, stall, lead elsewhere or have no end."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from badnets.bundles.manifest import CONFIG, MODEL
from badnets.hub.attacks.forging import expired
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import WEIGHTS, Scene
from badnets.hub.attacks.web import (
    Answer,
    Handler,
    Served,
    drip,
    endless,
    said,
    sent,
    silent,
    status,
)
from badnets.hub.fetching import place_of
from badnets.hub.names import STATEMENT

Run = Callable[[Scene], object]
_PAGE = b"<!doctype html><title>Welcome to the hotel's network</title>" + b" " * WEIGHTS
_STAMP = "timestamp.json"
_SHORT_S, _HELD_S = 0.6, 8.0  # servers here would drip for ten seconds


def _answers(part: str, answer: Answer, **settings: Any) -> Run:
    """Return what pulls while a server answers so."""

    def run(scene: Scene) -> None:
        scene.served.faults[part] = answer
        scene.asking(**settings).pull()

    return run


def _leads(to: Callable[[Scene], str], part: str = MODEL) -> Run:
    """Return what pulls while a server leads elsewhere."""

    def run(scene: Scene) -> None:
        own = scene.file(MODEL).name if part == MODEL else part
        scene.served.faults[own] = status(302, Location=to(scene))
        scene.pull()

    return run


def _nowhere(handler: Handler, data: bytes) -> None:
    """Lead elsewhere, and do not say where."""
    status(302)(handler, data)


def _other_range(handler: Handler, data: bytes) -> None:
    place = f"bytes 5-{len(data) - 1}/{len(data)}"
    sent(lambda whole: whole[5:], code=206, Content_Range=place)(handler, data)


def _at(address: Callable[[Served], str]) -> Run:
    """Return what trusts a repository at another address than where it is, and pulls."""

    def run(scene: Scene) -> None:
        scene.served.url = place_of(address(scene.served))
        scene.pull()

    return run


def _offline_late(scene: Scene) -> None:
    scene.pull()
    late = scene.trusted.metadata / _STAMP
    scene.forge.write("timestamp", expired)
    late.write_bytes(scene.forge.path("timestamp").read_bytes())
    scene.asking(offline=True).pull()


def _offline_first(scene: Scene) -> None:
    scene.asking(offline=True).pull()


def _closed(served: Served) -> str:
    return "http://127.0.0.1:9/" + served.url.rpartition("/")[2]


GROUP = Group(
    "servers",
    "A server that is away, lies, stalls, leads elsewhere or never ends; exit code 3 says so.",
    (
        Attack("no timestamp there (404)", "could not be checked", _answers(_STAMP, status(404)),
               "not there"),
        Attack("no statement there (404)", "could not be checked",
               _answers(STATEMENT, status(404)), "not there"),
        Attack("weights that may not be read (403)", "could not be checked",
               _answers(MODEL, status(403)), "answers 403"),
        Attack("a server that fails (500)", "could not be checked", _answers(_STAMP, status(500)),
               "answers 500"),
        Attack("a server that has no time (503), on and on", "could not be checked",
               _answers(_STAMP, status(503)), "answers 503"),
        Attack("an answer without content (204)", "could not be checked",
               _answers(MODEL, status(204)), "answers 204"),
        Attack("nothing has changed (304), to a first question", "could not be checked",
               _answers(MODEL, status(304)), "answers 304"),
        Attack("a server that says nothing", "could not be checked", _answers(
            _STAMP, silent, silence_s=0.3), "silent"),
        Attack("metadata that drip", "deadline", _answers(_STAMP, drip(), deadline_s=_SHORT_S),
               within_s=_HELD_S),
        Attack("weights that drip", "deadline", _answers(MODEL, drip(), deadline_s=2.0),
               within_s=_HELD_S),
        Attack("'100 Continue' without end", "deadline", _answers(
            MODEL, said(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), deadline_s=2.0), within_s=_HELD_S),
        Attack("headers without end", "could not be checked", _answers(
            MODEL, said(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 1000)),
            "does not answer as web servers do"),
        Attack("a header of a megabyte", "could not be checked", _answers(
            MODEL, said(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 2**20 + b"\r\n\r\n")),
            "does not answer as web servers do"),
        Attack("another protocol", "could not be checked",
               _answers(MODEL, said(b"SSH-2.0-OpenSSH_9.9\r\n")),
               "does not answer as web servers do"),
        Attack("a status that is no number", "could not be checked",
               _answers(MODEL, said(b"HTTP/1.1 fine OK\r\n\r\n")),
               "does not answer as web servers do"),
        Attack("to another server", "redirect", _leads(lambda scene: "http://127.0.0.1:9/x"),
               "another server"),
        Attack("metadata to another server", "redirect",
               _leads(lambda scene: "http://localhost:9/x", _STAMP), "another server"),
        Attack("to a file of the user", "redirect", _leads(lambda scene: "file:///etc/passwd"),
               "another server"),
        Attack("to itself, on and on", "redirect",
               _leads(lambda scene: f"{scene.served.url}/{scene.file(MODEL).name}"), "on and on"),
        Attack("to nowhere", "redirect", _answers(MODEL, _nowhere), "on and on"),
        Attack("to another file of the same server", "digest", _leads(
            lambda scene: f"{scene.served.url}/targets/bob/base/1.0/"
            + scene.file(MODEL, "bob/base/1.0").name)),
        Attack("a hotel's page in the place of the timestamp", "malformed",
               _answers(_STAMP, sent(lambda data: _PAGE[:100]))),
        Attack("a hotel's page in the place of the weights", "length",
               _answers(MODEL, sent(lambda data: _PAGE[:100]))),
        Attack("more bytes announced than were signed", "too large",
               _answers(MODEL, sent(lambda data: data + b"x" * 99))),
        Attack("weights without end, their length not announced", "too large",
               _answers(MODEL, endless())),
        Attack("statements without end", "too large", _answers(STATEMENT, endless())),
        Attack("chunks that are none", "could not be checked", _answers(
            MODEL, said(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")),
               "broke off"),
        Attack("weights packed by gzip though nobody asked", "length", _answers(
            MODEL, sent(gzip.compress, Content_Encoding="gzip"))),
        Attack("part of a file that was not asked for", "could not be checked",
               _answers(MODEL, _other_range), "asked from byte 0"),
        Attack("no such part of a file", "length", _answers(MODEL, status(416)), "has no byte"),
        Attack("an empty configuration", "length", _answers(CONFIG, sent(lambda data: b""))),
        Attack("nobody at the address", "could not be checked", _at(_closed), "cannot be reached"),
        Attack("no safe connection at an address of https", "could not be checked", _at(
            lambda served: served.url.replace("http:", "https:")), "no safe connection"),
        Attack("an address with a password", "wrong use", _at(
            lambda served: served.url.replace("//", "//me:secret@")), "may hold no user"),
        Attack("an address of another kind", "wrong use", _at(
            lambda served: served.url.replace("http:", "ftp:")), "begins with https"),
        Attack("offline, what was fetched last has expired", "expired", _offline_late),
        Attack("offline, and nothing was fetched before", "could not be checked", _offline_first,
               "pull once without --offline"),
    ),
)  # fmt: skip
