# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The formats of a route check's report: `render(name, report)`."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import DEFAULT_FAIL_ON
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from . import data, html, junit, markdown, text

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport

#: Format -> the usual ending of its files.
FORMATS: t.Final[dict[str, str]] = {
    "text": ".txt",
    "json": ".json",
    "markdown": ".md",
    "html": ".html",
    "junit": ".xml",
}


def render(
    name: str, report: RouteCheckReport, *, fail_on: Sequence[str] = DEFAULT_FAIL_ON, fail_on_unverified: bool = False
) -> str:
    """Write a report in one of `FORMATS`, with a line break at its end.

    Args:
        name: the format.
        report: the report.
        fail_on: as for `RouteCheckReport.gate`, for JUnit.
        fail_on_unverified: the same.

    Raises:
        RouteError: there is no such format, or `fail_on` holds a word that is neither a class nor a risk.
    """
    if name == "text":
        return text.render(report)
    if name == "json":
        return data.render(report)
    if name == "markdown":
        return markdown.render(report)
    if name == "html":
        return html.render(report)
    if name == "junit":
        return junit.render(report, fail_on, fail_on_unverified=fail_on_unverified)
    raise RouteError(f'there is no format "{name}", the formats are: {", ".join(FORMATS)}')


__all__ = ["FORMATS", "render"]
