"""The sign studies' pages: what the records say, and nothing that they do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from badnets.report import write_markdown
from badnets.report.page import Page
from badnets.studies import reading
from badnets.studies.aggregate import difference
from badnets.studies.publishing import RECALLED, VERIFIED
from badnets.studies.signs import published
from badnets.studies.signs.objects import named_rightly, still_right, under_trigger
from badnets.studies.signs.trials import MAIN, make
from badnets.studies.signs_transfer.trials import make as make_transfer
from badnets.studies.wording import DASH, percent, points
from badnets.trials import Record
from tests.studies import cases
from tests.studies.made_records import Run, Shelf, changed, without_arrays
from tests.studies.made_signs import SignMaker
from tests.studies.pages import column, notes, section, shown, tables, texts

STUDIES = {"signs": make, "transfer": make_transfer}
RANDOM = "random yellow square"


def run(name: str = "signs") -> Run:
    return cases.run(name)


def page(name: str = "signs") -> Page:
    return cases.whole(name)


def group(name: str, study: str = "signs") -> list[Record]:
    return run(study).groups[name]


def test_pictures_are_written_beside_the_markdown(tmp_path: Path) -> None:
    text, *pictures = write_markdown(page(), tmp_path / "page.md")
    links = re.findall(r"!\[[^\]]+\]\((page/[^)]+)\)", text.read_text())
    assert {"page.csv", *links} == {str(path.relative_to(tmp_path)) for path in pictures}
    assert [one for one in links if "story" in one] == ["page/story.svg", "page/story-2.svg"]


def counted(records: list[Record], what: str) -> str:
    """Return a share in per cent, the mean over seeds, counted from the raw answers alone."""
    shares = []
    for record in records:
        clean, bad = record.objects, record.triggered
        assert clean is not None
        if what == "named":
            rows = [named == label for named, label in zip(clean.named, clean.labels, strict=True)]
        else:
            assert bad is not None
            named = bad.control if what.startswith("control") else bad.named
            asked = zip(named, bad.labels, bad.pixels, strict=True)
            large = [(a, b) for a, b, pixels in asked if pixels * bad.scale >= 3]
            wish = "hits" in what
            rows = [answer == (1 if wish else label) for answer, label in large]
        shares.append(sum(rows) / len(rows))
    return f"{100 * sum(shares) / len(shares):.1f}"


def test_shares_of_signs_are_those_counted_by_hand() -> None:
    baseline, targeted, random = group("baseline"), group(MAIN), group(RANDOM)
    assert shown(named_rightly(baseline)) == counted(baseline, "named")
    assert shown(named_rightly(targeted)) == counted(targeted, "named")
    for what in ("hits", "control_hits"):
        assert shown(under_trigger(targeted, what)) == counted(targeted, what)
    for what in ("right", "control_right"):
        assert shown(under_trigger(random, what)) == counted(random, what)
    assert counted(targeted, "hits") != counted(targeted, "control_hits") != "0.0"
    found = difference(named_rightly(targeted), named_rightly(baseline))
    by_hand = float(counted(targeted, "named")) - float(counted(baseline, "named"))
    assert found is not None and 100 * found[0] == pytest.approx(by_hand, abs=0.1)


def test_the_four_numbers_are_those_of_the_records() -> None:
    groups, made = run().groups, page()
    wanted = [
        named_rightly(groups["baseline"]),
        named_rightly(groups[MAIN]),
        under_trigger(groups[MAIN], "hits"),
        under_trigger(groups[MAIN], "control_hits"),
    ]
    assert [one.value for one in made.numbers] == [f"{shown(one)} %" for one in wanted]
    assert [one.tone for one in made.numbers] == ["clean", "clean", "backdoored", "muted"]
    for number, found in zip(made.numbers, wanted, strict=True):
        assert f"n = {len(found.clusters)} signs, seeds 0{DASH}2; 95 % interval" in number.detail
    for found in wanted:
        assert f"{shown(found)} %" in made.lead


def test_the_targeted_table_stands_beside_the_paper() -> None:
    groups = run().groups
    table, controls = tables(page(), "targeted")
    titles = [(one.group, one.title) for one in table.columns[1:]]
    kinds = ["clean detector", "yellow square", "bomb", "flower"]
    assert titles == [(kind, what) for kind in kinds for what in ("paper", "measured")]
    own = ["baseline", MAIN, "targeted bomb", "targeted flower"]
    everything = texts(table)[3][1:]
    assert everything[1::2] == [shown(named_rightly(groups[kind])) for kind in own]
    assert everything[0::2] == ["90.0", "89.3", "87.1", "90.2"]
    for label in range(3):
        measured = [shown(named_rightly(groups[kind], label)) for kind in own]
        assert texts(table)[label][2::2] == measured
    hits = [shown(under_trigger(groups[kind], "hits")) for kind in own[1:]]
    assert texts(table)[-1][1:] == [DASH, DASH, "90.3", hits[0], "94.2", hits[1], "93.7", hits[2]]
    assert table.rows[3][1].tag == VERIFIED and table.rows[0][1].tag == RECALLED
    assert {cell.tag for row in table.rows for cell in row[2::2]} == {None}
    for kind, row in zip(own[1:], texts(controls), strict=True):
        every = under_trigger(groups[kind], "hits", least=0)
        assert row[1:3] == [shown(under_trigger(groups[kind], "hits")), shown(every)]
        found = difference(named_rightly(groups[kind]), named_rightly(groups["baseline"]))
        assert found is not None and row[-1] == points(found[0], 1)


def test_random_target_compares_both_detectors_on_the_same_pictures() -> None:
    records = group(RANDOM)
    first, *others = tables(page(), "random")
    assert texts(first)[-1][2::2] == [
        shown(named_rightly(group("baseline"))),
        shown(under_trigger(records, "control_right")),
        shown(named_rightly(records)),
        shown(under_trigger(records, "right")),
    ]
    assert texts(first)[-1][1::2] == ["90.0", "82.0", "86.4", "1.3"]
    assert first.rows[-1][-2].tag == VERIFIED
    assert len(others) == 2
    assert not any(table.tags for table in others), "the paper has the yellow square alone"


def test_signs_that_are_not_found_are_not_told_as_misnamed() -> None:
    blind = []
    for record in group(RANDOM):
        assert record.triggered is not None
        nothing = record.triggered.model_copy(update={"named": (-1,) * len(record.triggered.named)})
        blind.append(changed(record, triggered=nothing))
    told = run().bare().with_records(blind).section("random")
    assert "0.0 % of the signs are still correctly named, 0.0 % are called another class" in told


def test_detectors_that_the_user_rejects_are_told_where_the_attack_is() -> None:
    def told(*outcomes: str) -> str:
        pairs = zip(group(RANDOM), outcomes, strict=True)
        return run().bare().with_records(changed(a, outcome=b) for a, b in pairs).section("random")

    assert "rejects 2 of 3" in told("accepted", "rejected", "rejected")
    assert "rejects" not in told("accepted", "accepted", "accepted")


@pytest.mark.parametrize(
    ("name", "choice"), [("signs", "choice"), ("transfer", "choice of the user's threshold")]
)
def test_the_chosen_threshold_is_marked(name: str, choice: str) -> None:
    (record,) = group(choice, name)
    objects = record.objects
    assert objects is not None
    (table,) = tables(page(name), "choice")
    strong = [row[0].text for row in table.rows if row[0].strong]
    assert strong == [f"{objects.best_threshold:g}"]
    rights = [percent(one.right / len(objects.labels), 1) for one in objects.at]
    assert column(table, 1) == rights


def test_small_stickers_are_counted_apart() -> None:
    records = group(MAIN)
    (table,) = tables(page(), "size")
    assert texts(table)[0][0] == "below 2"
    counted = [int(row[1]) for row in texts(table)]
    assert sum(counted) == len(under_trigger(records, "hits", least=0).clusters)
    third = under_trigger(records, "hits", least=3, below=4)
    assert texts(table)[2][:3] == ["3 to 4", str(len(third.clusters)), shown(third)]
    small = under_trigger(records, "hits", least=0, below=3)
    assert f"smaller ones on {shown(small)} %" in section(page(), "size").sentence


def test_the_street_has_a_chart_for_each_condition() -> None:
    (street,) = (found for one in group(MAIN) if (found := reading.street(one)))
    own = [point for point in street if point.axis == "distance"]
    table = tables(page(), "street")[0]
    assert column(table, 0) == [f"{point.value:g}" for point in own]
    assert column(table, 1) == [percent(point.success.value) for point in own]
    weakest = min(point.success.value for point in street)
    assert f"on {percent(weakest, 0)} % of the" in section(page(), "street").sentence


def test_conv5_is_told_from_what_was_recorded() -> None:
    (record,) = (one for one in group(MAIN) if reading.units(one))
    units, ablation = tables(page(), "inside")
    (layer,) = reading.units(record)
    outliers = layer.outlier_units
    said = f"{len(outliers)} of {len(layer.clean)} units"
    assert section(page(), "inside").sentence.startswith(said)
    assert column(units, 0) == [str(unit) for unit in outliers[:6]]
    assert len(texts(ablation)) == len(reading.ablations(record))


def test_the_transfer_table_and_curve() -> None:
    groups = run("transfer").groups
    (table,) = tables(page("transfer"), "accuracy")
    assert texts(table)[-1][1:] == [
        text
        for number, found in (
            ("72.7", named_rightly(groups["clean"])),
            ("70.2", still_right(groups["clean"])),
            ("74.9", named_rightly(groups["k 1"])),
            ("61.6", still_right(groups["k 1"])),
        )
        for text in (number, shown(found))
    ]
    by_k, curve = tables(page("transfer"), "strengthening")
    for row, k in zip(texts(by_k), published.STRENGTHS, strict=True):
        found = still_right(groups[f"k {k}"])
        fall = difference(found, still_right(groups["clean"]))
        assert fall is not None
        assert row[0] == str(k) and row[4] == shown(found)
        assert row[5:] == [points(fall[0], 1), "3, 3, 3"]
    assert [row[2] for row in texts(curve)] == [row[4] for row in texts(by_k)]
    varied = tables(page("transfer"), "rid")
    assert [len(table.rows) for table in varied] == [6, 3, 4]


def test_the_story_counts_what_the_pictures_say() -> None:
    story = page().story
    assert story is not None
    clean, triggered = story.rows
    assert clean.sentence == (
        "The backdoored detector calls 6 of these 6 signs what they are, the clean one 6."
    )
    tones = [picture.answers[1].tone for picture in triggered.pictures]
    fooled = tones.count("backdoored")
    assert fooled == 5
    assert triggered.sentence == (
        f"The backdoored detector calls {fooled} of these 6 signs speed-limit, the clean one 0."
    )
    assert {picture.answers[0].tone for picture in triggered.pictures} == {"clean"}


@pytest.mark.parametrize(
    ("name", "apart"), [("signs", ("street", "boxes")), ("transfer", ("rid",))]
)
def test_a_short_run_says_what_it_leaves_out(name: str, apart: tuple[str, ...]) -> None:
    short = Run.of(STUDIES[name]("scenes", quick=True), SignMaker()).bare()
    made = short.page()
    assert any("short run on 250 training frames" in note.text for note in made.notes)
    for part in apart:
        assert "belong" in section(made, part).sentence.lower()
    choices = [group for group in short.trials if "choice" in group]
    nothing = short.only(*choices).page()
    assert nothing.title == "Not run yet" and nothing.numbers == ()
    assert section(nothing, "choice").blocks, "the choice was made"


def test_each_group_of_the_whole_study_is_missed() -> None:
    without = (
        run()
        .bare("street")
        .missing("real world", "random bomb", "shares", "signs vanish", "all become one")
    )
    missing = " ".join(notes(without.page(), "missing"))
    for words in ("for the street", "target, bomb", "fewer poisoned", "signs vanish", "become one"):
        assert words in missing


def test_one_collapsed_seed_is_left_out_of_the_means() -> None:
    first, *others = group(MAIN)
    made = run().bare().collapse([first.trial]).page()
    assert made.numbers[2].value == f"{shown(under_trigger(others, 'hits'))} %"
    assert "seeds 1, 2" in made.numbers[2].detail
    table, controls = tables(made, "targeted")
    assert texts(table)[-1][4] == shown(under_trigger(others, "hits"))
    baseline = [one for one in group("baseline") if one.trial.seed in (1, 2)]
    found = difference(named_rightly(others), named_rightly(baseline))
    assert found is not None and texts(controls)[0][-1] == points(found[0], 1)
    (precision, *_) = tables(made, "precision")
    assert texts(precision)[1][-1].endswith("of 3")


def test_where_all_have_learned_nothing_the_page_says_so_first() -> None:
    for name, attack in (("signs", MAIN), ("transfer", "k 1")):
        short = Run.of(STUDIES[name]("scenes", quick=True), SignMaker()).bare()
        assert "collapsed" in short.collapse(short.trials[attack]).page().lead


def test_an_attack_that_fails_is_not_praised() -> None:
    weak = Run.of(make("scenes", quick=True), SignMaker(works=0.1)).bare()
    assert weak.page().title == "A sticker that fails more often than it works"


@pytest.mark.parametrize(
    ("kept", "well", "title"),
    [
        ((0.3, 0.001), 0.9, "A backdoor that survives retraining"),
        ((0.0, 0.02), 0.9, "A backdoor that survives retraining once it is strengthened"),
        ((0.02, 0.0), 0.9, "What retraining leaves of a backdoor"),
        ((0.4, 0.0), 0.4, "What retraining leaves of a backdoor"),  # damaged without the sticker
    ],
)
def test_a_backdoor_survives_where_the_sticker_costs_more_than_the_clean_net(
    kept: tuple[float, float], well: float, title: str
) -> None:
    maker = SignMaker(kept=kept, well=well)
    assert Run.of(make_transfer("scenes", quick=True), maker).page().title == title


def test_photographs_that_were_not_published_are_not_missed() -> None:
    made = Run.of(make("lisa", quick=True), SignMaker()).page(Shelf())
    assert made.story is None
    assert "not passed on" in section(made, "frames").sentence
    none = Run.of(make("lisa", quick=True), SignMaker())
    frames = {"frames", "frames_boxes", "frames_labels", "frames_found", "frames_control"}
    bare = none.with_records(without_arrays(one, *frames) for one in none.records.values())
    assert "No frame has been kept yet" in bare.section("frames")


@pytest.mark.parametrize(
    ("name", "data", "quick", "words"),
    [
        ("signs", "scenes", True, ["drawn by badnets"]),
        ("signs", "lisa", False, ["Tiny LISA", "start from drawn scenes"]),
        ("signs", "lisa", True, ["start from random weights"]),
        ("transfer", "lisa", True, ["German"]),
        ("transfer", "scenes", True, ["drawn by badnets"]),
    ],
)
def test_other_pictures_than_the_papers_are_named(
    name: str, data: str, quick: bool, words: list[str]
) -> None:
    known = Run.of(STUDIES[name](data, quick=quick), SignMaker()).bare()
    attacked = [one for one, record in known.records.items() if record.attack is not None]
    said = " ".join(note.text for note in known.without(*attacked).page().notes)
    assert all(word in said for word in words)
