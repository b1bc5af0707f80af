# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report as text, for Ansible's `--diff` and for terminals: the numbers first, then one paragraph per group."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import Report, Unverified

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange

#: Groups and entries that are written out; the rest is counted.
MOST_GROUPS: t.Final = 50
MOST_ENTRIES: t.Final = 20
MOST_CAUSES: t.Final = 3
_SIGNS: t.Final = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "renamed": "~", "reordered": ">"}


def render(report: Report) -> str:
    """The whole report; it ends with a line break."""
    lines = [headline(report)]
    for change in report.changes[:MOST_GROUPS]:
        lines += group_lines(change)
    lines += _more(len(report.changes) - MOST_GROUPS, "groups of changes")
    lines += _expectations(report)
    lines += _section("expected changes (accept):", [accepted_text(change) for change in report.accepted])
    lines += _section("accept entries that have expired:", [entry_text(entry) for entry in report.accept_expired])
    lines += _section("accept entries that nothing matches:", [entry_text(entry) for entry in report.accept_unused])
    lines += _section("changed, not verified:", [unverified_text(each) for each in report.unverified_changes])
    lines += _section(
        "not to be seen here:", [unverified_text(each) for each in report.unverified if each.kind == "limit"]
    )
    lines += _uncovered(report)
    lines += _noise(report)
    if report.config is not None:
        lines.append(config_text(report))
    return "\n".join(lines) + "\n"


def headline(report: Report) -> str:
    """The numbers: requests, changes, what is not verified, coverage, and the worst of it."""
    covered, total = report.coverage.get("covered", 0), report.coverage.get("total", 0)
    coverage = f"coverage {covered}/{total} blocks" if report.coverage.get("traced") else "coverage unknown"
    numbers = [
        f"{report.requests} {'request' if report.requests == 1 else 'requests'}",
        f"{report.changed_requests} changed",
        f"{len(report.unverified_changes)} unverified",
        coverage,
    ]
    if report.expectations:
        numbers.append(f"{len(report.failed_expectations)} of {len(report.expectations)} expectations failed")
    risks = [f"{number} {risk}" for risk, number in report.risks().items() if number]
    return f"nginx behaviour: {', '.join(numbers)}" + (f"      ({', '.join(risks)})" if risks else "")


def group_lines(change: BehaviourChange) -> Iterator[str]:
    """One group: class, place and number, the request, before and after, why."""
    count = f"{change.requests} {'request' if change.requests == 1 else 'requests'}"
    yield f"{change.risk.upper()} {change.name}   {change.server}   {change.where}      {count}{_aside(change)}"
    yield f"    {change.example.request}"
    yield from _side("-", change.example.before)
    yield from _side("+", change.example.after)
    for note in change.notes:
        yield f"    {note}"
    causes = change.causes[:MOST_CAUSES]
    for position, cause in enumerate(causes):
        yield f"    {'cause:' if not position else '      '} {cause_text(cause)}"
    if len(change.causes) > MOST_CAUSES:
        yield f"           and {len(change.causes) - MOST_CAUSES} more changes of the configuration"


def _aside(change: BehaviourChange) -> str:
    also = ", ".join(f"{number} {name}" for name, number in sorted(change.also.items()))
    return f"  (with {also})" if also else ""


def _side(sign: str, lines: Iterable[str]) -> Iterator[str]:
    for position, line in enumerate(lines):
        yield f"  {sign}   {'  ' if position else ''}{line}"


def cause_text(cause: dict[str, t.Any]) -> str:
    """A semantic change with its place: `conf.d/a.conf:16 ~ location /p/: rewrite ...`."""
    place = cause.get("after") or cause.get("before") or {}
    return f"{place.get('file')}:{place.get('line')} {_SIGNS.get(cause['kind'], '~')} {cause['line']}"


def entry_text(entry: dict[str, t.Any]) -> str:
    """An entry of `accept` as it was written."""
    place = f"{entry['file']}:{entry.get('line')} " if entry.get("file") else ""
    return place + ", ".join(f"{key}: {value}" for key, value in entry.items() if key not in ("file", "line"))


def unverified_text(each: Unverified) -> str:
    """What is not verified, where, and why."""
    place = f"{each.file}:{each.line} " if each.file else ""
    return f"{place}{each.what}: {each.reason}"


def expectation_text(result: dict[str, t.Any]) -> str:
    """A failed expectation: where it is written, its name and request, and what was seen instead."""
    wrong = "; ".join(
        f"{name} should be {result['expected'].get(name)}, is {result['got'].get(name)}" for name in result["failed"]
    )
    return f"{result['file']}:{result['line']} {result['name']}: {result['request']}: {wrong}"


def accepted_text(change: BehaviourChange) -> str:
    """An expected change in one line."""
    until = (change.accepted or {}).get("until")
    when = f" (accepted until {until})" if until else " (accepted)"
    return f"{change.name} {change.server} {change.where}, {change.requests} requests{when}"


def _expectations(report: Report) -> list[str]:
    return _section("failed expectations:", [expectation_text(each) for each in report.failed_expectations])


def uncovered_texts(report: Report) -> list[str]:
    """The blocks that no request reached, each with its place and its server."""
    return [
        f"{entry['file']}:{entry['line']} {entry['block']}"
        + (f" in {entry['server']}" if entry["server"] and entry["kind"] != "server" else "")
        for entry in report.coverage.get("uncovered", ())
    ]


def _uncovered(report: Report) -> list[str]:
    return _section("not reached by any request:", uncovered_texts(report), report.coverage.get("uncovered_count"))


def _noise(report: Report) -> list[str]:
    fields = [f"{entry['field']} ({entry['requests']} requests)" for entry in report.noise[:MOST_ENTRIES]]
    return [f"not compared, as it differs by itself: {', '.join(fields)}"] if fields else []


def config_text(report: Report) -> str:
    """The semantic diff in one line."""
    config = report.config or {}
    text = config.get("text") or ", ".join(f"{key} {value}" for key, value in sorted(config.items()))
    more = f"; {report.unobserved} changed nothing that a request shows" if report.unobserved else ""
    return f"config: {text}{more}"


def _section(title: str, entries: list[str], count: int | None = None) -> list[str]:
    if not entries:
        return []
    shown = [f"    {entry}" for entry in entries[:MOST_ENTRIES]]
    return [title, *shown, *_more((count or len(entries)) - MOST_ENTRIES, "", indent="    ")]


def _more(number: int, what: str, indent: str = "") -> list[str]:
    return [f"{indent}... and {number} more {what}".rstrip()] if number > 0 else []
