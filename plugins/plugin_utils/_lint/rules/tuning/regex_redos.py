# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a pattern that takes exponential time for some paths.

PCRE tries every way to split what a repetition matches, until its limit ends the request with 500.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_charsets import backtracks
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "regex-redos", "advice", "A regular expression takes exponential time for some paths", security=5.0
)


def check(context: Context) -> Iterator[Finding]:
    """Check the patterns of locations and rewrites."""
    for _block, directive in context.directives("location", "rewrite"):
        pattern = _pattern(directive)
        part = backtracks(pattern, caseless=directive.args[0] == "~*") if pattern else ""
        if part:
            message = (
                f"{part} matches the same text in many ways: for a path that nearly matches, PCRE tries every way to split it, twice "
                "as many for each further turn, until its limit ends the request with 500; "
                "write one repetition without overlapping parts, or make the inner one possessive (++)"
            )
            yield RULE.at(directive.place, message)


def _pattern(directive: Directive) -> str:
    """Return the regular expression of a location or rewrite, empty where there is none."""
    match directive.name, directive.args:
        case "location", ["~" | "~*", pattern]:
            return pattern
        case "rewrite", [pattern, *_rest]:
            return pattern
    return ""
