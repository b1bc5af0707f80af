# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a regex location that matches a single path.

nginx tries its pattern for many requests; an exact location is found at once.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_literals import literals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("regex-for-one-path", "advice", "A regular expression for a single path")


def check(context: Context) -> Iterator[Finding]:
    """Check every regex location that is anchored at both ends."""
    for _block, directive in context.directives("location"):
        match directive.args:
            case ["~", pattern] if path := _only_path(pattern):
                message = (
                    f"nginx tries this pattern for every path that no earlier one took, to find the one path {path}; "
                    f"location = {path} is found at once (and before every pattern: see what stands above)"
                )
                yield RULE.at(directive.place, message)


def _only_path(pattern: str) -> str:
    """Return the single path that a pattern matches, empty where it matches more or that is not certain."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return ""
    found = literals(pattern)
    if found is None or not (found.whole and found.starts and found.stops) or len(found.heads) > 1:
        return ""
    (path,) = found.heads
    return path
