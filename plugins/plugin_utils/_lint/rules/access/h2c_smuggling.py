# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a proxy that passes on any Upgrade header.

With h2c a client and the upstream talk past nginx, and past its access rules.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("h2c-smuggling", "advice", "Any Upgrade header is passed on, h2c as well", security=5.0)


def check(context: Context) -> Iterator[Finding]:
    """Check every Upgrade header to an upstream, but for those of a single path."""
    for block, directive in context.directives("proxy_set_header"):
        if [each.lower() for each in directive.args[:2]] != ["upgrade", "$http_upgrade"]:
            continue
        # One address that speaks websocket and nothing else is what it should be.
        if block.directive is not None and block.directive.args[:1] == ["="]:
            continue
        connection = [
            each
            for each in block.effective("proxy_set_header")
            if each.args[:1] and each.args[0].lower() == "connection"
        ]
        if connection and _passes_any_upgrade(context, connection[-1].args[-1]):
            message = (
                "a client can send Upgrade: h2c, and an upstream that speaks it takes the connection over: what it is then "
                "asked for passes nginx unseen, locations and access rules included; pass on websocket alone, by "
                "map $http_upgrade $upgrade { websocket websocket; } (and the same for Connection)"
            )
            yield RULE.at(directive.place, message, [related("passed on here", connection[-1].place)])


def _passes_any_upgrade(context: Context, value: str) -> bool:
    if value.lower() in ("upgrade", "$http_connection"):
        return True
    table = context.definitions.maps.get(value.strip("${}").lower()) if value.startswith("$") else None
    return table is not None and table.source.lower() == "$http_upgrade" and table.default.lower() == "upgrade"
