# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Suppressions in a file of their own: by path and rule, each with a reason and, where it should not last, a date."""

from __future__ import annotations

import datetime as dt
import difflib
import os
import typing as t
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import yaml

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

from .errors import LintError
from .finding import Rule
from .suppression import INVALID, UNUSED
from .suppression import RULES as ABOUT_COMMENTS

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from .finding import Finding

EXPIRED: t.Final = Rule("suppression-expired", "warning", "A suppression in the project file is past its date")
RULES: t.Final = (EXPIRED,)

#: Where the project file is looked for, in the folder that is linted.
NAME: t.Final = ".failsafe-lint.yml"
_KEYS: t.Final = ("rule", "path", "reason", "expires")
_LARGEST: t.Final = 1_000_000


@dataclass(frozen=True)
class Entry:
    """One valid entry: findings of `rule` in files that match `path` are not reported up to and including `expires`."""

    rule: str
    path: str
    reason: str
    place: Place
    expires: dt.date | None = None


@dataclass
class Project:
    """One project file, read."""

    file: str
    text: str
    entries: list[Entry] = field(default_factory=list)
    #: What is wrong with it: (place, message).
    faults: list[tuple[Place, str]] = field(default_factory=list)
    #: What findings of a dump have before the paths that entries name.
    config_dir: str = ""
    #: False where only one file of the folder is linted: then no entry can be called unused.
    whole: bool = True

    def apply(
        self,
        findings: Iterable[Finding],
        files: Iterable[str],
        rules: Mapping[str, Rule],
        *,
        ignored: Collection[str] = (),
        partial: bool = False,
        today: dt.date | None = None,
    ) -> Iterator[Finding]:
        """The findings that no entry suppresses, and findings on the entries themselves.

        Args:
            findings: what was found.
            files: the files that were read, as findings name them.
            rules: every rule by its id.
            ignored: ids of rules that did not run: entries about them cannot be unused.
            partial: only a part of the tree was given: entries about other files cannot be unused.
            today: the day that dates are compared with. Default: today in UTC.
        """
        day = today or dt.datetime.now(tz=dt.UTC).date()
        yield from (INVALID.at(place, message) for place, message in self.faults)
        active: dict[str, list[Entry]] = {}
        for entry in self.entries:
            refusal = _refusal(entry.rule, rules)
            if refusal:
                yield INVALID.at(entry.place, refusal)
            elif entry.expires is not None and entry.expires < day:
                message = f"ignoring {entry.rule} in {entry.path} ended on {entry.expires}"
                yield EXPIRED.at(entry.place, f"{message} ({entry.reason}): repair what it finds, or set a new date")
            else:
                active.setdefault(entry.rule, []).append(entry)
        used: set[Place] = set()
        for finding in findings:
            matching = [each.place for each in active.get(finding.rule, ()) if self._covers(each, finding.file)]
            if not matching:
                yield finding
            used.update(matching)
        if not self.whole:
            return
        names = list(files)
        for entry in (each for group in active.values() for each in group):
            if entry.place not in used and entry.rule not in ignored:
                yield from self._unused(entry, names, partial=partial)

    def _covers(self, entry: Entry, file: str) -> bool:
        below = file.removeprefix(f"{self.config_dir.rstrip('/')}/") if self.config_dir else file
        return matches(below, entry.path) or matches(file, entry.path)

    def _unused(self, entry: Entry, files: list[str], *, partial: bool) -> Iterator[Finding]:
        if any(self._covers(entry, file) for file in files):
            message = f"nothing to suppress: {entry.rule} finds nothing in {entry.path}"
        elif not partial:
            message = f"nothing to suppress: no file that nginx reads matches {entry.path}"
        else:
            return
        yield UNUSED.at(entry.place, f"{message}, delete this entry")


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern: `*`, `?` and `[...]` within one folder, `**` for any number of folders."""
    reached = {0}
    parts = path.split("/")
    for step in pattern.split("/"):
        if step == "**":
            reached = set(range(min(reached), len(parts) + 1)) if reached else reached
        else:
            reached = {n + 1 for n in reached if n < len(parts) and fnmatchcase(parts[n], step)}
    return len(parts) in reached


def parse(data: bytes, file: str = NAME, *, config_dir: str = "") -> Project:
    """Read a project file; what is wrong with it is told by `Project.apply()`, and suppresses nothing.

    Args:
        data: the file's content.
        file: its path, as findings shall name it.
        config_dir: the path that the configuration folder has in the findings of a dump.
    """
    project = Project(file, data.decode("utf-8", "replace"), config_dir=config_dir)
    if len(data) > _LARGEST:
        project.faults.append((Place(file, 1), f"the file is larger than {_LARGEST} bytes"))
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


def find(folder: str | None, given: str | None = None, *, config_dir: str = "") -> Project | None:
    """The project file that was named, or the one in the folder; None where there is none.

    Args:
        folder: the folder that is linted, None for a dump or a single text.
        given: the path of the project file that was asked for.
        config_dir: see `parse`.

    Raises:
        LintError: the file cannot be read.
    """
    path = given or (os.path.join(folder, NAME) if folder else "")
    if not path or (not given and not os.path.lexists(path)):
        return None
    if os.path.exists(path) and not os.path.isfile(path):
        msg = f"{path} is no regular file, so no suppressions can be read from it"
        raise LintError(msg)
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        msg = f"the suppressions in {path} cannot be read: {error.strerror or error}"
        raise LintError(msg) from error
    name = os.path.relpath(path, folder) if folder else path
    return parse(data, os.path.abspath(path) if name.startswith("..") else name, config_dir=config_dir)


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


def _entry(project: Project, node: yaml.Node) -> Entry:
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
    return Entry(values.get("rule", ""), path, values.get("reason", ""), place, expires)


def _mapping(project: Project, node: yaml.Node, what: str, known: tuple[str, ...]) -> dict[str, yaml.Node]:
    """The known keys of a mapping; everything else is a fault."""
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


def _refusal(rule: str, rules: Mapping[str, Rule]) -> str:
    if rule not in rules:
        return f'unknown rule "{rule}"{_hint(rule, rules)}'
    if rules[rule].unreadable or rules[rule] in (*ABOUT_COMMENTS, *RULES):
        return f"{rule} cannot be suppressed"
    return ""


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f', did you mean "{close[0]}"?' if close else ""


def _place(file: str, mark: t.Any) -> Place:
    return Place(file, 1) if mark is None else Place(file, mark.line + 1, mark.column + 1)
