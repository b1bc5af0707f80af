# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layout that docs/architecture.md promises is the layout that the code has."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections import defaultdict

import pytest
from imports import circle, external_imports, imports, name_of, room_of
from project import ROOT, files

PAGE = ROOT / "docs" / "architecture.md"
#: `Dict[str, Any]` and its kin for each 1,000 lines of plugins.
UNTYPED_LIMIT = 3.0
UNTYPED = re.compile(r"\b(?:[Dd]ict|(?:Mutable)?Mapping)\[str, (?:t\.|typing\.)?Any\]")
#: Lines of the page.
PAGE_LIMIT = 250
#: A class with more public methods than this is several classes.
METHODS_LIMIT = 15
#: What a class may inherit from: Ansible's bases, Python's protocols and data types, exceptions.
BASES = {
    "ActionBase", "ActionModule", "CallbackBase", "LookupBase", "NamedTuple", "Protocol", "TypedDict", "Generic",
    "Enum", "IntEnum", "StrEnum", "Thread", "HTTPConnection", "HTTPSConnection",
    # Interfaces of the standard library that only a subclass can serve.
    "RawIOBase", "BufferedReader", "ArgumentParser",
}  # fmt: skip


@functools.cache
def rooms() -> dict[str, set[str]]:
    """Map each room to the rooms of the project that its files import."""
    found: dict[str, set[str]] = {}
    for file, targets in imports("plugins").items():
        room = room_of(file)
        if room:
            found.setdefault(room, set()).update({room_of(target) or "" for target in targets} - {room, ""})
    return found


@functools.cache
def libraries() -> dict[str, set[str]]:
    """Map each room to what its files import that is neither the project's nor Python's."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in files("plugins/*.py"):
        room = room_of(name_of(path))
        if room:
            found[room] |= external_imports(path) - sys.stdlib_module_names
    return found


@functools.cache
def table() -> dict[str, tuple[set[str], set[str]]]:
    """Read the import table: each room's rooms and libraries."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        room = re.fullmatch(r"`plugins/((?:plugin|module)_utils/_\w+)`", cells[0])
        if room:
            utils = room[1].partition("/")[0]
            named = re.findall(r"`([^`]+)`", cells[-1])
            own = {name if "/" in name else f"{utils}/{name}" for name in named if "_" in name}
            found[room[1]] = (own, {name for name in named if "_" not in name})
    return found


def test_every_room_is_in_the_table() -> None:
    assert set(table()) == set(rooms())


@pytest.mark.parametrize("room", sorted(rooms()))
def test_the_table_names_what_a_room_imports(room: str) -> None:
    named_rooms, named_libraries = table()[room]
    assert named_rooms == rooms()[room]
    assert named_libraries == libraries()[room]


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    assert circle(rooms()) == []


def test_files_do_not_import_each_other_in_a_circle() -> None:
    assert circle(imports("plugins")) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c"]
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_the_host_imports_nothing_of_the_controller() -> None:
    for room, targets in rooms().items():
        if room.startswith("module_utils"):
            assert all(target.startswith("module_utils") for target in targets), room


def test_every_file_of_the_page_exists() -> None:
    known = [name_of(path) for path in files("plugins/*.py", "tests/*.py")]
    named = re.findall(r"`(?:python )?([\w/]+\.py)`", PAGE.read_text())
    assert named
    assert [name for name in named if not any(f"/{each}".endswith(f"/{name}") for each in known)] == []


def test_the_page_can_be_read_in_one_sitting() -> None:
    assert len(PAGE.read_text().splitlines()) <= PAGE_LIMIT


def classes() -> list[tuple[str, ast.ClassDef]]:
    return [
        (name_of(path), node)
        for path in files("plugins/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]


def test_no_class_name_stands_for_two_things() -> None:
    places = defaultdict(list)
    for file, node in classes():
        # Ansible finds these by their names.
        if not node.name.startswith("_") and node.name not in {
            "ActionModule",
            "CallbackModule",
            "FilterModule",
            "LookupModule",
            "ModuleDocFragment",
        }:
            places[node.name].append(file)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_class_does_everything() -> None:
    counts = {
        f"{file}:{node.name}": sum(
            isinstance(each, ast.FunctionDef) and not each.name.startswith("_") for each in node.body
        )
        for file, node in classes()
    }
    assert {name: count for name, count in counts.items() if count > METHODS_LIMIT} == {}


def test_classes_are_composed() -> None:
    """A class of the collection inherits from no other one, unless it is an exception."""
    found = []
    for file, node in classes():
        for base in node.bases:
            name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
            if name not in BASES and not name.endswith(("Error", "Exception", "Warning", "Refused", "Interrupt")):
                found.append(f"{file}:{node.lineno}: {node.name}({name})")
    assert found == []


def test_dictionaries_of_anything_are_rare() -> None:
    lines = untyped = 0
    for path in files("plugins/*.py"):
        text = path.read_text()
        lines += len(text.splitlines())
        untyped += len(UNTYPED.findall(text))
    assert untyped * 1000 / lines <= UNTYPED_LIMIT, f"{untyped} in {lines} lines"
