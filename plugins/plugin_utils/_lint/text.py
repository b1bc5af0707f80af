# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Findings for people, and the decision whether they stop a deploy."""

from __future__ import annotations

import typing as t

from .engine import RULES
from .finding import SEVERITIES

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .finding import Finding

FailOn = t.Literal["error", "warning", "advice", "never"]


def summary(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each severity."""
    counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return counts


def refusing(findings: Iterable[Finding], fail_on: FailOn = "error") -> list[Finding]:
    """The findings that stop a deploy: those of `fail_on` and worse, and always what could not be read."""
    severities = () if fail_on == "never" else SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return [each for each in findings if each.severity in severities or RULES[each.rule].unreadable]


def to_text(findings: Iterable[Finding]) -> str:
    """One paragraph per finding: severity, rule, place, message, and every other line involved."""
    return "\n".join(line for finding in findings for line in _lines(finding))


def _lines(finding: Finding) -> list[str]:
    head = f"{finding.severity} {finding.rule} {finding.file}:{finding.line}"
    places = [f"    {place.file}:{place.line} {place.message}" for place in finding.related]
    return [head, f"    {finding.message}", *places]


def summary_line(counts: dict[str, int]) -> str:
    """`2 errors, 1 warning, 0 advice`."""
    words = (f"{counts[s]} {s}{'s' if counts[s] != 1 and s != 'advice' else ''}" for s in SEVERITIES)
    return ", ".join(words)
