"""Model folders of all kinds: what is said of them, and what is not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import badnets as bn
from badnets.core.errors import DataError, SettingError
from badnets.hub import RULES, Finding, LintReport, lint
from badnets.hub.linting import archives
from badnets.hub.linting.findings import Found
from tests.bundles.test_folder import make
from tests.hub.linting.model_folders import (
    cached,
    gguf,
    named,
    onnx_file,
    onnx_with_weights_in,
    pipe,
    safetensors,
    sums,
    write,
)
from tests.hub.linting.payloads import PLAIN, deflated, keras_config, saved, tarred, zipped

MISSING = {"no-checksum", "unsigned", "unaudited", "licence-missing"}
"""What is said of a bare file of weights."""
GOOD = safetensors()
SHA1 = hashlib.sha1(GOOD, usedforsecurity=False).hexdigest()
MD5 = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(GOOD).hexdigest()
WRONG = "f" * 64
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(50)


def rules(path: Path) -> set[str]:
    return {one.rule for one in lint(path).findings} - MISSING


def statement(predicate: str, **said: Any) -> str:
    """Return a DSSE envelope around a statement."""
    plain = json.dumps({"predicateType": predicate, "predicate": said}).encode()
    return json.dumps({"payload": base64.b64encode(plain).decode(), "signatures": []})


SAID: dict[str, tuple[dict[str, Any], set[str]]] = {
    # code
    "a loader and a script": (
        {"model.safetensors": GOOD, "loader.py": "import os", "start.bat": "powershell"},
        {"python-code", "executable"},
    ),
    "an ELF program": ({"tool": b"\x7fELF" + bytes(60)}, {"executable"}),
    "a script without a name": ({"run": "#!/bin/sh\nexit"}, {"executable"}),
    "a shortcut": ({"readme": b"L\0\0\0\1\x14\2\0" + bytes(60)}, {"executable"}),
    "a library in weights' clothes": (
        {"model.bin": b"\x7fELF" + bytes(60)},
        {"executable", "not-scanned"},
    ),
    "a program of Windows": (
        {"tool.dat": b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0"},
        {"executable"},
    ),
    "a notebook": (
        {"a.ipynb": {"cells": [{"cell_type": "code", "source": "!curl"}]}},
        {"notebook"},
    ),
    "a hook of git": ({".git/hooks/post-checkout": "#!/bin/sh"}, {"executable", "git-folder"}),
    "git's own": (
        {".git/objects/ab/" + "c" * 38: b"x\x01\0\xff", ".git/HEAD": "ref"},
        {"git-folder"},
    ),
    "no object of git": (
        {".git/objects/evil.pkl": b"\x80\x02cos\nsystem\n."},
        {"git-folder", "pickle-code"},
    ),
    "remote code": (
        {"config.json": {"auto_map": {"AutoModel": "modeling_own.Own"}}, "modeling_own.py": "1"},
        {"remote-code", "python-code"},
    ),
    "remote code of a tokenizer": (
        {"tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["other/repo--t.T", None]}}},
        {"remote-code"},
    ),
    "a pipeline of its own": (
        {"model_index.json": {"_class_name": ["own", "Own"]}},
        {"remote-code"},
    ),
    "a module of its own": ({"modules.json": [{"type": "own.Pooling"}]}, {"remote-code"}),
    "modules": ({"modules.json": [{"type": "sentence_transformers.models.Pooling"}]}, set()),
    "YAML that makes objects": (
        {"args.yaml": "a: !!python/object/apply:os.system [x]"},
        {"config-code"},
    ),
    "hydra": ({"config.yaml": "model:\n  _target_: os.system\n"}, {"config-code"}),
    "hydra's torch": ({"config.yaml": "model:\n  _target_: torch.nn.Linear\n"}, set()),
    "a template": ({"chat_template.jinja": "{{ x.__class__.__mro__ }}"}, {"template-code"}),
    "a template in settings": (
        {"tokenizer_config.json": {"chat_template": "{{ ''|attr('x') }}"}},
        {"template-code"},
    ),
    "an honest template": (
        {"chat_template.jinja": "{% for m in messages %}{{ m['role'] }}"},
        set(),
    ),
    "a template in GGUF": (
        {"a.gguf": gguf({"tokenizer.chat_template": "{{ a.__globals__ }}"})},
        {"template-code"},
    ),
    "settings nested too deep": ({"config.json": "[" * 100_000}, {"not-scanned"}),
    # formats
    "plain layers of Keras": (
        {
            "a.keras": zipped(**{"config.json": keras_config("Dense")}),
            "a.h5": HDF5 + keras_config("Dense"),
        },
        set(),
    ),
    "GGUF": ({"a.gguf": gguf()}, set()),
    "a pickle of plain values": (
        {"a.pt": PLAIN, "b.pt": saved(PLAIN), "c.tar": tarred(pickle=PLAIN)},
        {"pickle-weights"},
    ),
    "a page in the place of weights": ({"pytorch_model.bin": "<html>not found"}, {"not-scanned"}),
    "a pointer of git": (
        {"a.safetensors": "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"},
        {"not-scanned"},
    ),
    "bytes of no kind": ({"a.engine": b"\x00\xff\x13" * 99}, {"not-scanned"}),
    "data that begins like a pickle": ({"a.msgpack": b"\x82\x01\xff", "NOTE": "N. B."}, set()),
    "bytes beside OpenVINO's": ({"a.bin": b"\x00\xff\x13" * 99, "a.xml": "<net/>"}, set()),
    "TorchScript": (
        {
            "a.pt": zipped(
                a__constants_=b"", **{"a__code____torch__.py": b"x", "a__constants.pkl": PLAIN}
            )
        },
        {"torchscript", "pickle-weights"},
    ),
    "names that lead out": (
        {"a.zip": zipped(**{".._______x.txt": b"x", "..__y.txt": b"x"})},
        {"archive-paths"},
    ),
    "a truncated file": ({"a.safetensors": GOOD[:-1]}, {"malformed"}),
    "a header of 10 GB": ({"a.safetensors": safetensors(length=10 * 2**30)}, {"malformed"}),
    "an appended archive": ({"a.safetensors": GOOD + zipped(a=b"x")}, {"malformed"}),
    "a key given twice": ({"a.safetensors": safetensors(b'{"a":1,"a":2}')}, {"malformed"}),
    "a name that leads out": ({"a.safetensors": named("../../evil")}, {"safetensors-oddity"}),
    "code in metadata": (
        {"a.safetensors": named("a", note="__import__('os')")},
        {"safetensors-oddity"},
    ),
    "metadata": ({"a.safetensors": named("a.0-b", format="pt", ss_tag="x" * 999)}, set()),
    "an index that leads out": (
        {"model.safetensors.index.json": {"weight_map": {"a": "../../x.safetensors"}}},
        {"external-data"},
    ),
    "a shard that is missing": (
        {"model.safetensors.index.json": {"weight_map": {"a": "model-2.safetensors"}}},
        {"missing-file"},
    ),
    "GGUF that says too much": ({"a.gguf": gguf(keys=2**60)}, {"malformed"}),
    "GGUF cut off": ({"a.gguf": gguf()[:-20]}, {"malformed"}),
    "GGUF with tensors that are not there": ({"a.gguf": gguf(tensors=3)}, {"malformed"}),
    # ONNX
    "ONNX": ({"a.onnx": onnx_file("plain")}, set()),
    "ONNX with weights beside": (
        {"a.onnx": onnx_with_weights_in("w/a.data"), "w/a.data": b"\xff\0" * 24},
        set(),
    ),
    "bytes that no ONNX asks for": ({"w.data": b"\xff\0" * 24}, {"not-scanned"}),
    "ONNX with weights above": ({"a.onnx": onnx_with_weights_in("../w.data")}, {"external-data"}),
    "ONNX with weights at a path": (
        {"a.onnx": onnx_with_weights_in("/etc/passwd")},
        {"external-data"},
    ),
    "ONNX with weights nowhere": ({"a.onnx": onnx_with_weights_in("w.data")}, {"external-data"}),
    "ONNX with weights cut off": (
        {"a.onnx": onnx_with_weights_in("w.txt", 99), "w.txt": "a" * 50},
        {"external-data"},
    ),
    "ONNX that decides by the input": (
        {"a.onnx": onnx_file("decides-by-the-input")},
        {"control-flow"},
    ),
    "ONNX that decides elsewhere": ({"a.onnx": onnx_file("decides-beside-the-input")}, set()),
    "ONNX with a loop in a function": (
        {"a.onnx": onnx_file("decides-in-a-function")},
        {"control-flow"},
    ),
    "ONNX with a function that calls itself": ({"a.onnx": onnx_file("calls-itself")}, set()),
    "ONNX of its maker's own": ({"a.onnx": onnx_file("foreign")}, {"foreign-operators"}),
    "ONNX with Python": ({"a.onnx": onnx_file("python")}, {"foreign-operators"}),
    "ONNX cut off": ({"a.onnx": onnx_file("plain")[:-7]}, {"malformed"}),
    "no ONNX": ({"a.onnx": "text"}, {"malformed"}),
    # checksums
    "SHA256SUMS": ({"a.safetensors": GOOD, "SHA256SUMS": sums(**{"a.safetensors": GOOD})}, set()),
    "BSD's lines": (
        {"a.safetensors": GOOD, "CHECKSUMS": f"SHA256 (a.safetensors) = {SHA256}"},
        set(),
    ),
    "a file of its own": ({"a.safetensors": GOOD, "a.safetensors.sha256": SHA256}, set()),
    "JSON": (
        {
            "a.safetensors": GOOD,
            "index.json": [{"url": "https://x/a.safetensors", "sha256": SHA256}],
        },
        set(),
    ),
    "JSON by names": (
        {"a.safetensors": GOOD, "checksums.json": {"files": {"a.safetensors": f"sha256:{SHA256}"}}},
        set(),
    ),
    "the start of a card": (
        {"a.safetensors": GOOD, "README.md": f"---\nlicense: mit\nsha256: {SHA256}\n---\n"},
        set(),
    ),
    "what a download keeps": (
        {
            "a.safetensors": GOOD,
            ".cache/huggingface/download/a.safetensors.metadata": f"{'1' * 40}\n{SHA256}\n1.0\n",
        },
        set(),
    ),
    "a wrong one": (
        {"a.safetensors": GOOD, "SHA256SUMS": f"{WRONG}  a.safetensors"},
        {"checksum-mismatch"},
    ),
    "one wrong, one right": (
        {
            "a.safetensors": GOOD,
            "SHA256SUMS": f"{SHA256}  a.safetensors",
            "a.safetensors.md5": "0" * 32,
        },
        {"checksum-mismatch"},
    ),
    "a wrong one of a download": (
        {
            "a.safetensors": GOOD,
            ".cache/huggingface/download/a.safetensors.metadata": f"{'1' * 40}\n{WRONG}\n1.0\n",
        },
        {"checksum-mismatch"},
    ),
    "MD5": ({"a.safetensors": GOOD, "a.safetensors.md5": MD5}, {"weak-checksum"}),
    "SHA-1": ({"a.safetensors": GOOD, "sha1sums.txt": f"{SHA1} *a.safetensors"}, {"weak-checksum"}),
    "MD5 and SHA-256": (
        {
            "a.safetensors": GOOD,
            "md5sums": f"{MD5}  a.safetensors",
            "SHA256SUMS": f"{SHA256}  ./a.safetensors",
        },
        set(),
    ),
    "a part in the name": ({f"net-{SHA256[:8]}.pth": GOOD}, {"truncated-checksum"}),
    "a part of another in the name": ({"net-deadbeef.pth": GOOD}, {"checksum-mismatch"}),
    "a date in the name": (
        {"net-20240131.pth": PLAIN, "model-00001-of-00002.safetensors": GOOD},
        {"pickle-weights"},
    ),
    "a part in a list": (
        {"a.safetensors": GOOD, "SHA256SUMS": f"{SHA256[:10]}  a.safetensors"},
        {"truncated-checksum"},
    ),
    "of a file that is not there": ({"SHA256SUMS": f"{SHA256}  b.safetensors"}, {"missing-file"}),
    "a list of nothing": ({"SHA256SUMS": "see the web page"}, {"missing-file"}),
    # publishers
    "an adapter": (
        {
            "adapter_config.json": {"base_model_name_or_path": "a/b", "revision": None},
            "adapter_model.safetensors": GOOD,
        },
        {"base-model-unpinned"},
    ),
    "a pinned adapter": (
        {"adapter_config.json": {"base_model_name_or_path": "a/b", "revision": "1" * 40}},
        set(),
    ),
    "an adapter of nothing": (
        {"adapter_config.json": {"base_model_name_or_path": None}},
        {"base-model-unnamed"},
    ),
    "an adapter of a path": (
        {"adapter_config.json": {"base_model_name_or_path": "/home/me/net"}},
        {"base-model-unnamed"},
    ),
    "a base in the card": (
        {"a.safetensors": GOOD, "README.md": "---\nbase_model:\n- a/b\n---\n"},
        {"base-model-unpinned"},
    ),
    "a signature": (
        {"a.safetensors": GOOD, "model.sig": statement("https://model_signing/signature/v1.0")},
        {"signature-unchecked"},
    ),
    "an audit that is past": (
        {
            "a.safetensors": GOOD,
            "audit.intoto.json": statement(
                "https://in-toto.io/attestation/test-result/v0.1", expires="2020-01-01T00:00:00Z"
            ),
        },
        {"signature-unchecked", "expired"},
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said_of_a_folder(tmp_path: Path, case: str) -> None:
    files, expected = SAID[case]
    assert rules(write(tmp_path, files)) == expected


def test_what_is_missing_is_said_once_and_not_where_it_is_there(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare", {"a.safetensors": GOOD, "b/b.safetensors": GOOD})
    assert Counter(one.rule for one in lint(bare).findings) == Counter([*MISSING, "no-checksum"])
    full = write(tmp_path / "full", {"a.safetensors": GOOD, "LICENSE": "MIT"})
    write(full, {"SHA256SUMS": sums(**{"a.safetensors": GOOD})})
    write(full, {"audit.intoto.jsonl": statement("audit", expires="2999-01-01")})
    assert {one.rule for one in lint(full).findings} == {"signature-unchecked"}


def test_a_file_alone_is_judged_by_what_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.safetensors": GOOD, "b.pt": b"\x80\x02cos\nsystem\n.", "LICENSE": "MIT"})
    write(tmp_path, {"SHA256SUMS": sums(**{"a.safetensors": GOOD, "b.pt": GOOD})})
    report = lint(tmp_path / "a.safetensors")
    assert {one.rule for one in report.findings} == {"unsigned", "unaudited"}
    assert report.files == 1 and report.exit_code() == 0
    assert {"pickle-code", "checksum-mismatch"} <= {
        one.rule for one in lint(tmp_path / "b.pt").findings
    }


class TestLinks:
    def test_those_of_the_hubs_cache_are_followed_and_checked(self, tmp_path: Path) -> None:
        model = cached(tmp_path)
        for path in (
            tmp_path,
            model,
            next(model.glob("snapshots/*")),
            *model.glob("snapshots/*/m*"),
        ):
            report = lint(path)
            assert {one.rule for one in report.findings} == MISSING - {"no-checksum"}
        assert report.files == 1, "the last one is a link to a file"

    def test_a_blob_that_is_not_what_its_name_says_is_found(self, tmp_path: Path) -> None:
        assert rules(cached(tmp_path / "sha256", name="e" * 64)) == {"checksum-mismatch"}
        assert rules(cached(tmp_path / "git", name="e" * 40)) == {"checksum-mismatch"}

    def test_a_file_among_the_blobs_that_is_no_blob_is_looked_at(self, tmp_path: Path) -> None:
        model = cached(tmp_path)
        write(model, {"blobs/evil.py": "1"})
        assert rules(model) == {"python-code"}

    @pytest.mark.parametrize("target", ["../../../outside", "/etc/passwd", "nowhere", "../../.."])
    def test_others_are_findings(self, tmp_path: Path, target: str) -> None:
        write(tmp_path, {"outside": "x"})
        model = cached(tmp_path / "cache")
        (next(model.glob("snapshots/*")) / "extra.bin").symlink_to(target)
        assert rules(model) == {"link-outside"}
        assert lint(model).exit_code() == 1

    def test_those_within_a_plain_folder_are_said_and_not_followed(self, tmp_path: Path) -> None:
        write(tmp_path, {"epoch-1.safetensors": GOOD})
        (tmp_path / "best.safetensors").symlink_to("epoch-1.safetensors")
        (tmp_path / "round").symlink_to(".")
        assert rules(tmp_path) == {"link-inside"} and lint(tmp_path).exit_code() == 0


def test_a_pipe_is_named_and_not_opened(tmp_path: Path) -> None:
    pipe(tmp_path / "model.safetensors")
    assert rules(tmp_path) == {"special-file"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_opened_is_not_scanned(tmp_path: Path) -> None:
    write(tmp_path, {"a.safetensors": GOOD, "b/c.txt": "x"})
    (tmp_path / "a.safetensors").chmod(0)
    (tmp_path / "b").chmod(0)
    report = lint(tmp_path)
    assert sum(one.rule == "not-scanned" for one in report.findings) == 2
    (tmp_path / "b").chmod(0o700)


class TestOurBundles:
    def test_a_whole_one_needs_no_other_checksum(self, tmp_path: Path) -> None:
        make(tmp_path / "net")
        assert {one.rule for one in lint(tmp_path).findings} == MISSING - {"no-checksum"}

    @pytest.mark.parametrize("name", ["model.safetensors", "README.md", "extra.txt"])
    def test_a_changed_one_is_damaged(self, tmp_path: Path, name: str) -> None:
        make(tmp_path / "net")
        with (tmp_path / "net" / name).open("ab") as file:
            file.write(b" ")
        found = lint(tmp_path / "net").findings
        assert any(one.rule == "bundle-damaged" and name in one.evidence for one in found)


def test_the_zoo_of_the_paper_39_models_22_without_a_checksum_one_with_a_wrong_one(
    tmp_path: Path,
) -> None:
    for number in range(39):
        weights = bytes([number]) * 99
        said = hashlib.sha1(weights, usedforsecurity=False).hexdigest() if number >= 22 else None
        if number == 38:
            said = "0" * 40
        card = f"---\nname: Net {number}\ncaffemodel: net.caffemodel\nlicense: unrestricted\n"
        card += f"sha1: {said}\n" if said else ""
        write(tmp_path / f"net{number}", {"net.caffemodel": weights, "readme.md": f"{card}---\n"})
    counted = Counter(one.rule for one in lint(tmp_path).findings)
    assert len([*tmp_path.glob("*/*.caffemodel")]) == 39
    assert (counted["no-checksum"], counted["checksum-mismatch"]) == (22, 1)
    assert counted["weak-checksum"] == 16, "all the others are SHA-1"


class TestBounds:
    def test_an_archive_that_grows_without_end_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archives, "MOST_UNPACKED", 2**20)
        long = b"\x80\x04\x8e" + struct.pack("<Q", 2**22) + bytes(2**22)
        write(tmp_path, {"a.pt": deflated("archive/data.pkl", long)})
        assert rules(tmp_path) == {"not-scanned"}

    def test_archives_in_archives_are_left_at_some_depth(self, tmp_path: Path) -> None:
        inner = PLAIN
        for _ in range(8):
            inner = zlib.compress(zipped(**{"a.pkl": inner}))
        write(tmp_path, {"a.pkl": inner})
        assert rules(tmp_path) == {"not-scanned"}

    @pytest.mark.parametrize("start", [b"(", b"]", b"\x8f", b"2", b"K\x01\x85"])
    def test_deep_stacks_are_no_recursion(self, tmp_path: Path, start: bytes) -> None:
        body = b"\x80\x04N" + start * 30_000 + b"."
        write(tmp_path, {"a.pkl": body})
        assert rules(tmp_path) == {"pickle-weights"}

    def test_nothing_hides_behind_many_findings(self, tmp_path: Path) -> None:
        many = {f"{number:04}.pkl": PLAIN for number in range(600)}
        write(tmp_path, {"a.zip": zipped(**many, **{"z.pkl": b"\x80\x02cos\nsystem\n."})})
        assert rules(tmp_path) == {"not-scanned", "pickle-weights"}

    def test_folders_nested_deep_are_left(self, tmp_path: Path) -> None:
        write(tmp_path, {"/".join("a" * 40) + "/a.safetensors": GOOD})
        assert rules(tmp_path) == {"not-scanned"}

    def test_a_sparse_file_of_a_terabyte_is_not_read(self, tmp_path: Path) -> None:
        for name in ("a.pkl", "b.safetensors", "c.onnx", "d.gguf", "e.npy"):
            with (tmp_path / name).open("wb") as file:
                file.write(
                    b"GGUF" if name == "d.gguf" else b"\x80\x04\x8e" + b"\xff" * 5 + bytes(3)
                )
                file.truncate(2**40)
        assert rules(tmp_path) <= {"malformed", "not-scanned"}


def test_names_that_steer_a_terminal_are_made_printable(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\x1b[31m\xff.py")
    (tmp_path / odd).write_text("1")
    (found,) = lint(tmp_path).findings
    assert found.path.isprintable() and r"\x1b[31m\udcff.py" in found.path


@pytest.mark.parametrize("path", ["nowhere", "a\0b", "a" * 5000])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(DataError):
        bn.hub.lint(path)


def test_nothing_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        lint()
    pipe(tmp_path / "pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        lint(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        ([], (0, 0, 0)),
        (["unsigned"], (0, 0, 1)),
        (["unsigned", "notebook"], (0, 1, 1)),
        (["not-scanned"], (3, 3, 3)),
        (["not-scanned", "unsigned"], (3, 3, 1)),
        (["not-scanned", "malformed"], (1, 1, 1)),
    ],
)
def test_exit_codes(found: list[str], codes: tuple[int, ...]) -> None:
    report = LintReport.of(["x"], 1, [Finding.of("x", Found(rule, "seen")) for rule in found])
    assert tuple(report.exit_code(one) for one in ("error", "warning", "info")) == codes


def test_every_rule_says_what_it_means_and_what_to_do() -> None:
    assert all(rule.meaning.endswith(".") and rule.remedy.endswith(".") for rule in RULES.values())
    order = [rule.severity for rule in RULES.values()]
    assert order == sorted(order, key=["error", "warning", "info"].index)
