# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Read the YAML of a project file. Its own module, because YAML costs more than a lint of a small file."""

from __future__ import annotations

import datetime as dt
import difflib
import typing as t

import yaml

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

from .project import LARGEST, NAME, Project, SuppressionEntry

if t.TYPE_CHECKING:
    from collections.abc import Iterable

_KEYS: t.Final = ("rule", "path", "reason", "expires")


def parse(data: bytes, file: str = NAME, *, config_dir: str = "") -> Project:
    """Read a project file. Entries with a mistake become `Project.faults`.

    Args:
        data: the file's content.
        file: its path, as findings shall name it.
        config_dir: the path that the configuration folder has in the findings of a dump.
    """
    project = Project(file, data.decode("utf-8", "replace"), config_dir=config_dir)
    if len(data) > LARGEST:
        project.faults.append((Place(file, 1), f"the file is larger than {LARGEST} bytes"))
        return project
    try:
        root = yaml.compose(data, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error) or type(error).__name__
        project.faults.append((_place(file, mark), f"this is no YAML: {reason.splitlines()[0]}"))
        return project
    if root is not None and not _is_null(root):
        _read(project, root)
    return project


def _read(project: Project, root: yaml.Node) -> None:
    settings = _mapping(project, root, "the file", ("suppressions",))
    entries = settings.get("suppressions")
    if entries is None or _is_null(entries):
        return
    if not isinstance(entries, yaml.SequenceNode):
        project.faults.append((_place(project.file, entries.start_mark), "suppressions has to be a list"))
        return
    for node in entries.value:
        count = len(project.faults)
        entry = _entry(project, node)
        if len(project.faults) == count:
            project.entries.append(entry)


def _entry(project: Project, node: yaml.Node) -> SuppressionEntry:
    place = _place(project.file, node.start_mark)
    values = {name: _scalar(project, name, each) for name, each in _mapping(project, node, "an entry", _KEYS).items()}
    if isinstance(node, yaml.MappingNode):
        for name in ("rule", "path", "reason"):
            if not values.get(name, "").strip():
                project.faults.append((place, f"{name} is missing: an entry says rule, path and reason"))
    expires = None
    if "expires" in values:
        try:
            expires = dt.date.fromisoformat(values["expires"])
        except ValueError:
            message = f'expires has to be a date such as 2027-01-31, not "{values["expires"]}"'
            project.faults.append((place, message))
    path = values.get("path", "").removeprefix("./")
    return SuppressionEntry(values.get("rule", ""), path, values.get("reason", ""), place, expires)


def _mapping(project: Project, node: yaml.Node, what: str, known: tuple[str, ...]) -> dict[str, yaml.Node]:
    """Return the known keys of a mapping; everything else is a fault."""
    if not isinstance(node, yaml.MappingNode):
        message = f"{what} has to have keys and values: {', '.join(known)}"
        project.faults.append((_place(project.file, node.start_mark), message))
        return {}
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name in known and name not in found:
            found[name] = value
            continue
        problem = f'"{name}" stands here twice' if name in known else f'unknown key "{name}"{_hint(name, known)}'
        project.faults.append((_place(project.file, key.start_mark), problem))
    return found


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null") and not node.style


def _scalar(project: Project, name: str, node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    project.faults.append((_place(project.file, node.start_mark), f"{name} has to be one value"))
    return ""


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f', did you mean "{close[0]}"?' if close else ""


def _place(file: str, mark: t.Any) -> Place:
    return Place(file, 1) if mark is None else Place(file, mark.line + 1, mark.column + 1)
