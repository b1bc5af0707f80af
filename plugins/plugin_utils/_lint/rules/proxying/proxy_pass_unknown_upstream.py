# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a proxy_pass to a plain name that no upstream has.

nginx takes it for a host name, looks it up at its start, and does not start when DNS has none.
"""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    proxy_passes,
    upstreams_by_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import HTTP_PASS_DIRECTIVES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("proxy-pass-unknown-upstream", "warning", "A proxy_pass to a name that no upstream has")
#: Upstreams that a misspelt name is compared with; comparing takes long.
_COMPARED: t.Final = 200


def check(context: Context) -> Iterator[Finding]:
    """Check every literal target where the whole configuration is known."""
    upstreams = upstreams_by_name(context)
    if context.router.partial or not upstreams:
        return
    for directive, target in proxy_passes(context):
        host = target.host
        if target.dynamic or directive.name not in HTTP_PASS_DIRECTIVES or target.port or not target.is_name:
            continue
        if "." in host or host == "localhost" or host in upstreams:
            continue
        close = difflib.get_close_matches(host, upstreams, 1) if len(upstreams) <= _COMPARED else []
        hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(sorted(upstreams)[:5])}"
        message = (
            f'no upstream is called "{host}" ({hint}): nginx takes it for a host name, looks it up once at its start, and '
            "refuses to start when it finds none"
        )
        places = [related("this upstream is meant?", upstreams[close[0]].place)] if close else []
        yield RULE.at(directive.place, message, places)
