"""ONNX files: written whole with what they need to be used alone, read as data that others made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from badnets.core.errors import BundleError, OutputError, TrialError
from badnets.models import (
    Classifier,
    OnnxSubject,
    export_onnx,
    load,
    load_onnx,
    onnx_subject,
    untrained,
)
from badnets.models import onnx_child as reading
from badnets.models.catalogue import names_of
from badnets.models.inputs import input_spec
from badnets.models.onnx_file import PROPERTY, OnnxCard
from tests.models.onnx_bombs import BOMBS, Bomb, node, slow_for_bright_images, with_functions
from tests.models.onnx_toys import SIDES, WEIGHTS, linear, with_weights_in, write
from tests.models.toys import SHAPE, tiny

DIGEST = "0123456789abcdef" * 4


def named(classes: list[str], shape: tuple[int, ...] = SIDES) -> str:
    return json.dumps({"architecture": "toy", "classes": classes, "shape": shape})


def ones(pixels: int, classes: int) -> np.ndarray[Any, Any]:
    return np.ones((pixels, classes), dtype=np.float32)


def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def changed(change: Callable[[onnx.ModelProto], object], **settings: Any) -> onnx.ModelProto:
    model = linear(**settings)
    change(model)
    return model


def of_others(node: onnx.NodeProto) -> onnx.ModelProto:
    opset = helper.make_opsetid("com.evil", 1)
    return changed(lambda model: model.opset_import.append(opset), inner=[node])


def own_function(domain: str = "") -> onnx.ModelProto:
    """Return a model that defines its one operator itself, out of others of this domain."""
    body = [node("Flatten", "x", "flat", domain=domain), node("MatMul", "flat", "w", "y")]
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "Linear", ["x", "w"], ["y"], body, opsets)
    inner = [node("Linear", "images", "weights", "logits", domain="own")]
    return with_functions([function], "own", inner=inner)


SHELL = node("Shell", "images", "logits", domain="com.evil")
BRANCH = helper.make_graph(
    [node("Shell", "images", "inside", domain="com.evil")], "branch", [], [value("inside", "N", 3)]
)
BODY = helper.make_graph([node("Identity", "a", "b")], "body", [], [])
NUMBERS = [
    node("Cast", "images", "numbers", to=TensorProto.FLOAT),
    node("Flatten", "numbers", "flat"),
    node("MatMul", "flat", "weights", "logits"),
]
XYZ = named(["x", "y", "z"])
ODD: list[tuple[onnx.ModelProto, str]] = [
    (linear(said="{"), "is not JSON"),
    (linear(said="{}"), "architecture: Field required"),
    (linear(said=named(["x", "y"])), "gives 3 logits, and names 2 classes"),
    (linear(said=named(["x", "x", "z"])), "must differ"),
    (linear(said=named(["x", "y\n", "z"])), "printable"),
    (linear(said=named(["x", "y", "z"], (3, 2, 2))), "takes images (1, 2, 2), and says of itself"),
    (linear(said=XYZ[:-1] + ', "format": 2}'), "reads format 1"),
    (linear(said=XYZ[:-1] + ', "code": "print()"}'), "Extra inputs"),
    (changed(lambda m: m.metadata_props.add(key=PROPERTY, value="{}"), said=XYZ), "duplicate keys"),
    (linear(images=("N", 4)), "takes (N, 4): images (N, C, H, W) were expected"),
    (linear(images=("N", 1, "H", "W")), "of no fixed size, (N, 1, H, W)"),
    (linear(images=("N", 28, 28, 1), weights=ones(784, 3)), "last, (N, 28, 28, 1)"),
    (linear(images=("N", 1, 20_000, 1), weights=ones(20_000, 3)), "(N, 1, 20000, 1)"),
    (linear(weights=ones(4, 1)), "one number for an image"),
    (linear(weights=ones(4, 3) * np.float32(np.nan)), "NaN"),
    (linear(weights=ones(5, 3)), "onnxruntime"),
    (linear(kind=TensorProto.UINT8, inner=NUMBERS), "takes tensor(uint8): tensor(float)"),
    (
        changed(lambda m: m.graph.input.append(value("age", 1))),
        "takes 2 tensors (images, age): images alone",
    ),
    (
        changed(lambda m: m.graph.output.append(value("flat", "N", 4))),
        "gives 2 tensors (logits, flat): logits alone",
    ),
    (
        linear(inner=[node("Identity", "images", "logits")], logits=("N", *SIDES)),
        "logits (N, K) were expected",
    ),
    (of_others(SHELL), "operator 'Shell' of 'com.evil'"),
    (
        linear(inner=[node("If", "weights", "logits", then_branch=BRANCH, else_branch=BRANCH)]),
        "operator 'Shell'",
    ),
    (own_function(domain="com.evil"), "'Flatten' of 'com.evil'"),
    (linear(inner=[node("Loop", "weights", "", "images", "logits", body=BODY)]), "without loops"),
    (changed(lambda m: m.graph.node[1].input.__setitem__(1, "nothing")), "is not well formed"),
    (changed(lambda m: setattr(m, "ir_version", 999)), ""),
]


@pytest.fixture(scope="module")
def original() -> Classifier:
    """Return a network of three classes with a normalisation."""
    toy = tiny(classes=("left", "right", "neither"))
    return Classifier(toy.network.eval(), "tiny", input_spec(SHAPE), toy.classes)


@pytest.fixture(scope="module")
def exported(original: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    assert export_onnx(original, str(path), bundle=DIGEST).path == path, "named by text"
    return path


class TestExport:
    @pytest.mark.parametrize("count", [0, 1, 3, 250])
    def test_it_answers_any_number_of_images_as_the_original(
        self, original: Classifier, exported: Path, count: int
    ) -> None:
        images = torch.randint(0, 256, (count, *SHAPE), dtype=torch.uint8)
        subject = load(exported)
        assert isinstance(subject, OnnxSubject) and subject.architecture == "tiny"
        assert subject.logits(images).shape == (count, 3)
        torch.testing.assert_close(subject.logits(images), original.logits(images))

    def test_it_carries_what_is_needed_to_use_it_alone(
        self, original: Classifier, exported: Path
    ) -> None:
        model = onnx.load(str(exported))
        card = json.loads({one.key: one.value for one in model.metadata_props}[PROPERTY])
        assert card == {
            "format": 1,
            "architecture": "tiny",
            "classes": ["left", "right", "neither"],
            "shape": [1, 8, 8],
            "bundle": DIGEST,
        }
        assert load_onnx(str(exported)).classes == original.classes
        assert [one.name for one in model.graph.input] == ["images"]
        assert [one.name for one in model.graph.output] == ["logits"]

    def test_nothing_of_the_machine_that_made_it_is_inside(self, exported: Path) -> None:
        data = exported.read_bytes()
        for part in (str(Path.home()), str(Path(torch.__file__).parent), "badnets/models", ".py"):
            assert part.encode() not in data, part
        assert list(exported.parent.iterdir()) == [exported]

    def test_a_network_that_torch_cannot_convert_is_one_line_and_no_file(
        self, tmp_path: Path
    ) -> None:
        class Shaky(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.fc = nn.Linear(64, 3)

            def forward(self, images: Tensor) -> Tensor:
                flat = images.flatten(1)
                return self.fc(flat if bool(flat.sum() > 0) else -flat)  # type: ignore[no-any-return]

        subject = Classifier(Shaky().eval(), "shaky", input_spec(SHAPE), ("a", "b", "c"))
        with pytest.raises(OutputError, match="'shaky' cannot be converted to ONNX") as caught:
            export_onnx(subject, tmp_path / "net.onnx")
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.iterdir())

    def test_a_file_that_answers_otherwise_is_not_written(
        self, original: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "badnets.models.onnx_export._converted",
            lambda subject: linear(images=("N", *SHAPE), weights=ones(64, 3)),
        )
        with pytest.raises(OutputError, match="answers otherwise than the original"):
            export_onnx(original, tmp_path / "net.onnx")
        assert not list(tmp_path.iterdir())


class TestStrangersFiles:
    """Files that others made: what is usual works, the rest is refused with one line."""

    def test_one_without_names_takes_them_from_the_data_where_they_fit(
        self, tmp_path: Path
    ) -> None:
        path = write(linear(), tmp_path / "net.onnx")
        assert load_onnx(path).classes == ("0", "1", "2")
        assert load_onnx(path, ("a", "b", "c")).classes == ("a", "b", "c")
        assert load_onnx(path, ("a", "b")).classes == ("0", "1", "2")

    def test_its_own_names_come_first(self, tmp_path: Path) -> None:
        path = write(linear(said=named(["x", "y", "z"])), tmp_path / "net.onnx")
        assert load_onnx(path, ("a", "b", "c")).classes == ("x", "y", "z")

    @pytest.mark.parametrize("batch", [1, 4])
    def test_one_of_a_fixed_batch_size_answers_any_number(self, tmp_path: Path, batch: int) -> None:
        subject = load_onnx(write(linear(images=(batch, *SIDES)), tmp_path / "net.onnx"))
        images = torch.rand(6, *SIDES)
        expected = images.flatten(1) @ torch.from_numpy(WEIGHTS)
        torch.testing.assert_close(subject.logits(images), expected)

    def test_weights_beside_it_are_taken_in(self, tmp_path: Path) -> None:
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / "net.bin").write_bytes(b"xxxx" + WEIGHTS.tobytes() + b"more")
        model = with_weights_in(linear(), "weights/net.bin", offset="4", length=str(WEIGHTS.nbytes))
        subject = load_onnx(write(model, tmp_path / "net.onnx"))
        assert subject.predict(torch.eye(4)[:3].reshape(3, *SIDES)).tolist() == [0, 1, 2]

    @pytest.mark.parametrize(("model", "expected"), ODD, ids=[said or "newer" for _, said in ODD])
    def test_what_is_no_classifier_of_images(
        self, tmp_path: Path, model: onnx.ModelProto, expected: str
    ) -> None:
        refused(write(model, tmp_path / "net.onnx"), expected)

    def test_functions_that_it_defines_itself_are_only_operators(self, tmp_path: Path) -> None:
        subject = load_onnx(write(own_function(), tmp_path / "net.onnx"))
        assert subject.predict(torch.eye(4)[:3].reshape(3, *SIDES)).tolist() == [0, 1, 2]

    @pytest.mark.parametrize(("bomb", "expected"), BOMBS.values(), ids=BOMBS)
    def test_one_that_would_take_for_ever_or_all_memory_is_refused_or_stopped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: Bomb, expected: str
    ) -> None:
        monkeypatch.setattr(onnx_subject, "_OPENING_S", 1.0)
        monkeypatch.setattr(onnx_subject, "_BATCH_S", 1.0)
        path, made = tmp_path / "net.onnx", bomb()
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        refused(path, expected)

    def test_limits_are_ten_seconds_and_two_gibibytes(self) -> None:
        limits = (onnx_subject._READING_S, onnx_subject._OPENING_S, onnx_subject._BATCH_S)
        assert sum(limits) < 10
        assert onnx_subject._MEMORY < 2**31

    def test_one_that_is_slow_for_some_images_alone_is_stopped_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subject = load_onnx(write(slow_for_bright_images(), tmp_path / "net.onnx"))
        assert subject.logits(torch.zeros(3, *SIDES)).tolist() == [[0, 0, 0]] * 3
        monkeypatch.setattr(onnx_subject, "_BATCH_S", 1.0)
        with pytest.raises(TrialError, match="could not run the network: it takes longer than"):
            subject.logits(torch.ones(3, *SIDES))

    def test_odd_metadata_of_others_is_no_reason_to_refuse(self, tmp_path: Path) -> None:
        model = changed(lambda m: m.metadata_props.add(key="note", value="MARK"))
        path = tmp_path / "net.onnx"
        path.write_bytes(model.SerializeToString().replace(b"MARK", b"\x1b\xff\xfe\x00"))
        assert load_onnx(path).num_classes == 3

    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            ("/etc/passwd", "must lie in the folder"),
            ("../net.bin", "must lie in the folder"),
            ("a/../../net.bin", "must lie in the folder"),
            ("C:\\net.bin", "must lie in the folder"),
            ("", "must lie in the folder"),
            ("a\0b", "must lie in the folder"),
            ("missing.bin", "cannot read"),
            ("link.bin", "behind a link"),
            ("round.bin", "behind a link"),
            ("folder", "cannot read"),
            ("pipe", "weights of net.onnx: not a regular file"),
            ("short.bin", "too short for tensor 'weights'"),
        ],
    )
    def test_weights_elsewhere(self, tmp_path: Path, location: str, expected: str) -> None:
        (tmp_path / "net.bin").write_bytes(WEIGHTS.tobytes())
        folder = tmp_path / "inside"
        (folder / "folder").mkdir(parents=True)
        (folder / "short.bin").write_bytes(b"1234")
        (folder / "link.bin").symlink_to(tmp_path / "net.bin")
        (folder / "round.bin").symlink_to(folder / "round.bin")
        os.mkfifo(folder / "pipe")
        model = with_weights_in(linear(), location, length=str(WEIGHTS.nbytes))
        refused(write(model, folder / "net.onnx"), expected)

    @pytest.mark.parametrize("more", [{"offset": "-1"}, {"length": "1e9"}, {"offset": "9" * 16}])
    def test_weights_at_an_odd_place(self, tmp_path: Path, more: dict[str, str]) -> None:
        (tmp_path / "net.bin").write_bytes(WEIGHTS.tobytes())
        model = with_weights_in(linear(), "net.bin", **more)
        refused(write(model, tmp_path / "net.onnx"), "must be a whole number")

    def test_more_than_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(linear(), tmp_path / "net.onnx")
        monkeypatch.setattr(reading, "MAX_BYTES", path.stat().st_size - 1)
        with pytest.raises(BundleError, match="too large"):
            reading.read_onnx(path)
        (tmp_path / "net.bin").write_bytes(WEIGHTS.tobytes())
        beside = write(with_weights_in(linear(), "net.bin"), tmp_path / "beside.onnx")
        monkeypatch.setattr(reading, "MAX_BYTES", beside.stat().st_size + WEIGHTS.nbytes - 1)
        with pytest.raises(BundleError, match="too large"):
            reading.read_onnx(beside)

    @pytest.mark.parametrize("data", [b"", b"hello", b"\x80\x02}q\x00.", b"\x08\x07" * 9])
    def test_what_is_no_onnx_file(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "net.onnx"
        path.write_bytes(data)
        refused(path, "is not an ONNX file")

    def test_a_truncated_one(self, exported: Path, tmp_path: Path) -> None:
        path = tmp_path / "net.onnx"
        path.write_bytes(exported.read_bytes()[:-100])
        refused(path, "is not an ONNX file")

    def test_a_missing_one(self, tmp_path: Path) -> None:
        refused(tmp_path / "net.onnx", "No such file")


def refused(path: Path, expected: str) -> None:
    with pytest.raises(BundleError) as caught:
        reading.read_onnx(path)  # as a child does, and says what it raised: it takes a second more
        load_onnx(path)
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert len(message) < 600
    assert path.name in message


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("gu-mnist", "small-resnet") else [pytest.mark.slow])
        for name in names_of("classification")
    ],
)
def test_every_network_of_ours_can_be_converted(name: str, tmp_path: Path) -> None:
    channels = 1 if name == "gu-mnist" else 3
    side = 28 if name == "gu-mnist" else 32
    subject = untrained(name, (channels, side, side), ("cat", "dog"), seed=0)
    export_onnx(subject, tmp_path / "net.onnx")
    images = torch.rand(3, channels, side, side)
    answers = load_onnx(tmp_path / "net.onnx").logits(images)
    assert torch.allclose(answers, subject.logits(images), atol=1e-4)


def test_a_card_needs_two_classes() -> None:
    with pytest.raises(ValueError, match="classes"):
        OnnxCard.of(architecture="toy", classes=("one",), shape=SIDES)
