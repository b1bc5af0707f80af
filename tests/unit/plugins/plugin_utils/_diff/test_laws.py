# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for any two configurations."""

from __future__ import annotations

import random
import typing as t

from diff_texts import load
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff


class Item(t.NamedTuple):
    """A directive as the tests make it."""

    name: str
    args: tuple[str, ...] = ()
    inside: tuple[Item, ...] | None = None


#: Names, and what their arguments may be.
COMMON = {
    "root": [("/a",), ("/b",), ("/with space",)],
    "add_header": [("X-A", "1"), ("X-A", "2"), ("x-b", "$host"), ("X-C", "a b", "always")],
    "proxy_set_header": [("Host", "$host"), ("Host", "a"), ("X-A", "")],
    "allow": [("10.0.0.1",), ("all",)],
    "deny": [("10.0.0.1",), ("all",)],
    "error_page": [("404", "/x"), ("500", "502", "/y"), ("404", "=200", "/z")],
    "gzip": [("on",), ("off",)],
    "access_log": [("off",), ("/var/log/a",), ("/var/log/b", "main")],
}
PROGRAM = {
    "rewrite": [("^/a", "/b"), ("^/a", "/c", "last"), ("^", "/x")],
    "set": [("$a", "1"), ("$b", "$a"), ("$a", "2")],
    "return": [("404",), ("301", "/x")],
    "break": [()],
}
SERVER = {
    "listen": [("80",), ("*:80",), ("443", "ssl"), ("[::]:80", "default_server"), ("81", "default_server")],
    "server_name": [("a",), ("b", "a"), ("~^c",), ("d", "e"), ("",)],
}
LOCATIONS = [("/",), ("/a",), ("^~", "/a"), ("=", "/a"), ("~", "a$"), ("~*", "b"), ("@named",)]
UPSTREAM = {
    "server": [("10.0.0.1",), ("10.0.0.1:80", "weight=2"), ("10.0.0.2",)],
    "ip_hash": [()],
    "keepalive": [("8",)],
}
MAP = {"default": [("0",)], "~x": [("1",)], "~y": [("1",), ("2",)], "A": [("1",)], "b": [("2",)]}


def leaves(pool: dict[str, list[tuple[str, ...]]]) -> st.SearchStrategy[Item]:
    return st.sampled_from([Item(name, args) for name, choices in pool.items() for args in choices])


def blocks(name: str, args: list[tuple[str, ...]], inside: st.SearchStrategy[Item]) -> st.SearchStrategy[Item]:
    return st.builds(Item, st.just(name), st.sampled_from(args), st.lists(inside, max_size=5).map(tuple))


CONDITION = blocks("if", [("$a",), ("$a", "=", "1"), ("$b", "~", "x")], leaves({**COMMON, **PROGRAM}))
INNER = st.one_of(leaves(COMMON), leaves(PROGRAM), CONDITION)
LOCATION = blocks("location", LOCATIONS, st.one_of(INNER, blocks("location", LOCATIONS, INNER)))
TOP = st.one_of(
    blocks("server", [()], st.one_of(leaves(SERVER), INNER, LOCATION)),
    blocks("upstream", [("u",), ("v",)], leaves(UPSTREAM)),
    blocks("map", [("$uri", "$m"), ("$uri", "$n"), ("$host", "$m")], leaves(MAP)),
    leaves(COMMON),
)
TREES = st.lists(TOP, max_size=6).map(tuple)


def write(items: t.Iterable[Item], depth: int = 1) -> str:
    lines = []
    for item in items:
        args = [f"({' '.join(item.args)})"] if item.name == "if" else [quoted(arg) for arg in item.args]
        line = "    " * depth + " ".join([item.name, *args])
        lines.append(line + (";" if item.inside is None else f" {{\n{write(item.inside, depth + 1)}{'    ' * depth}}}"))
    return "".join(f"{line}\n" for line in lines)


def quoted(arg: str) -> str:
    return f'"{arg}"' if not arg or " " in arg else arg


def whole(items: t.Iterable[Item]) -> str:
    return f"events {{\n}}\nhttp {{\n{write(items)}}}\n"


class Layout:
    """Writes the same configuration in another layout, spread over files, what has no order in another order."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.files: dict[str, str] = {}

    def whole(self, items: tuple[Item, ...]) -> dict[str, str]:
        text = f"events{self.space()}{{}}{self.space()}http{self.space()}{{{self.write(items)}}}"
        return {"nginx.conf": text, **self.files}

    def write(self, items: tuple[Item, ...]) -> str:
        text = ""
        for item in self.shuffled(items):
            args = [f"({' '.join(item.args)})"] if item.name == "if" else [self.quoted(arg) for arg in item.args]
            words = self.space().join([item.name, *args])
            inside = f"{self.space(0)};" if item.inside is None else f"{self.space()}{{{self.write(item.inside)}}}"
            statement = self.space(0) + words + inside
            if self.rng.random() < 0.2:
                name = f"part{len(self.files)}"
                self.files[name] = statement
                statement = f"\ninclude {name};"
            text += statement
        return text + self.space(0)

    def space(self, least: int = 1) -> str:
        return self.rng.choice([*["", " "][least:], "\n", "\t ", "  \n", " # a { comment ;\n", "\r\n"])

    def quoted(self, arg: str) -> str:
        if not arg or " " in arg or self.rng.random() < 0.5:
            return self.rng.choice([f'"{arg}"', f"'{arg}'"])
        return arg

    def shuffled(self, items: tuple[Item, ...]) -> list[Item]:
        """Another order of directives that have nothing to do with each other; one kind keeps its order."""
        kinds: dict[str, list[Item]] = {}
        for item in items:
            kind = item.name if item.name not in (*PROGRAM, "if") else "rewrite"
            kinds.setdefault("allow" if kind == "deny" else kind, []).append(item)
        if any(name in MAP for name in kinds):
            return list(items)
        order = [kind for kind, members in kinds.items() for _member in members]
        self.rng.shuffle(order)
        return [kinds[kind].pop(0) for kind in order]


def said(found: Diff) -> list[dict[str, t.Any]]:
    return [change.as_dict() for change in found.changes]


@settings(deadline=None, max_examples=100)
@given(TREES)
def test_a_configuration_equals_itself(tree: tuple[Item, ...]) -> None:
    found = diff(load(whole(tree)), load(whole(tree)))
    assert found.empty
    assert found.cosmetic_files == []
    assert found.summary["text"] == "0 to add, 0 to change, 0 to remove; 0 moved; 0 files cosmetic only"


@settings(deadline=None, max_examples=200)
@given(TREES, st.randoms(use_true_random=False))
def test_layout_is_cosmetic(tree: tuple[Item, ...], rng: random.Random) -> None:
    before, after = whole(tree), Layout(rng).whole(tree)
    found = diff(load(before), load(after))
    assert said(found) == []
    assert "nginx.conf" in found.cosmetic_files
    assert set(found.cosmetic_files) == set(after)


@settings(deadline=None, max_examples=200)
@given(TREES, TREES)
def test_the_other_way_round(one: tuple[Item, ...], other: tuple[Item, ...]) -> None:
    there, back = diff(load(whole(one)), load(whole(other))), diff(load(whole(other)), load(whole(one)))
    swapped = {"added": "removed", "removed": "added"}
    expected = [
        (swapped.get(c.kind, c.kind), c.risk, c.after, c.before, c.after_text, c.before_text) for c in there.changes
    ]
    # Of things that changed places either may be the one that moved.
    assert sorted(map(str, filter(is_no_order, expected))) == sorted(
        str(each)
        for each in ((c.kind, c.risk, c.before, c.after, c.before_text, c.after_text) for c in back.changes)
        if is_no_order(each)
    )
    assert [c.kind for c in there.changes].count("reordered") == [c.kind for c in back.changes].count("reordered")
    assert there.empty == back.empty


def is_no_order(change: tuple[t.Any, ...]) -> bool:
    return change[0] != "reordered"


@settings(deadline=None, max_examples=100)
@given(TREES, TREES)
def test_it_says_the_same_each_time(one: tuple[Item, ...], other: tuple[Item, ...]) -> None:
    first, second = (diff(load(whole(one)), load(whole(other))) for _round in range(2))
    assert said(first) == said(second)
    assert first.text() == second.text()


@settings(deadline=None, max_examples=200)
@given(TREES.filter(bool), st.data())
def test_no_edit_goes_unseen(tree: tuple[Item, ...], data: st.DataObject) -> None:
    """One directive more, one less, or one with another argument is never an empty difference."""
    paths = list(places(tree))
    path = data.draw(st.sampled_from(paths))
    how = data.draw(st.sampled_from(["remove", "insert", "change"]))
    edited = edit(tree, path, how)
    if how == "remove" and "server_name" in names_on(tree, path) and item_at(tree, path).args == ("",):
        return  # An empty name is what a server without one has.
    found = diff(load(whole(tree)), load(whole(edited)))
    assert found.changes
    assert found.cosmetic_files == []


def places(items: tuple[Item, ...], above: tuple[int, ...] = ()) -> t.Iterator[tuple[int, ...]]:
    for index, item in enumerate(items):
        yield (*above, index)
        yield from places(item.inside or (), (*above, index))


def item_at(items: tuple[Item, ...], path: tuple[int, ...]) -> Item:
    item = items[path[0]]
    return item if len(path) == 1 else item_at(item.inside or (), path[1:])


def names_on(items: tuple[Item, ...], path: tuple[int, ...]) -> list[str]:
    return [item_at(items, path[: length + 1]).name for length in range(len(path))]


def edit(items: tuple[Item, ...], path: tuple[int, ...], how: str) -> tuple[Item, ...]:
    index, *rest = path
    item = items[index]
    if rest:
        changed: list[Item] = [item._replace(inside=edit(item.inside or (), tuple(rest), how))]
    elif how == "remove":
        changed = []
    elif how == "insert":
        changed = [Item("never_seen_before", ("1",)), item]
    elif item.inside is None:
        changed = [item._replace(args=(*item.args, "never-seen-before"))]
    else:
        changed = [item._replace(inside=(*item.inside, Item("never_seen_before", ("1",))))]
    return (*items[:index], *changed, *items[index + 1 :])


@settings(deadline=None, max_examples=100)
@given(TREES, TREES)
def test_every_block_has_at_most_one_other_self(one: tuple[Item, ...], other: tuple[Item, ...]) -> None:
    found = diff(load(whole(one)), load(whole(other)))
    old = [id(before) for before, _after in found.identity.pairs]
    new = [id(after) for _before, after in found.identity.pairs]
    assert len(set(old)) == len(old)
    assert len(set(new)) == len(new)
    assert all(before.name == after.name for before, after in found.identity.pairs)
