# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find locations of a server that itself answers every request.

The rewrite directives of a server run before nginx looks for a location (NGX_HTTP_SERVER_REWRITE_PHASE).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_text import location_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import certain_return
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("unreachable-location", "warning", "A return of the server answers before any location")

_SHOWN: t.Final = 4


def check(context: Context) -> Iterator[Finding]:
    """Check every server with a `return` that all of its requests come to."""
    for server in context.router.servers:
        answer = certain_return(server.scope)
        hidden = [location for location in server.scope.locations.all if location.modifier != "@"]
        if answer is None or not hidden:
            continue
        shown = ", ".join(location_text(location) for location in hidden[:_SHOWN])
        more = f" and {len(hidden) - _SHOWN} more" if len(hidden) > _SHOWN else ""
        words = " ".join([answer.name, *answer.raw_args])
        message = (
            f'`{words}` answers every request of server "{server.first_name}" before nginx looks for a location: {shown}{more} '
            "never run. Move it into `location / { }`"
        )
        places = [related("never runs", location.scope.directive.place) for location in hidden]
        yield RULE.at(answer.place, message, places)
