# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""HTML: a page of the numbers, the groups of changes and what is not verified."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import CLASSES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.environments import page_environment
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from . import text

if t.TYPE_CHECKING:
    from jinja2 import Template

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport

_MOST_GROUPS: t.Final = 200


@functools.cache
def _template() -> Template:
    return page_environment(Path(__file__).parent / "templates").get_template("route_check.html.j2")


def render(report: RouteCheckReport) -> str:
    """Write a report as an HTML page."""
    lists = {
        "Failed expectations": [text.expectation_text(each) for each in report.failed_expectations],
        "Not exercised": text.gap_texts(report, "changed"),
        "Answers that are not stable": text.gap_texts(report, "unstable"),
        "Expected changes": [text.accepted_text(change) for change in report.accepted],
        "Accept entries that have expired": [text.entry_text(entry) for entry in report.accept_expired],
        "Accept entries that nothing matches": [text.entry_text(entry) for entry in report.accept_unused],
        "Without effect": text.without_effect_texts(report),
        "Not visible in one response": text.not_visible_texts(report),
        "Not to be seen here": text.gap_texts(report, "limit"),
        "Not reached by any request": text.uncovered_texts(report),
        "Not compared, as it differs by itself": [
            f"{e.field}: {counted(e.requests, 'request')}" for e in report.unstable_fields
        ],
    }
    return _template().render(
        headline=text.headline(report).removeprefix("nginx behaviour: "),
        risks=report.risks(),
        requests=report.requests,
        changed=report.changed_requests,
        coverage=report.coverage.counts,
        traced=report.coverage.traced,
        changes=report.changes[:_MOST_GROUPS],
        left_out=max(0, len(report.changes) - _MOST_GROUPS),
        meaning={name: meaning for name, (_risk, meaning) in CLASSES.items()},
        cause=text.cause_text,
        most_causes=text.MOST_CAUSES * 3,
        lists={title: entries for title, entries in lists.items() if entries},
        config=text.config_text(report),
    )
