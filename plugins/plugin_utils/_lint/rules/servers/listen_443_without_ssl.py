# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a `listen` on port 443 without `ssl`.

nginx then speaks plain HTTP on a port where every browser begins with a TLS handshake: each `https://` request fails.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

RULE: t.Final = Rule("listen-443-without-ssl", "error", "Port 443 without ssl answers browsers in plain text")

_TLS_PORT: t.Final = 443
_LOOPBACK: t.Final = ("127.", "[::1]", "localhost")
#: Directives that show that TLS ends in front of nginx.
_TLS_IN_FRONT: t.Final = ("set_real_ip_from", "real_ip_header")


def check(context: Context) -> Iterator[Finding]:
    """Check every socket on port 443, unless TLS may end in front of nginx or in a file that is not known."""
    if context.router.partial or context.named(*_TLS_IN_FRONT):
        return
    old_style = {id(each.parent) for each in context.named("ssl") if each.args[:1] == ["on"]}
    for server in context.router.servers:
        if id(server.scope.directive) not in old_style and id(server.scope.directive.parent) not in old_style:
            yield from _check_server(context, server)


def _check_server(context: Context, server: Server) -> Iterator[Finding]:
    for listen in server.listens:
        listener = context.router.listeners.get(listen.socket)
        if listen.socket.port != _TLS_PORT or listener is None or listen.directive is None:
            continue
        if listener.ssl or listen.quic or listener.proxy_protocol or listen.socket.address.startswith(_LOOPBACK):
            continue
        message = (
            f'{listen.socket} of server "{server.first_name}" has no ssl: nginx speaks plain HTTP there, so every '
            f"https:// request fails before it is one. Write `listen {listen.directive.args[0]} ssl;`"
        )
        fix = (
            context.editor.append_word(listen.directive, 1, "ssl") if _has_certificate(server.scope.directive) else None
        )
        yield RULE.at(listen.directive.place, message, fix=fix)


def _has_certificate(server: Directive) -> bool:
    """Return whether a certificate in the server or around it shows that TLS is meant."""
    outer = server.parent.children if server.parent is not None else iter(())
    return any(each.name == "ssl_certificate" for block in (server.children, outer) for each in block)
