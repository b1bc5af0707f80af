# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict reading of dataclasses: what is refused, and how the field is named."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import (
    FieldError,
    decode,
    encode,
    omit_none,
    renamed,
    unknown_fields,
)


class Shout(t.NamedTuple):
    text: str

    @classmethod
    def from_json(cls, data: object) -> Shout:
        if not isinstance(data, str):
            raise FieldError("", "no shout")
        return cls(data.lower())

    def to_json(self) -> str:
        return self.text.upper()


# ruff: noqa: UP006, UP045 - these are read as Python 3.7 reads them
@dataclasses.dataclass
class Leaf:
    number: int
    share: float = 0.5


@dataclasses.dataclass
class Tree:
    name: str
    leaf: Leaf
    flag: bool = False
    maybe: t.Optional[int] = None
    absent: t.Optional[Leaf] = omit_none()
    leaves: t.List[Leaf] = dataclasses.field(default_factory=list)
    pairs: t.List[t.List[str]] = dataclasses.field(default_factory=list)
    words: t.Tuple[str, ...] = ()
    table: t.Dict[str, t.Optional[Leaf]] = dataclasses.field(default_factory=dict)
    counts: t.Dict[str, int] = dataclasses.field(default_factory=dict)
    shout: t.Optional[Shout] = None
    anything: object = None
    children: t.List[Tree] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Stored:
    version: int
    rest: t.Dict[str, object] = unknown_fields()


LEAF = {"number": 1, "share": 0.5}
TREE: dict[str, t.Any] = {"name": "x", "leaf": LEAF}


def test_an_object_survives_writing_and_reading() -> None:
    tree = Tree(
        "x",
        Leaf(1, 2),
        flag=True,
        maybe=3,
        absent=Leaf(4),
        leaves=[Leaf(5), Leaf(6)],
        pairs=[["a", "b"], []],
        words=("c",),
        table={"d": Leaf(7), "e": None},
        counts={"f": 8},
        shout=Shout("hey"),
        anything=[1, {"g": None}],
        children=[Tree("y", Leaf(9))],
    )
    data = encode(tree)
    assert data["shout"] == "HEY"
    assert data["words"] == ["c"]
    assert data["table"] == {"d": {"number": 7, "share": 0.5}, "e": None}
    assert decode(Tree, data) == tree
    assert decode(Tree, data) == tree, "the second one of its kind is read in the short way"


def test_what_is_none_by_default_may_be_left_out_or_written() -> None:
    data = encode(Tree("x", Leaf(1)))
    assert "absent" not in data
    assert data["maybe"] is None
    assert decode(Tree, {**data, "absent": None}) == decode(Tree, TREE) == Tree("x", Leaf(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nmae": "y"}, "nmae: is unknown"),
        ({"name": 1}, "name: text is needed, not a whole number"),
        ({"name": None}, "name: text is needed, not null"),
        ({"flag": 1}, "flag: true or false is needed, not a whole number"),
        ({"maybe": True}, "maybe: a whole number or null is needed, not true or false"),
        ({"leaf": []}, "leaf: an object is needed, not a list"),
        ({"leaf": None}, "leaf: an object is needed, not null"),
        ({"leaves": [None]}, "leaves[0]: an object is needed, not null"),
        ({"leaf": {}}, "leaf.number: is missing"),
        ({"leaf": {"number": 1, "share": "x"}}, "leaf.share: a number is needed, not text"),
        ({"leaf": {"number": 1, "share": 10**400}}, "leaf.share: the number is too large"),
        ({"leaf": {"number": 1.5}}, "leaf.number: a whole number is needed, not a number"),
        ({"leaves": [LEAF, {"number": None}]}, "leaves[1].number: a whole number is needed, not null"),
        ({"leaves": {}}, "leaves: a list is needed, not an object"),
        ({"pairs": [[], ["a", 1]]}, "pairs[1][1]: text is needed, not a whole number"),
        ({"pairs": [[], "a"]}, "pairs[1]: a list is needed, not text"),
        ({"words": ["a", None]}, "words[1]: text is needed, not null"),
        ({"table": {"d": {"x": 1}}}, "table.d.x: is unknown"),
        ({"counts": {"f": "8"}}, "counts.f: a whole number is needed, not text"),
        ({"shout": 1}, "shout: no shout"),
        ({"children": [{"name": "y"}]}, "children[0].leaf: is missing"),
    ],
)
def test_the_offending_field_is_named(change: dict[str, t.Any], message: str) -> None:
    decode(Tree, TREE)  # what is known of a right one lets no wrong one pass
    with pytest.raises(FieldError) as caught:
        decode(Tree, {**TREE, **change})
    assert str(caught.value) == message
    assert str(caught.value).startswith(caught.value.path)


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_only_objects_are_read(data: object) -> None:
    with pytest.raises(FieldError, match="an object is needed"):
        decode(Tree, data)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(FieldError, match=r"^leaf: is missing"):
        decode(Tree, {"name": "x"})


def test_the_fields_of_a_newer_version_survive() -> None:
    data = {"version": 2, "colour": "red"}
    stored = decode(Stored, data)
    assert stored == Stored(2, {"colour": "red"})
    assert encode(stored) == data
    assert decode(Stored, {"version": 3, "colour": "blue"}).rest == {"colour": "blue"}
    with pytest.raises(FieldError, match=r"^version: "):
        decode(Stored, {"version": "2", "colour": "red"})


def test_what_was_read_is_not_what_was_given() -> None:
    data = {**TREE, "leaves": [LEAF]}
    decode(Tree, data).leaves.append(Leaf(2))
    assert data == {**TREE, "leaves": [LEAF]}


@dataclasses.dataclass
class Moved:
    origin: str = dataclasses.field(metadata=renamed("from"))
    rest: t.Dict[str, object] = unknown_fields()


def test_a_field_may_have_another_name_in_json() -> None:
    assert decode(Moved, {"from": "a", "origin": "b"}) == Moved("a", {"origin": "b"})
    assert encode(Moved("a", {"to": "c"})) == {"from": "a", "to": "c"}
    with pytest.raises(FieldError, match=r"^from: is missing$"):
        decode(Moved, {"origin": "b"})
