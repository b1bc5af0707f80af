# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reports of a route check: `render(name, report)`."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import DEFAULT_FAIL_ON
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from . import data, html, junit, markdown, text

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import Report

#: Name -> the file ending that people expect of it.
FORMATS: t.Final[dict[str, str]] = {
    "text": ".txt",
    "json": ".json",
    "markdown": ".md",
    "html": ".html",
    "junit": ".xml",
}


def render(
    name: str, report: Report, *, fail_on: Sequence[str] = DEFAULT_FAIL_ON, fail_on_unverified: bool = False
) -> str:
    """A report in one of `FORMATS`; it ends with a line break.

    Args:
        name: the format.
        report: what was found.
        fail_on: as for `Report.gate`; what fails it is a failure in JUnit.
        fail_on_unverified: as for `Report.gate`.

    Raises:
        RouteError: there is no such format, or `fail_on` holds what is neither a class nor a risk.
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
