# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find one socket twice.

A server may name a socket once (ngx_http_core_listen()). In `stream` only one of all servers may, before 1.25.5.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket

RULE: t.Final = Rule("duplicate-listen", "error", "One socket twice: nginx does not start")


def check(context: Context) -> Iterator[Finding]:
    """Check the sockets of each server of `http`, and those of all servers of `stream` together."""
    yield from _check_http(context)
    yield from _check_stream(context)


def _check_http(context: Context) -> Iterator[Finding]:
    for server in context.router.servers:
        first: dict[tuple[Socket, bool], Directive] = {}
        for listen in server.listens:
            if listen.directive is None:
                continue
            before = first.setdefault((listen.socket, listen.quic), listen.directive)
            if before is not listen.directive:
                why = f"nginx refuses the whole configuration (a duplicate listen {listen.socket})"
                yield _finding(listen.directive, before, str(listen.socket), why)


def _check_stream(context: Context) -> Iterator[Finding]:
    first: dict[str, Directive] = {}
    for block in context.blocks_named("server"):
        if block.parent is None or block.parent.name != "stream" or "server_name" in block.own:
            continue
        for directive in block.own.get("listen", ()):
            if not directive.args:
                continue
            before = first.setdefault(" ".join([directive.args[0], *({"udp"} & set(directive.args))]), directive)
            if before is not directive and context.reads_both(before, directive):
                why = (
                    "nginx refuses the whole configuration before 1.25.5 (duplicate address and port pair), and a newer "
                    "one never asks this server"
                )
                yield _finding(directive, before, directive.args[0], why)


def _finding(directive: Directive, before: Directive, socket: str, why: str) -> Finding:
    message = f"{socket} is listened on already: {why}; delete one"
    return RULE.at(directive.place, message, [related("the first one", before.place)])
