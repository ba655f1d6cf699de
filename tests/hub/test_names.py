"""Names of models and of the files of a release."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from badnets.core.errors import SettingError
from badnets.hub import names
from badnets.hub.names import ModelName


@given(
    st.from_regex(names.PART, fullmatch=True),
    st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=3),
)
def test_a_name_is_read_back_as_it_is_written(part: str, numbers: list[int]) -> None:
    assume(".." not in part and not part.endswith("."))
    assume(part.partition(".")[0][:3] not in ("con", "prn", "aux", "nul", "com", "lpt"))
    name = ModelName("alice", part, ".".join(map(str, numbers)))
    assert ModelName.of(str(name)) == name
    assert name.number == (*numbers, 0, 0)[:3]
    for file in ("model.safetensors", names.audit_file("lab"), names.result_file("lab")):
        assert names.parse_target(name.target(file)) == (name, file)


@pytest.mark.parametrize(
    "text",
    ["", "net", "a/b/c", "A/net", "a/..", "a/.b", "a/b.", "a/b..c", "a/-b", "con/net", "a/lpt1.x",
     "targets/x", "a/ü", "a/b@", "a/b@1.2.3.4", "a/b@01", "a/b@1.", "a/b@v1", "a/b@-1", "a/b@1@2",
     "a/" + "b" * 65,
     "a/b\n", "a/b\0", "a\\b", "a/%2e", "\u202ea/b"],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        ModelName.of(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "path",
    ["a/b/1/x.bin", "a/b/1", "a/b/1/../1", "/a/b/1/README.md", "a/b/x/README.md",
     "a/b/1/README.md/", "a/b/1/audit-.intoto.json", "a/b/1/audit-a..b.intoto.json",
     "a/b/1/audit-CON.intoto.json",
     "a/b/1/.git", "a/b/1/audit-con.intoto.json"],
)  # fmt: skip
def test_paths_of_no_release_are_refused(path: str) -> None:
    with pytest.raises(SettingError):
        names.parse_target(path)


def test_versions_compare_as_numbers() -> None:
    order = [ModelName.of(f"a/b@{one}") for one in ("0.9", "1", "1.0.1", "1.2", "1.10", "2")]
    assert sorted(order, key=lambda one: one.number) == order
    assert ModelName.of("a/b@1").number == ModelName.of("a/b@1.0.0").number
    assert ModelName.of("a/b").number < order[0].number
