# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules and findings: what lint says, about which line."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

Severity = t.Literal["error", "warning", "advice"]
SEVERITIES: t.Final[tuple[Severity, ...]] = ("error", "warning", "advice")


class LintError(Exception):
    """Lint itself was asked for something impossible, such as an unknown rule."""


@dataclass(frozen=True)
class Rule:
    """One rule. `severity` is a promise: an error means that traffic breaks, a warning that it was hardly meant so."""

    id: str
    severity: Severity
    summary: str
    #: True where the configuration could not be read: such findings can neither be ignored nor suppressed.
    unreadable: bool = False

    def at(self, place: Place, message: str, related: t.Iterable[Related] = ()) -> Finding:
        """A finding of this rule."""
        return Finding(self.id, self.severity, message, place.file, place.line, place.column, tuple(related))


@dataclass(frozen=True)
class Related:
    """Another line that has a part in a finding."""

    message: str
    file: str
    line: int


@dataclass(frozen=True)
class Finding:
    """One thing that lint reports. Paths and 1-based lines as the user knows them."""

    rule: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int = 1
    related: tuple[Related, ...] = field(default=())

    def as_dict(self) -> dict[str, t.Any]:
        """The finding as plain data, the contract with everything outside this room."""
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
    """A related place."""
    return Related(message, place.file, place.line)
