# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Suppress findings by the entries of the project file: by path and rule, with a reason and perhaps a last day."""

from __future__ import annotations

import datetime as dt
import difflib
import typing as t
from fnmatch import fnmatchcase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry

from .faults import SuppressionFault, is_suppressible

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

    from .project import Project, SuppressionEntry


class EntrySuppressions:
    """The entries of a project file in one run, and which of them were of use.

    Args:
        project: the project file.
        files: the files that were read, as findings name them.
        silent: ids of rules that do not run: entries about them cannot be unused.
        partial: only a part of the tree was given: entries about other files cannot be unused.
        today: the day that dates are compared with. Default: today in UTC.
    """

    def __init__(
        self,
        project: Project,
        files: Iterable[str],
        silent: Collection[str],
        *,
        partial: bool,
        today: dt.date | None = None,
    ) -> None:
        self.invalid = [SuppressionFault(place, message) for place, message in project.faults]
        self.expired: list[SuppressionFault] = []
        self._project = project
        self._files = files
        self._silent = silent
        self._partial = partial
        #: The entries that hold, by rule.
        self._active: dict[str, list[SuppressionEntry]] = {}
        self._used: set[Place] = set()
        for entry in project.entries:
            self._add(entry, today or dt.datetime.now(tz=dt.UTC).date())

    def keep(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings that no entry suppresses."""
        for finding in findings:
            matching = [each.place for each in self._active.get(finding.rule, ()) if self._covers(each, finding.file)]
            if not matching:
                yield finding
            self._used.update(matching)

    def unused(self) -> Iterator[SuppressionFault]:
        """Yield the entries that suppressed nothing, once all findings were seen."""
        if not self._project.whole:
            return
        for entry in (each for group in self._active.values() for each in group):
            if entry.place in self._used or entry.rule in self._silent:
                continue
            if any(self._covers(entry, file) for file in self._files):
                message = f"nothing to suppress: {entry.rule} finds nothing in {entry.path}"
            elif not self._partial:
                message = f"nothing to suppress: no file that nginx reads matches {entry.path}"
            else:
                continue
            yield SuppressionFault(entry.place, f"{message}, delete this entry")

    def _add(self, entry: SuppressionEntry, today: dt.date) -> None:
        refusal = _refusal(entry.rule)
        if refusal:
            self.invalid.append(SuppressionFault(entry.place, refusal))
        elif entry.expires is not None and entry.expires < today:
            message = f"ignoring {entry.rule} in {entry.path} ended on {entry.expires}"
            advice = "repair what it finds, or set a new date"
            self.expired.append(SuppressionFault(entry.place, f"{message} ({entry.reason}): {advice}"))
        else:
            self._active.setdefault(entry.rule, []).append(entry)

    def _covers(self, entry: SuppressionEntry, file: str) -> bool:
        folder = self._project.config_dir.rstrip("/")
        below = file.removeprefix(f"{folder}/") if self._project.config_dir else file
        return matches(below, entry.path) or matches(file, entry.path)


def matches(path: str, pattern: str) -> bool:
    """Match a path: `*`, `?` and `[...]` stay within one folder, `**` stands for any number of folders."""
    reached = {0}
    parts = path.split("/")
    for step in pattern.split("/"):
        if step == "**":
            reached = set(range(min(reached), len(parts) + 1)) if reached else reached
        else:
            reached = {n + 1 for n in reached if n < len(parts) and fnmatchcase(parts[n], step)}
    return len(parts) in reached


def _refusal(rule: str) -> str:
    if rule not in registry.MODULES:
        close = difflib.get_close_matches(rule, registry.MODULES, n=1)
        hint = f', did you mean "{close[0]}"?' if close else ""
        return f'unknown rule "{rule}"{hint}'
    return "" if is_suppressible(rule) else f"{rule} cannot be suppressed"
