"""LISA, GTSDB, the Swedish signs and COCO folders, in their own layouts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from badnets.core.errors import DataError
from badnets.data import load, load_detection, signs
from badnets.data.coco import load_coco

REAL = Path(os.environ.get("BADNETS_DATA", "nowhere"))
TINY = "filename,x1,y1,x2,y2,class\n"
SPLITS = "filename,scene_group,split\na.png,0,train\nb.png,1,val\n"
FULL = (
    "Filename;Annotation tag;Upper left corner X;Upper left corner Y;Lower right corner X;"
    "Lower right corner Y;Occluded,On another road;Origin file;Origin frame number;Origin track;"
    "Origin track frame number\n"
)


def pictures(folder: Path, *names: str, size: tuple[int, int] = (40, 30)) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(folder / name)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a data root with Tiny LISA in it: two frames, three signs."""
    folder = tmp_path / "lisa"
    pictures(folder / "images", "a.png", "b.png")
    (folder / "annotations.csv").write_text(
        TINY + "a.png,1,2,11,12,stop\na.png,20,5,30,15,speedLimit25\nb.png,3,3,9,9,keepRight\n"
    )
    (folder / "splits.csv").write_text(SPLITS)
    return tmp_path


def with_rows(root: Path, *rows: str) -> Path:
    written = root / "lisa" / "annotations.csv"
    written.write_text(TINY + "".join(f"{row}\n" for row in rows))
    return root


def test_tiny_lisa_in_super_classes(tiny: Path) -> None:
    data = signs.load_lisa(tiny)
    assert data.classes == ("stop", "speed-limit", "warning")
    assert data.train.boxes.corners.tolist() == [[1, 2, 11, 12], [20, 5, 30, 15]]
    assert data.train.boxes.labels.tolist() == [0, 1]
    assert data.train.groups == ("0",) and data.test.groups == ("1",)
    assert len(data.test) == 1 and len(data.test.boxes) == 0, "a sign of no class is background"


def test_the_super_classes_are_those_of_the_authors() -> None:
    members = list(signs.LISA_CLASS_OF.values())
    assert members.count("speed-limit") == 10 and members.count("stop") == 1
    assert members.count("warning") == 20  # 19 tags, one of them in two spellings
    assert signs.LISA_CLASS_OF["keepRight"] is None


WRONG = [
    ("lisa", "a.png,11,2,1,12,stop", r"line 2: box of a\.png is 11,2,1,12: its corners are rev"),
    ("lisa", "a.png,1,2,1,12,stop", "it has no area"),
    ("lisa", "a.png,nan,2,11,12,stop", "want four finite numbers"),
    ("lisa", "a.png,1,2,60,12,stop", "beyond its frame of 40 x 30 pixels"),
    ("lisa", "a.png,-4,2,11,12,stop", "beyond its frame"),
    ("lisa", "a.png,1,x,11,12,stop", "line 2: want four numbers"),
    ("lisa", "a.png,1,2,11,12,stopp", r"line 2: unknown sign 'stopp': did you mean 'stop'"),
    ("lisa", "c.png,1,2,11,12,stop", r"splits\.csv: c\.png is annotated, but has no row here"),
    ("lisa", "a.png,1,2", "line 2: too few fields"),
    ("gtsdb", "00000.ppm;1;2;10;11", "line 1: want file;left;top;right;bottom;class"),
    ("gtsdb", "00000.ppm;1;2;10;11;43", "unknown sign '43'"),
    ("gtsdb", "00000.ppm;10;2;1;11;1", "reversed"),
    ("gtsdb", "first.ppm;1;2;10;11;1", "first.ppm is not numbered"),
    ("swedish", "no colon", "want picture:sign"),
    ("swedish", "a.png:V, 1, 2", "want visibility, right, bottom, left, top, category, name"),
    ("swedish", "a.png:VISIBLE, 9, 9, 1, 1, BLUE, X", "unknown sign 'BLUE'"),
]


@pytest.mark.parametrize(("name", "row", "said"), WRONG)
def test_a_wrong_row_is_named_with_its_line(tiny: Path, name: str, row: str, said: str) -> None:
    with_rows(tiny, row)
    pictures(tiny / "gtsdb", "00000.ppm", "00600.ppm")
    (tiny / "gtsdb" / "gt.txt").write_text(f"{row}\n00600.ppm;0;0;9;9;38\n")
    pictures(tiny / "swedish" / "Set1", "a.png")
    (tiny / "swedish" / "Set1" / "annotations.txt").write_text(f"{row}\n")
    with pytest.raises(DataError, match=said):
        load_detection(name, tiny)


def test_rounding_may_lead_out_by_less_than_a_pixel(tiny: Path) -> None:
    data = signs.load_lisa(with_rows(tiny, "a.png,-0.4,2,40.5,12,stop", "b.png,1,1,9,9,stop"))
    assert data.train.boxes.corners.tolist() == [[0, 2, 40, 12]]


def test_a_picture_that_is_missing_or_outside_is_named(tiny: Path) -> None:
    (tiny / "lisa" / "images" / "a.png").unlink()
    with pytest.raises(DataError, match=r"picture a\.png is missing \(looked in"):
        signs.load_lisa(tiny)
    (tiny / "lisa" / "splits.csv").write_text(SPLITS.replace("a.png", "../a.png"))
    with pytest.raises(DataError, match=r"'\.\./a\.png' leads out of its folder"):
        signs.load_lisa(with_rows(tiny, "../a.png,1,2,11,12,stop"))


def test_a_scene_in_both_parts_is_refused(tiny: Path) -> None:
    (tiny / "lisa" / "splits.csv").write_text(SPLITS.replace("b.png,1", "b.png,0"))
    with pytest.raises(DataError, match=r"1 scenes are in training and test"):
        signs.load_lisa(tiny)


def test_a_split_by_frame_is_never_made_up(tiny: Path) -> None:
    (tiny / "lisa" / "splits.csv").unlink()
    with pytest.raises(DataError, match=r"no splits\.csv and annotations\.csv names no tracks"):
        signs.load_lisa(tiny)


def test_full_lisa_is_split_by_track(tmp_path: Path) -> None:
    folder, rows = tmp_path / "lisa", FULL
    for track in range(8):
        for frame in range(3):
            name = f"drive/annotations/t{track}_image{frame}.png"
            pictures(folder, name)
            number = 100 * track + frame
            rows += f"{name};stop;1;2;11;12;0,0;drive.avi;{number};t{track}.avi;{frame}\n"
    (folder / "allAnnotations.csv").write_text(rows)
    data = signs.load_lisa(tmp_path)
    assert len(data.train) + len(data.test) == 24 and len(data.test) in (3, 6)
    assert set(data.test.groups) < {f"drive.avi:t{track}.avi" for track in range(8)}
    assert all(data.test.groups.count(group) == 3 for group in data.test.groups)


def test_tracks_that_share_frames_are_one_scene() -> None:
    tracks = {"a": [0, 4], "b": [3, 9], "c": [20, 22], "d": [9, 9]}
    assert signs.merged_tracks("v", tracks) == {"a": "v:a", "b": "v:a", "d": "v:a", "c": "v:c"}


def test_gtsdb_counts_the_last_pixel_in_and_keeps_the_official_split(tmp_path: Path) -> None:
    folder = tmp_path / "gtsdb"
    pictures(folder, "00000.ppm", "00599.ppm", "00600.ppm")
    (folder / "gt.txt").write_text("00000.ppm;1;2;10;11;11\n00600.ppm;0;0;39;29;38\n\n")
    data = signs.load_gtsdb(tmp_path)
    assert (len(data.train), len(data.test)) == (2, 1), "a frame without a sign is there too"
    assert data.train.boxes.corners.tolist() == [[1, 2, 11, 12]]
    assert data.test.boxes.corners.tolist() == [[0, 0, 40, 30]]
    assert [data.classes[k] for k in (*data.train.boxes.labels, *data.test.boxes.labels)] == [
        "danger",
        "mandatory",
    ]


def test_the_43_gtsdb_classes_have_a_category() -> None:
    assert sorted(map(int, signs.GTSDB_CLASS_OF)) == list(range(43))
    assert set(signs.GTSDB_CLASS_OF.values()) == set(signs.GTSDB_CLASSES)


def test_swedish_signs(tmp_path: Path) -> None:
    folder = tmp_path / "swedish"
    pictures(folder / "Set1Part0", "1277Image000016.png", "1277Image000021.png")
    pictures(folder / "Set2", "1299Image000001.png")
    (folder / "Set1").mkdir(exist_ok=True)
    (folder / "Set1" / "annotations.txt").write_text(
        "1277Image000016.png:VISIBLE, 30.5, 20.0, 10.0, 5.0, PROHIBITORY, 70_SIGN;MISC_SIGNS;"
        "OCCLUDED, 39.0, 29.0, 35.0, 25.0, WARNING, CHILDREN\n1277Image000021.png:\n"
    )
    (folder / "Set2" / "annotations.txt").write_text(
        "1299Image000001.png:BLURRED, 9, 9, 1, 1, INFORMATION, PEDESTRIAN_CROSSING;\n"
    )
    data = signs.load_swedish(tmp_path)
    assert data.train.boxes.corners.tolist() == [[10, 5, 30.5, 20], [35, 25, 39, 29]]
    assert [data.classes[k] for k in data.train.boxes.labels] == ["prohibitory", "warning"]
    assert data.train.groups == ("Set1/1277", "Set1/1277") and data.test.groups == ("Set2/1299",)
    assert len(data.train) == 2


def coco(folder: Path, part: str, **changed: Any) -> None:
    pictures(folder / part, f"{part}.png")
    text = {
        "images": [{"id": 5, "file_name": f"{part}.png", "width": 40, "height": 30}],
        "categories": [{"id": 9, "name": "cat"}, {"id": 3, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 3, "bbox": [1, 2, 10, 20.5], "iscrowd": 0},
            {"id": 2, "image_id": 5, "category_id": 9, "bbox": [0, 0, 40, 30], "iscrowd": 1},
        ],
    }
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "annotations" / f"instances_{part}.json").write_text(json.dumps(text | changed))


def test_any_folder_in_cocos_layout(tmp_path: Path) -> None:
    coco(tmp_path, "train2017")
    coco(tmp_path, "val2017")
    data = load_detection(f"coco:{tmp_path}")
    assert data.classes == ("cat", "dog")
    assert data.train.boxes.corners.tolist() == [[1, 2, 11, 22.5]], "crowds are left out"
    assert data.train.boxes.labels.tolist() == [1]


def thing(image: int = 5, category: int = 3, wide: float = 1) -> dict[str, Any]:
    box = {"image_id": image, "category_id": category, "bbox": [0, 0, wide, 1]}
    return {"annotations": [box]}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": 3}, "images: Input should be a valid list"),
        (thing(image=6), "annotation 1 is of image 6, unknown"),
        (thing(category=4), "annotation 1 is of category 4"),
        (thing(wide=0), "annotation 1: box of train2017.png is 0,0,0,1: it has no area"),
    ],
)
def test_wrong_coco_files(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    coco(tmp_path, "train2017", **changed)
    coco(tmp_path, "val2017")
    with pytest.raises(DataError, match=said):
        load_coco(tmp_path)
    with pytest.raises(DataError, match="not in COCO's layout"):
        load_coco(tmp_path / "train2017")


def test_boxes_and_classes_are_not_mistaken_for_one_another(tiny: Path) -> None:
    with pytest.raises(DataError, match="'lisa' is labelled with boxes, wanted is a class"):
        load("lisa", tiny)
    assert load_detection("lisa", tiny) is load_detection("lisa", tiny)


@pytest.mark.skipif(not (REAL / "lisa_tiny").is_dir(), reason="LISA is not below BADNETS_DATA")
def test_the_real_signs_load() -> None:
    data = signs.load_lisa(REAL)
    assert (data.train.counts, data.test.counts) == ((122, 119, 249), (44, 32, 52))
    rest, held = data.train.split(0.2, seed=0)
    assert sum(held.counts) / sum(data.train.counts) == pytest.approx(0.2, abs=0.03)
    assert len(rest) + len(held) == 555
