# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statement-level changes between two trees: the laws of applying them, and what counts as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import Unit
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.edits import LAYOUT, Edits, edits
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.outline import outline

SHWITTER = Path(__file__).resolve().parents[5] / "examples" / "shwitter"

WORDS = st.sampled_from(["a", "b", "listen", "80", '"q;{ }"', "$x", "${y}", "'#'", "caf\xe9"])
GAPS = st.sampled_from([" ", "\n", "\n    ", "\t", " # note; }\n", "\r\n"])


@st.composite
def statements(draw: st.DrawFn, depth: int = 3) -> str:
    """Configuration text, balanced, in any layout."""
    pieces = []
    for _unused in range(draw(st.integers(0, 4))):
        words = draw(st.lists(WORDS, min_size=1, max_size=3))
        pieces.append(draw(GAPS) + " ".join(["name", *words]))
        if depth and draw(st.booleans()):
            pieces.append(draw(GAPS) + "{" + draw(statements(depth - 1)) + draw(GAPS) + "}")
        else:
            pieces.append(" ;")
    return "".join(pieces) + draw(GAPS)


CONTENT = st.one_of(statements().map(lambda text: text.encode("latin-1")), st.binary(max_size=30))
TREE = st.dictionaries(st.sampled_from(["a.conf", "b.conf", "c/d.conf", "key.pem"]), CONTENT, max_size=4)


def everything(made: Edits) -> set[int]:
    return {LAYOUT, *made.changes}


@given(TREE, TREE)
def test_all_changes_give_the_second_tree_and_none_the_first_byte_for_byte(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    made = edits(before, after)
    assert made.apply(before, everything(made)) == after
    assert made.apply(before, set()) == before


@given(TREE, TREE, st.data())
def test_any_set_of_changes_leaves_files_that_can_be_read(
    before: dict[str, bytes], after: dict[str, bytes], data: st.DataObject
) -> None:
    made = edits(before, after)
    tree = made.apply(before, data.draw(st.sets(st.sampled_from(sorted(everything(made))))))
    for path, content in tree.items():
        if all(outline(each[path]) for each in (before, after) if path in each):
            assert outline(content) is not None


@given(TREE, TREE)
def test_every_change_is_in_exactly_one_unit(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    made = edits(before, after)

    def leaves(unit: Unit) -> list[int]:
        found = [number for child in unit.children for number in leaves(child)] if unit.children else [*unit.ids]
        assert set(found) == unit.ids
        return found

    assert sorted(number for unit in made.units for number in leaves(unit)) == sorted(made.changes)


@given(TREE)
def test_a_tree_does_not_differ_from_itself(tree: dict[str, bytes]) -> None:
    assert edits(tree, tree) == Edits()


@given(statements(), GAPS)
def test_a_file_is_its_statements(text: str, gap: str) -> None:
    read = outline((text + gap).encode("latin-1"))
    assert read is not None
    assert "".join(node.text() for node in read.nodes) + read.rest == text + gap


def shown(made: Edits) -> list[tuple[str, int | None, str | None, str | None]]:
    return [(change.kind, change.line, change.text_before, change.text_after) for change in made.changes.values()]


TABLE = {
    "one argument": (
        "listen 80;\nroot /a;\n", "listen 80;\nroot /b;\n",
        [("changed", 2, "root /a;", "root /b;")],
    ),
    "layout and comments only": ("server { listen 80; }", "server {\n  # here\n  listen   80 ;\n}", []),
    "quotes that nginx does not see": ('root "/a";', "root /a;", []),
    "an added line": (
        "location / {\n  a;\n}\n", "location / {\n  a;\n  rewrite ^/x /y last;\n}\n",
        [("added", 3, None, "rewrite ^/x /y last;")],
    ),
    "a removed line": ("a;\nb;\nc;\n", "a;\nc;\n", [("removed", 2, "b;", None)]),
    "the header of a block": (
        "location /a {\n  x 1;\n  y 2;\n}\n", "location /b {\n  x 1;\n  y 2;\n}\n",
        [("changed", 1, "location /a", "location /b")],
    ),
    "another block": (
        "location /a { x 1; y 2; }", "location /b { z 3; }",
        [
            ("removed", 1, "location /a", None), ("removed", 1, "x 1;", None), ("removed", 1, "y 2;", None),
            ("added", 1, None, "location /b"), ("added", 1, None, "z 3;"),
        ],
    ),
    "two that changed places": (
        "a 1;\nlocation /x { r; }\nb 2;\n", "b 2;\na 1;\nlocation /x { r; }\n",
        [("added", 1, None, "b 2;"), ("removed", 3, "b 2;", None)],
    ),
    "a block that moved": (
        "a { location /x { r; s; } k; }\nb { m; }\n", "a { k; }\nb { m; location /x { r; s; } }\n",
        [("moved", 2, "location /x", "location /x")],
    ),
    "Lua": (
        "content_by_lua_block { ngx.say('}') }\na;", "content_by_lua_block { ngx.say('{') }\na;",
        [("changed", 1, "content_by_lua_block { ngx.say('}') }", "content_by_lua_block { ngx.say('{') }")],
    ),
    "a key": (
        "-----BEGIN KEY-----\nAAA\n", "-----BEGIN KEY-----\nBBB\n",
        [("changed", 1, "(the whole file)", "(the whole file)")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_what_counts_as_one_change(case: str) -> None:
    before, after, wanted = TABLE[case]
    assert shown(edits({"x": before.encode()}, {"x": after.encode()})) == wanted


def test_files_that_come_go_and_are_renamed() -> None:
    before = {"a": b"x;\n", "gone": b"server { listen 80; }\n", "old": b"y;\nz;\n"}
    after = {"a": b"x;\n", "new": b"y;\nz;\n", "came": b"k;\n"}
    made = edits(before, after)
    assert [
        (change.file, change.kind, change.text_after or change.text_before) for change in made.changes.values()
    ] == [
        ("came", "added", "(the whole file)"),
        ("came", "added", "k;"),
        ("gone", "removed", "(the whole file)"),
        ("gone", "removed", "server"),
        ("gone", "removed", "listen 80;"),
        ("new", "moved", "(the whole file, as new)"),
    ]
    assert made.apply(before, {6}) == {"a": b"x;\n", "gone": before["gone"], "new": b"y;\nz;\n"}
    assert [len(unit.ids) for unit in made.units] == [2, 3, 1]


def test_a_statement_of_an_added_block_does_nothing_without_the_block() -> None:
    before, after = {"x": b"a;\n"}, {"x": b"a;\nlocation / {\n  b;\n}\n"}
    made = edits(before, after)
    assert made.apply(before, {2}) == before
    assert made.apply(before, {1})["x"] == b"a;\nlocation / {\n}\n"
    assert made.changes[2].parent == 1


def test_the_outage_is_one_change() -> None:
    name = "snippets/api.conf"
    before, after = ((SHWITTER / folder / name).read_bytes() for folder in ("site", "changes/outage"))
    made = edits({name: before}, {name: after})
    assert len(made.changes) == 1
    change = next(iter(made.changes.values()))
    assert (change.kind, change.line_after) == ("added", 6)
    assert change.text_after == "rewrite ^/api/profile /api/profile_list last;"
