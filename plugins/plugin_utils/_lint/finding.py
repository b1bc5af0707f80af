# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Define rules and findings."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

    from .edits import Fix
    from .target import Target

Severity = t.Literal["error", "warning", "advice"]
SEVERITIES: t.Final[tuple[Severity, ...]] = ("error", "warning", "advice")


@dataclass(frozen=True)
class Rule:
    """One rule. `severity` is a promise: an error breaks traffic, a warning was hardly meant so, advice is hardening or style."""

    id: str
    severity: Severity
    summary: str
    #: True where the configuration could not be read: such findings can neither be ignored nor suppressed.
    unreadable: bool = False
    #: The first nginx that it is about (`1.25.1`), and the first that it is no longer about; empty where there is none.
    since: str = ""
    until: str = ""
    #: How bad it is for security, 0.1 to 10.0 as CVSS counts; None where it is not about security.
    security: float | None = None

    def at(self, place: Place, message: str, related: t.Iterable[Related] = (), *, fix: Fix | None = None) -> Finding:
        """Make a finding of this rule.

        Args:
            place: the line that the finding is about.
            message: what happens, why, and what to write instead.
            related: other lines that have a part in it.
            fix: only where it is certain to be what was meant.
        """
        return Finding(self.id, self.severity, message, place.file, place.line, place.column, tuple(related), fix)

    def applies(self, target: Target) -> bool:
        """Return whether the rule is about this nginx; True where its version is not known."""
        return target.at_least(self.since or "0") is not False and not target.at_least(self.until or "9999")


@dataclass(frozen=True)
class Related:
    """Another line that has a part in a finding."""

    message: str
    file: str
    line: int


@dataclass(frozen=True)
class Finding:
    """One thing that lint reports. Paths are those that the user knows, lines count from 1."""

    rule: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int = 1
    related: tuple[Related, ...] = field(default=())
    #: The edits that repair it; two findings are equal with different fixes.
    fix: Fix | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, t.Any]:
        """Return the finding as plain data, as reports and the modules of the collection have it."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "related": [{"message": r.message, "file": r.file, "line": r.line} for r in self.related],
        }


def related(message: str, place: Place) -> Related:
    """Make a related place."""
    return Related(message, place.file, place.line)
