# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a prefix or exact location that no path matches.

nginx compares its name letter by letter with the path, which begins with a slash.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_text import location_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("unmatchable-location", "warning", "A prefix or exact location that no path matches")

_REGEX_SIGNS: t.Final = re.compile(r"^\^|\$$|\\[.dwsDWS/\-_]|\.[*+]|\*|\([^()]*\|[^()]*\)|\[[^\]]+\][*+]?")


def check(context: Context) -> Iterator[Finding]:
    """Check the name of every prefix and exact location."""
    for location in context.locations:
        name = location.name
        if location.is_regex or location.modifier == "@":
            continue
        if not name.startswith(("/", "^")):
            reason, advice = "every path begins with a slash", f'write "/{name}"'
        elif _REGEX_SIGNS.search(name):
            reason = "without ~ it is compared letter by letter, regex signs and all"
            advice = "write `location ~`, or the path"
        else:
            continue
        message = f"{location_text(location)} gets no request: {reason}; {advice}"
        yield RULE.at(location.scope.directive.place, message)
