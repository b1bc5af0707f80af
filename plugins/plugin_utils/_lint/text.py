# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Format findings as text, and decide which of them stop a deploy."""

from __future__ import annotations

import typing as t

from . import registry
from .errors import LintError
from .finding import SEVERITIES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FAIL_ON: t.Final = (*SEVERITIES, "never")


def gate(findings: Iterable[Mapping[str, t.Any]], fail_on: str = "error") -> list[dict[str, t.Any]]:
    """Return the findings that stop a deploy: those of `fail_on` and worse, and all about unreadable input.

    Args:
        findings: findings as `Finding.as_dict()` gives them.
        fail_on: `error`, `warning`, `advice` or `never`.

    Raises:
        LintError: `fail_on` is something else.
    """
    if fail_on not in FAIL_ON:
        msg = f'fail_on has to be one of {", ".join(FAIL_ON)}, not "{fail_on}"'
        raise LintError(msg)
    severities = () if fail_on == "never" else SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return [dict(each) for each in findings if each["severity"] in severities or registry.rule(each["rule"]).unreadable]


def report(findings: Iterable[Mapping[str, t.Any]], sources: Mapping[str, str] | None = None) -> str:
    """Format one paragraph per finding: severity, rule, place, message, and every other line involved.

    Args:
        findings: findings as `Finding.as_dict()` gives them.
        sources: path below the config folder -> the file on the controller that it came from, named beside it.
    """
    return "\n".join(line for finding in findings for line in _lines(finding, sources or {}))


def _lines(finding: Mapping[str, t.Any], sources: Mapping[str, str]) -> Iterator[str]:
    source = sources.get(finding["file"])
    origin = f" (from {source})" if source and not source.endswith(finding["file"]) else ""
    yield f"{finding['severity']} {finding['rule']} {finding['file']}:{finding['line']}{origin}"
    yield f"    {finding['message']}"
    for place in finding["related"]:
        yield f"    {place['file']}:{place['line']} {place['message']}"


def count(findings: Iterable[Mapping[str, t.Any]]) -> dict[str, int]:
    """Count the findings of each severity."""
    counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding["severity"]] += 1
    return counts


def count_text(counts: Mapping[str, int]) -> str:
    """Format counts: `2 errors, 1 warning, 0 advice`."""
    return ", ".join(f"{counts[s]} {s}{'s' if counts[s] != 1 and s != 'advice' else ''}" for s in SEVERITIES)
