# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The project's Python files and what they import, read from the source."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from project import COLLECTION, ROOT, files

#: Two levels below `plugins`: `plugin_utils/_lint`, `module_utils/_nginx`.
UTILS = ("plugin_utils", "module_utils")


@functools.cache
def imports(*patterns: str) -> dict[str, frozenset[str]]:
    """Map each Python file of the project to the files of the project that it imports.

    Imports below TYPE_CHECKING and inside functions count: a reader follows them too. Importing a package means its
    `__init__.py`, importing a name out of a package that is a module there means that module.
    """
    paths = [path for path in files(*(patterns or ("*.py",))) if path.suffix == ".py"]
    return {name_of(path): frozenset(_imported(path) - {name_of(path)}) for path in paths}


def name_of(path: Path) -> str:
    """Return a path below the root, as it is written in messages and tables."""
    return path.relative_to(ROOT).as_posix()


def room_of(file: str) -> str | None:
    """Return the room of a file, such as `plugin_utils/_lint`, or None for a file outside of the rooms."""
    parts = file.split("/")
    return "/".join(parts[1:3]) if len(parts) > 3 and parts[0] == "plugins" and parts[1] in UTILS else None


def external_imports(path: Path) -> set[str]:
    """Return the top-level names of what a file imports from outside of the project."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found - {"ansible_collections", "__future__"}


def circle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the nodes of one circle in the order of its edges, or an empty list where there is none."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return path[path.index(node) :]
        if node in done:
            return []
        for target in sorted(edges.get(node, ())):
            found = visit(target, [*path, node])
            if found:
                return found
        done.add(node)
        return []

    for start in sorted(edges):
        found = visit(start, [])
        if found:
            return found
    return []


def dependents(changed: Iterable[str], edges: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Map each file that imports a changed one, directly or not, to its distance; a changed file has 0."""
    importers: dict[str, set[str]] = {}
    for source, targets in edges.items():
        for target in targets:
            importers.setdefault(target, set()).add(source)
    found = dict.fromkeys(changed, 0)
    reached = list(found)
    while reached:
        further = {importer for file in reached for importer in importers.get(file, ())} - set(found)
        distance = found[reached[0]] + 1
        reached = sorted(further)
        found |= dict.fromkeys(reached, distance)
    return found


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _files_of(path, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            for alias in node.names:
                found |= _files_of(path, f"{base}.{alias.name}") or _files_of(path, base)
    return found


def _base(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parts[: -node.level]
    return COLLECTION + ".".join([*package, *filter(None, [node.module])])


def _files_of(importer: Path, module: str) -> set[str]:
    if module.startswith(COLLECTION):
        places = [ROOT.joinpath(*module[len(COLLECTION) :].split("."))]
    else:
        # Tests put folders on sys.path: their helpers lie beside them or above.
        places = [
            folder / module.replace(".", "/")
            for folder in (importer.parent, *importer.parents)
            if ROOT in (folder, *folder.parents)
        ]
    for place in places:
        for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if file.is_file():
                return {name_of(file)}
    return set()
