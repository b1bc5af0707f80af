# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a location inside one that it cannot be in.

nginx refuses the whole configuration ("is outside location", ngx_http_core_location()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_text import location_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

RULE: t.Final = Rule("misplaced-location", "error", "A location inside one that it cannot be in: nginx does not start")


def check(context: Context) -> Iterator[Finding]:
    """Check every location inside another one."""
    for outer in context.locations:
        for inner in outer.scope.locations.all:
            yield from _check_pair(inner, outer)


def _check_pair(inner: Location, outer: Location) -> Iterator[Finding]:
    if outer.modifier == "=":
        why, advice = "nothing lies below an exact location", "move it out"
    elif outer.modifier == "@":
        why, advice = "a named location has none inside", "move it out"
    elif inner.modifier == "@":
        why, advice = "named locations stand in the server only", "move it to the server"
    elif not inner.is_regex and not inner.name.lower().startswith(outer.name.lower()):
        why, advice = f"no path begins with both {outer.name} and {inner.name}", "move it out, or write the whole path"
    else:
        return
    message = f"{location_text(inner)} cannot be inside {location_text(outer)}: {why}, so nginx refuses the whole configuration; {advice}"
    yield RULE.at(inner.scope.directive.place, message, [related("inside this one", outer.scope.directive.place)])
