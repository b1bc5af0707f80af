# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Markdown for the comment of a merge request: a table of the groups, then each group to unfold."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.markdown import (
    code_fence,
    escape_comment,
    escape_in_tag,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from . import text

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange, RouteCheckReport

#: A comment on GitHub holds 65,536 characters.
_MOST_GROUPS: t.Final = 40
_MOST_ENTRIES: t.Final = 50


def render(report: RouteCheckReport) -> str:
    """Write a report as Markdown."""
    lines = ["# nginx behaviour", "", escape_comment(text.headline(report).removeprefix("nginx behaviour: ")), ""]
    lines += _table(report)
    for change in report.changes[:_MOST_GROUPS]:
        lines += _details(change)
    if len(report.changes) > _MOST_GROUPS:
        left_out = counted(len(report.changes) - _MOST_GROUPS, "more group")
        lines += [f"The JSON report has {left_out} of changes.", ""]
    lines += _list("Failed expectations", map(text.expectation_text, report.failed_expectations))
    lines += _list("Not exercised", text.gap_texts(report, "changed"))
    lines += _list("Answers that are not stable", text.gap_texts(report, "unstable"))
    lines += _list("Expected changes", map(text.accepted_text, report.accepted))
    lines += _list("Expired `accept` entries", map(text.entry_text, report.accept_expired))
    lines += _list("Unused `accept` entries", map(text.entry_text, report.accept_unused))
    lines += _list("Without effect", text.without_effect_texts(report))
    lines += _list("Not visible in one response", text.not_visible_texts(report))
    lines += _list("Not to be seen here", text.gap_texts(report, "limit"))
    lines += _list("Not reached by any request", text.uncovered_texts(report))
    if report.config is not None:
        lines += [escape_comment(text.config_text(report)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(report: RouteCheckReport) -> Iterator[str]:
    if not report.changes:
        yield from ("No request gets anything else than before.", "")
        return
    yield "| risk | class | server | where | requests | example |"
    yield "| --- | --- | --- | --- | ---: | --- |"
    for change in report.changes[:_MOST_GROUPS]:
        cells = (change.risk, change.name, change.server, change.where, str(change.requests), change.example.request)
        yield f"| {' | '.join(escape_comment(cell) for cell in cells)} |"
    yield ""


def _details(change: BehaviourChange) -> Iterator[str]:
    title = f"{change.risk}: {change.name}, {change.server}, {change.where}"
    yield f"<details><summary>{escape_in_tag(title)}</summary>"
    yield ""
    body = [
        change.example.request,
        *(f"- {line}" for line in change.example.before),
        *(f"+ {line}" for line in change.example.after),
    ]
    fence = code_fence(body)
    yield f"{fence}diff"
    yield from body
    yield fence
    yield ""
    notes = [*change.notes, *(text.cause_text(cause) for cause in change.causes[: text.MOST_CAUSES])]
    yield from (f"- {escape_comment(note)}" for note in notes)
    yield from ("", "</details>", "")


def _list(title: str, entries: Iterable[str]) -> Iterator[str]:
    shown = list(entries)
    if not shown:
        return
    yield from (f"## {title}", "")
    yield from (f"- {escape_comment(entry)}" for entry in shown[:_MOST_ENTRIES])
    if len(shown) > _MOST_ENTRIES:
        yield f"- and {len(shown) - _MOST_ENTRIES} more"
    yield ""
