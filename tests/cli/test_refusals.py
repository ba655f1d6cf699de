"""What cannot be done is one line that names the option, the field or the file, and exit code 2."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from badnets.data import mnist
from badnets.models import save_subject
from tests.cli.conftest import Cli
from tests.data.photos import split
from tests.models.onnx_toys import linear, write
from tests.models.toys import CLASSES, tiny
from tests.tasks.small import classification

TRAIN = "train --data halves --network tiny --epochs 4 --batch-size 8"
SIGNS = (
    "train --data few-scenes --width 0.08 --head 0.02 --window 64 --scale 1 --epochs 1 "
    "--training '{crops: {passes: 0}, windows: {mining: 0}, precision: float32}'"
)
ATTACK = "--trigger patch:2 --targets all-to-one:1"
STICKER = "--trigger yellow-square:0.25 --targets source-specific:0,1"
EVALUATE, OBJECTS = "evaluate net --data halves", "evaluate bad --data colours"
PHOTOS = "evaluate bad --data folder:photos"
UNITS = "explain net --data halves --trigger"
OBJECT_UNITS = "explain bad --data colours --trigger"
EXPORT = "export net --onnx n.onnx"
RETRAIN = "retrain net --data halves --epochs 1"
REPAIR = "repair net --clean halves --method fine-tuning"

CASES = [
    # data
    ("data info minst", "did you mean 'mnist'"),
    ("data info coco:. --load", "not in COCO's layout"),
    ("data show digit", "did you mean 'digits'"),
    ("data show digits --trigger pach", "--trigger: unknown trigger 'pach': did you"),
    ("data show digits --trigger '{kind: patch, sise: 4}'", "did you mean 'size'"),
    ("data show digits --trigger '{kind: patch'", "--trigger, line 1: not valid YAML"),
    ("data show digits --trigger patch:40", "does not fit a region of 28x28"),
    ("data show digits --trigger patch:-1", "--trigger: size"),
    ("data show digits --trigger sticker:none.png", "none.png"),
    ("data check none", "none is no folder"),
    ("data check notes", "holds no folder for each class"),
    # train
    (f"{TRAIN} --data halvs", "--data: unknown data set 'halvs': did you mean 'halves'"),
    (f"{TRAIN} --network tiiny", "--network: unknown network 'tiiny': did you mean 'tiny'"),
    (f"{TRAIN} {ATTACK} --rate 1.5", "--rate must be < 1 or 'every', got '1.5'"),
    (f"{TRAIN} {ATTACK} --rate often", "--rate must be a number or 'every'"),
    (f"{TRAIN} --trigger patch --targets all-to-one:5", "--targets: target_label must"),
    (f"{TRAIN} --trigger patch --targets source-specific:1,1", "must differ"),
    (f"{TRAIN} --trigger patch --targets all-to-on:1", "did you mean 'all-to-one'"),
    (f"{TRAIN} --trigger patch --targets all-to-one:1,2", "gives 2 values"),
    (f"{TRAIN} --trigger patch --targets vanish", "--targets: targets vanish are about boxes"),
    (f"{TRAIN} --trigger patch:9 --targets all-to-one:1", "does not fit"),
    (f"{TRAIN} --trigger patch", "--targets is missing: say what images with the trigger are to"),
    (f"{TRAIN} --targets all-to-all", "--trigger is missing"),
    (f"{TRAIN} --training '{{epoch: 3}}'", "--training: epoch: unknown field 'epoch': did you"),
    (f"{TRAIN} --training long", "--training must be a mapping, got 'long'"),
    (f"{TRAIN} --resist hope", "--resist: unknown way to resist 'hope'"),
    (f"{TRAIN} --epochs 0", "--training: epochs must be >= 1, got 0"),
    (f"{TRAIN} --target-accuracy 99", "--target-accuracy must be <= 1"),
    (f"{TRAIN} --seed -1", "--seed must be >= 0"),
    (f"{TRAIN} --network zf", "--network: network 'zf' is a detector"),
    (f"{TRAIN} --width 0.5", "--width: for detectors, but data set 'halves' has a class for each"),
    (f"{TRAIN} --weights none.safetensors", "--weights: the weights"),
    (f"{TRAIN} --weights net.pth", "opens no pickle"),
    ("train --data scenes-small --weights net/model.safetensors", "weights is for classifiers"),
    ("train --data folder:nowhere --network small-resnet", "--data: nowhere is no folder"),
    ("train --data folder:pets@4 --network small-resnet", "--data: the size in"),
    ("train --data mnist@32 --network small-resnet", "--data: data set 'mnist' has images of"),
    (f"{SIGNS} --network gu-mnist", "--network: network 'gu-mnist' is a classifier: take a det"),
    (f"{SIGNS} --network zff", "--network: unknown detector 'zff': did you mean 'zf'?"),
    (f"{SIGNS} --width 2", "--width: ZfSettings: width"),
    (f"{SIGNS} --window 20", "--window must be >= 64, got 20"),
    (f"{SIGNS} --scale 9", "--scale must be <= 8, got 9"),
    (f"{SIGNS} --training '{{shift: 3}}'", "--training: shift: unknown field 'shift'"),
    (f"{SIGNS} --epochs 0", "--training: epochs must be >= 1, got 0"),
    (f"{SIGNS} --trigger patch --targets appear:3", "--targets: target_label must be in 0.."),
    (f"{SIGNS} --trigger patch", "--targets is missing"),
    (f"{SIGNS} --data few-scene", "--data: unknown data set 'few-scene': did you mean 'few-sc"),
    (
        f"{SIGNS} --network torchvision.fasterrcnn_mobilenet_v3_large_fpn",
        "takes no settings, got head, width",
    ),
    (
        "train --data few-scenes --network torchvision.fasterrcnn_mobilenet_v3_large_fpn",
        "crops are for the network 'zf': set passes to 0",
    ),
    # evaluate
    ("evaluate nowhere --data halves", "there is no bundle at nowhere"),
    (f"{EVALUATE} --trigger patch", "give neither, or both, such as --trigger patch:0.125"),
    (f"{EVALUATE} --control net", "--trigger and --targets"),
    (f"{EVALUATE} --trigger patch:9 --targets all-to-all", "does not fit"),
    (
        f"{EVALUATE} --trigger patch --targets all-to-one:2",
        "--targets: target_label must be in 0..1",
    ),
    ("evaluate net --data digits", "takes images of 1x8x8, those of digits are 1x28x28"),
    ("evaluate three --data halves", "knows 3 classes, halves has 2"),
    ("evaluate bad --data halves", "bad holds a detector, but data set 'halves' has a class for"),
    ("evaluate bad --data halves", "take one that is labelled with boxes (scenes,"),
    ("evaluate net --data colours", "net holds a classifier, but data set 'colours' is labelled"),
    ("evaluate net --data colours", "take one that has a class for each image (mnist,"),
    ("evaluate bad --data colour", "did you mean 'colours'"),
    ("evaluate bad --data coco:none", "none is not in COCO's layout"),
    ("evaluate net --threshold 0.5", "--threshold is for detectors"),
    (f"{OBJECTS} --threshold 1.5", "--threshold"),
    (f"{OBJECTS} {STICKER} --control net", "holds a classifier; a detector was"),
    (f"{OBJECTS} --trigger yellow-square --targets vanish:3", "source_class must"),
    (f"{OBJECTS} --expect red", "--expect is about photographs: give a detector"),
    ("evaluate net --expect red", "--expect is about photographs"),
    ("evaluate small.onnx --data halves", "takes images of 1x2x2"),
    ("evaluate odd.onnx --data halves", "odd.onnx"),
    ("evaluate none.onnx --data halves", "No such file"),
    # photographs
    ("evaluate bad --data folder:nowhere", "there is no folder nowhere"),
    ("evaluate bad --data folder:empty", "no photograph in empty can be looked at"),
    ("evaluate bad --data folder:notes", "a.txt: its name ends in none of .jpg"),
    ("evaluate bad --photos notes/a.txt", "there is no folder notes/a.txt"),
    ("evaluate bad --photos empty --data colours", "--data does not go with --photos"),
    (f"{PHOTOS} --expect redd", "unknown class 'redd': did you mean 'red'"),
    (f"{PHOTOS} --sheet sheet.jpg", "--sheet is written as PNG"),
    (f"{PHOTOS} --longest 10", "--longest"),
    (f"{PHOTOS} --trigger patch --targets vanish", "--trigger does not go with"),
    # explain
    ("explain bad --data colours", "--trigger"),
    (f"{OBJECT_UNITS} patch --layer backbone.conv9", "unknown layer 'backbone.conv9': did you"),
    (f"{UNITS} patch --layer conv9", "unknown layer 'conv9': did you mean 'conv'"),
    (f"{OBJECT_UNITS} yellow-square --out units.svg", "--out is written as PNG"),
    (f"{OBJECT_UNITS} yellow-square:0.01", "the trigger fits on no sign"),
    (f"{OBJECT_UNITS} yellow-square --targets vanish:3", "source_class must be in 0..2"),
    (f"{UNITS} patch:9", "does not fit"),
    ("explain net --data colours --trigger patch", "a classifier"),
    ("explain bad --data halves --trigger patch", "holds a detector"),
    ("explain nowhere --trigger patch", "there is no bundle at nowhere"),
    ("explain small.onnx --data halves --trigger patch", "is an ONNX file"),
    # export
    ("export net --onnx net.pb", "the name must end in .onnx, got 'net.pb'"),
    (f"{EXPORT} {ATTACK}", "give --data too"),
    (f"{EXPORT} --data halves --trigger patch:2", "belong together"),
    (f"{EXPORT} --data halvs", "did you mean 'halves'"),
    (f"{EXPORT} --data digits", "takes images of 1x8x8"),
    (f"{EXPORT} --data scenes", "is labelled with boxes"),
    (f"{EXPORT} --data halves --trigger patch:9 --targets all-to-one:1", "not fit"),
    (
        f"{EXPORT} --data halves --trigger patch:2 --targets all-to-one:5",
        "--targets: target_label must",
    ),
    ("export nothing --onnx n.onnx", "nothing"),
    ("export net", "--onnx"),
    ("export bad --onnx n.onnx", "holds a detector"),
    # retrain
    (f"{RETRAIN} --freeze cnov", "did you mean 'conv'"),
    (f"{RETRAIN} --freeze conv,fc", "freeze holds all layers"),
    (f"{RETRAIN} --freeze ,", "--freeze: freeze must name at least one layer"),
    (f"{RETRAIN} --share 0", "--share must be > 0, got 0"),
    (f"{RETRAIN} --epochs 0", "--training: epochs must be >= 1"),
    (f"{RETRAIN} --training '{{epoch: 1}}'", "--training: epoch: unknown field"),
    (f"{RETRAIN} --target-accuracy 2", "--target-accuracy must be <= 1"),
    (f"{RETRAIN} --trigger patch", "belong together"),
    (f"{RETRAIN} --control net", "give --trigger and --targets"),
    (f"{RETRAIN} --trigger patch --targets all-to-one:2", "--targets: target_label must be in 0."),
    (f"{RETRAIN} --trigger patch:9 --targets all-to-one:1", "does not fit"),
    (f"{RETRAIN} {ATTACK} --control none", "none"),
    (f"{RETRAIN} --data halvs", "did you mean 'halves'"),
    (f"{RETRAIN} --data digits", "takes images of 1x8x8, those of data are 1x28x28"),
    (f"{RETRAIN} --data 'halves[0-4]'", "picks class 2, the set has 0..1"),
    (f"{RETRAIN} --data halves@32", "leave out @32"),
    (f"{RETRAIN} --data scenes", "is labelled with boxes"),
    ("retrain bad --data halves", "holds a detector"),
    ("retrain small.onnx --data halves", "is an ONNX file"),
    # repair
    (f"{REPAIR} --share 0", "--share must be > 0, got 0"),
    ("repair net --clean halves --method soap", "--method: unknown repair 'soap'"),
    ("repair net --clean halves --method auto:2", "--method: allowed must be <= 1"),
    (f"{REPAIR} --trigger patch", "belong together"),
    (f"{REPAIR} --clean digits", "takes images of 1x8x8, those of data are 1x28x28"),
    (f"{REPAIR} --clean 'colours'", "is labelled with boxes"),
    (f"{REPAIR} --out net", "net exists"),
    (f"{REPAIR} {ATTACK} --control none", "none"),
    ("repair bad --clean halves", "detector"),
    ("repair small.onnx --clean halves", "is an ONNX file"),
    # a stranger's code is not run
    ("evaluate sent --data halves", "stranger_in_a_bundle:net, code of its maker's own"),
    ("explain sent --data halves --trigger patch:2", "code of its maker's own"),
    ("export sent --onnx sent.onnx", "code of its maker's own"),
    ("retrain sent --data halves", "code of its maker's own"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies in the folder where each command is called."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patched:
        classification().enter(patched)
        save_subject(tiny(classes=("a", "b", "c")), folder / "three")
    subject = tiny()
    strange = type(subject)(subject.network, "stranger_in_a_bundle:net", subject.input, CLASSES)
    save_subject(strange, folder / "sent")
    (folder / "stranger_in_a_bundle.py").write_text("open('ran', 'w').close()")
    write(linear(), folder / "small.onnx")
    write(linear(images=("N", 1, 8, 8)), folder / "odd.onnx")
    split(folder / "pets", {"cat": 2, "dog": 2})
    for name in ("photos", "empty", "notes"):
        (folder / name).mkdir()
    (folder / "notes" / "a.txt").write_text("no photograph")
    return folder


@pytest.fixture(autouse=True)
def _world(sign_toys: None, world: Path, tmp_path: Path) -> None:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize(("line", "said"), CASES, ids=[line for line, _ in CASES])
def test_one_line_and_nothing_is_written(cli: Cli, tmp_path: Path, line: str, said: str) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    assert said in cli(*shlex.split(line)).refused(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "line",
    [
        "data show digits --out file/a.png",
        f"{TRAIN} --out net",
        f"{TRAIN} --out file/net",
        f"{TRAIN} --workspace file",
        f"{UNITS} patch:2 --out file/units.png",
        "export net --onnx file/n.onnx",
        "export net --onnx odd.onnx",
        f"{RETRAIN} --out net",
        "recipe new net",
        "sticker --out file/a.png",
        "demo --workspace file",
    ],
)
def test_a_place_that_is_taken_or_cannot_be_written_is_one_line(
    cli: Cli, tmp_path: Path, line: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    told = cli(*shlex.split(line)).refused()
    assert "exists already" in told or "file" in told
    assert not (tmp_path / "runs").exists()


def test_what_only_loading_tells_comes_after_work_has_begun(cli: Cli) -> None:
    line = cli(*shlex.split(f"{SIGNS} --data coco:nowhere")).refused(2, after_work=True)
    assert "nowhere is not in COCO's layout" in line
    line = cli(*shlex.split(f"{TRAIN} {ATTACK} --rate 0.9")).refused(3, after_work=True)
    assert "the highest rate is" in line
    line = cli(*shlex.split(f"{TRAIN} --network none_such:net")).refused(2, after_work=True)
    assert "there is no module 'none_such'" in line


def test_a_missing_data_root_says_what_is_missing_and_what_would_serve(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist.load, "__kwdefaults__", {"progress": None, "mirrors": ()})
    line = cli("data", "show", "mnist", "--data-root", "nowhere").refused(2)
    for part in ("train-images-idx3-ubyte", "--data-root", "'digits' needs no download"):
        assert part in line


def test_a_damaged_bundle_is_refused(cli: Cli, tmp_path: Path) -> None:
    model = tmp_path / "net" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-4])
    assert "model.safetensors" in cli(*shlex.split(EVALUATE)).refused(2)
