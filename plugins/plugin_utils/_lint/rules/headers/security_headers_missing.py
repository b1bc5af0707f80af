# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find TLS servers that send pages without the headers that restrict what a page may do.

One finding stands for all servers, since they need the same line.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import (
    APPLICATION_PASS_DIRECTIVES,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "security-headers-missing",
    "advice",
    "Pages are sent without the headers that restrict what they may do",
    security=2.0,
)
_EXPECTED: t.Final = (
    "strict-transport-security",
    "content-security-policy",
    "referrer-policy",
    "x-content-type-options",
)
_SHOWN: t.Final = 8


def check(context: Context) -> Iterator[Finding]:
    """Check every server that sends files and nothing else, where the whole configuration is known."""
    if context.router.partial:
        return
    for block in context.blocks_named("http"):
        poor = _poor_servers(block)
        if poor:
            (server, missing), *others = poor
            count = f" (and from {len(others)} more servers)" if others else ""
            names = ", ".join(name.title() for name in missing)
            message = (
                f"pages come from here{count} without {names}: browsers then let them load, embed and tell others "
                "what they like; add_header with always, in every block that has headers of its own"
            )
            places = [related("here as well", each.place) for each, _missing in others[:_SHOWN]]
            yield RULE.at(server.place, message, places)


def _poor_servers(http: ConfigBlock) -> list[tuple[Directive, list[str]]]:
    """Return the servers that lack headers, with the names of those headers."""
    inherited = _names(http)
    found = []
    for server in http.blocks:
        if server.name == "server" and server.directive is not None and _sends_pages(server):
            has = inherited.union(*(_names(each) for each in server.inner()))
            missing = [name for name in _EXPECTED if name not in has]
            if missing:
                found.append((server.directive, missing))
    return found


def _names(block: ConfigBlock) -> set[str]:
    return {each.args[0].lower() for each in block.own.get("add_header", ()) if each.args}


def _sends_pages(server: ConfigBlock) -> bool:
    """Return whether a TLS server sends files and nothing else: an application behind it may send its own headers."""
    speaks_tls = any("ssl" in each.args for each in server.own.get("listen", ()))
    if not speaks_tls or server.gap or "return" in server.own or not server.effective("root"):
        return False
    return not any(name in each.own for each in server.inner() for name in APPLICATION_PASS_DIRECTIVES)
