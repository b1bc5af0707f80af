# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an upstream that has no server to answer: all are marked `down`, or there is none.

Every request then gets a 502; nginx does not start with an upstream that has no server at all.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    proxy_passes,
    upstreams_by_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("upstream-down", "error", "An upstream in use has no server that may answer")
#: Directives that bring no server; an include or a `state` file may bring some.
_NO_SERVERS: t.Final = frozenset({"zone", "keepalive", "ip_hash", "least_conn", "random", "hash", "keepalive_timeout"})


def check(context: Context) -> Iterator[Finding]:
    """Check upstreams in use for servers that may answer, and all upstreams for any server."""
    upstreams = upstreams_by_name(context)
    users: dict[str, list[Directive]] = {}
    for directive, target in proxy_passes(context):
        if not target.dynamic and target.host in upstreams:
            users.setdefault(target.host, []).append(directive)
    for name, directives in users.items():
        yield from _all_down(name, upstreams[name], directives)
    for upstream in upstreams.values():
        if upstream.block is not None and all(each.name in _NO_SERVERS for each in upstream.block):
            message = (
                f'upstream "{upstream.args[0]}" has no server: nginx refuses the whole configuration '
                "(no servers are inside upstream); name one, or delete it"
            )
            yield RULE.at(upstream.place, message)


def _all_down(name: str, upstream: Directive, users: list[Directive]) -> Iterator[Finding]:
    members = list(upstream.find("server"))
    if members and all("down" in member.args for member in members):
        which = f"all of its {len(members)} servers are" if len(members) > 1 else "its only server is"
        message = (
            f'every request to upstream "{name}" gets a 502 (no live upstreams): {which} marked down. '
            "Leave one without down, or answer without it"
        )
        yield RULE.at(upstream.place, message, [related("used here", each.place) for each in users])
