# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Text for Ansible's `--diff` and for terminals: a line of numbers, then a paragraph per group of changes."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    STATES,
    AcceptEntry,
    ExpectationResult,
    RouteCheckReport,
    Unverified,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.accounting import count_states
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.long_lines import changed_parts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.report import MOST_LISTED
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.attribution import SemanticChange

#: Groups, entries and causes that are written out; others are counted.
MOST_GROUPS: t.Final = 50
MOST_ENTRIES: t.Final = 20
MOST_CAUSES: t.Final = 3
#: Between the old and the new value of a changed directive, and the characters of each that are shown.
_ARROW: t.Final = " -> "
_LONGEST_VALUE: t.Final = 160
_SIGNS: t.Final = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "renamed": "~", "reordered": ">"}


def render(report: RouteCheckReport) -> str:
    """Write a report as text."""
    lines = [headline(report)]
    for change in report.changes[:MOST_GROUPS]:
        lines += group_lines(change)
    left_out = len(report.changes) - MOST_GROUPS
    if left_out > 0:
        lines.append(f"... and {counted(left_out, 'more group')} of changes")
    lines += _section("failed expectations:", [expectation_text(each) for each in report.failed_expectations])
    lines += _section("expected changes (accept):", [accepted_text(change) for change in report.accepted])
    lines += _section("accept entries that have expired:", [entry_text(entry) for entry in report.accept_expired])
    lines += _section("accept entries that nothing matches:", [entry_text(entry) for entry in report.accept_unused])
    lines += _section("not exercised:", gap_texts(report, "changed"))
    lines += _section("answers that are not stable:", gap_texts(report, "unstable"))
    lines += _section("without effect:", without_effect_texts(report))
    lines += _section("not visible in one response:", not_visible_texts(report))
    lines += _section("not to be seen here:", gap_texts(report, "limit"))
    lines += _section("not reached by any request:", uncovered_texts(report), len(report.coverage.uncovered))
    lines += _unstable_fields(report)
    if report.config is not None:
        lines.append(config_text(report))
    return "\n".join(lines) + "\n"


def headline(report: RouteCheckReport) -> str:
    """Write the numbers of a report in one line: requests, coverage, the accounts of changes, groups of each risk."""
    coverage = report.coverage
    numbers = [
        counted(report.requests, "request"),
        f"{report.changed_requests} changed",
        f"{len(report.unverified_changes)} unverified",
        f"coverage {coverage.covered}/{coverage.total} blocks" if coverage.traced else "coverage unknown",
    ]
    if report.expectations:
        numbers.append(
            f"{len(report.failed_expectations)} of {counted(len(report.expectations), 'expectation')} failed"
        )
    parts = [", ".join(numbers), *([accounting_text(report)] if report.accounts else [])]
    risks = [f"{number} {risk}" for risk, number in report.risks().items() if number]
    return f"nginx behaviour: {'; '.join(parts)}" + (f"      ({', '.join(risks)})" if risks else "")


def accounting_text(report: RouteCheckReport) -> str:
    """Write how many changes are in which state: `9 changes: 4 shown, 2 without effect, 3 not exercised`."""
    counts = count_states(report.accounts)
    states = ", ".join(f"{counts[state]} {words}" for state, words in STATES.items() if counts[state])
    return f"{counted(len(report.accounts), 'change')}: {states}"


def gap_texts(report: RouteCheckReport, kind: str) -> list[str]:
    """Write the gaps of one kind: `changed`, `unstable` or `limit`."""
    return [unverified_text(each) for each in report.unverified if each.kind == kind]


def without_effect_texts(report: RouteCheckReport) -> list[str]:
    """Write the changes without effect, each with the requests that prove it."""
    return [
        f"{cause_text(each.change)} (asked by {', '.join(each.witnesses[:MOST_CAUSES])})"
        for each in report.accounts
        if each.state == "without-effect"
    ]


def not_visible_texts(report: RouteCheckReport) -> list[str]:
    """Write the changes that no single response shows, those of one kind together."""
    found = [each for each in report.accounts if each.state == "not-visible"]
    return [f"{each.kind}: {cause_text(each.change)}" for each in sorted(found, key=lambda each: each.kind)]


def group_lines(change: BehaviourChange) -> Iterator[str]:
    """Write a group: class, place and number, the request, before and after, causes."""
    count = counted(change.requests, "request")
    yield f"{change.risk.upper()} {change.name}   {change.server}   {change.where}      {count}{_aside(change)}"
    yield f"    {change.example.request}"
    yield from _side("-", change.example.before)
    yield from _side("+", change.example.after)
    for note in change.notes:
        yield f"    {note}"
    for position, cause in enumerate(change.causes[:MOST_CAUSES]):
        yield f"    {'cause:' if not position else '      '} {cause_text(cause)}"
    left_out = len(change.causes) - MOST_CAUSES
    if left_out > 0:
        yield f"           and {counted(left_out, 'more change')} of the configuration"
    if change.key:
        yield f"    key: {change.key}"


def _aside(change: BehaviourChange) -> str:
    also = ", ".join(f"{number} {name}" for name, number in sorted(change.also.items()))
    return f"  (with {also})" if also else ""


def _side(sign: str, lines: Iterable[str]) -> Iterator[str]:
    for position, line in enumerate(lines):
        yield f"  {sign}   {'  ' if position else ''}{line}"


def cause_text(cause: SemanticChange) -> str:
    """Write a change of the configuration with its place: `conf.d/a.conf:16 ~ location /p/: rewrite ...`.

    Of a long value that became another one, the part is shown that changed.
    """
    place = cause.after or cause.before
    where = f"{place.file}:{place.line} " if place else ""
    line = cause.line
    old, arrow, new = line.partition(_ARROW)
    if arrow and _ARROW not in new:
        line = arrow.join(changed_parts(old, new, _LONGEST_VALUE))
    return f"{where}{_SIGNS.get(cause.kind, '~')} {line}"


def entry_text(entry: AcceptEntry) -> str:
    """Write an entry of `accept` with its place."""
    place = f"{entry.file}:{entry.line} " if entry.file else ""
    return place + ", ".join(f"{key}: {value}" for key, value in entry.as_dict().items() if key not in ("file", "line"))


def unverified_text(each: Unverified) -> str:
    """Write a gap: where, what and why."""
    place = f"{each.file}:{each.line} " if each.file else ""
    return f"{place}{each.what}: {each.reason}"


def expectation_text(result: ExpectationResult) -> str:
    """Write a failed expectation: where it is written, its name and request, and what differs."""
    wrong = "; ".join(f"{name} should be {result.expected[name]}, is {result.got[name]}" for name in result.failed)
    return f"{result.file}:{result.line} {result.name}: {result.request}: {wrong}"


def accepted_text(change: BehaviourChange) -> str:
    """Write an accepted change in one line."""
    until = change.accepted.until if change.accepted else None
    when = f" (accepted until {until})" if until else " (accepted)"
    return f"{change.name} {change.server} {change.where}, {counted(change.requests, 'request')}{when}"


def uncovered_texts(report: RouteCheckReport) -> list[str]:
    """Write the blocks that no request reached, each with its place and server."""
    return [
        f"{each.file}:{each.line} {each.block}"
        + (f" in {each.server}" if each.server and each.kind != "server" else "")
        for each in report.coverage.uncovered[:MOST_LISTED]
    ]


def config_text(report: RouteCheckReport) -> str:
    """Write the semantic diff in one line; "" without one."""
    if report.config is None:
        return ""
    return f"config: {report.config.text}"


def _unstable_fields(report: RouteCheckReport) -> list[str]:
    fields = [f"{each.field} ({counted(each.requests, 'request')})" for each in report.unstable_fields[:MOST_ENTRIES]]
    return [f"not compared, as it differs by itself: {', '.join(fields)}"] if fields else []


def _section(title: str, entries: list[str], count: int | None = None) -> list[str]:
    if not entries:
        return []
    left_out = (count or len(entries)) - MOST_ENTRIES
    more = [f"    ... and {left_out} more"] if left_out > 0 else []
    return [title, *(f"    {entry}" for entry in entries[:MOST_ENTRIES]), *more]
