# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a redirect to https for a name that no TLS server has.

Another server answers there, with a certificate for another name: browsers show a warning instead of the page.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.listeners import is_requested
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.redirect_targets import redirect_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import certain_return
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

RULE: t.Final = Rule(
    "redirect-without-tls-server", "warning", "A redirect to https that no TLS server has the name for"
)

_HTTPS: t.Final = re.compile(
    r"https://(?P<host>\$\{?(?:host|http_host|server_name)\b\}?|[A-Za-z0-9.-]+)(?=[/$?:]|$)(?P<rest>.*)"
)
_TLS_PORT: t.Final = 443
_HTTP_PORT: t.Final = 80
_DENIES: t.Final = 400


def check(context: Context) -> Iterator[Finding]:
    """Check every plain server whose name goes to port 443, where only other names have TLS."""
    if context.router.partial:
        return
    sockets = [each for each in context.router.by_port.get(_TLS_PORT, ()) if each.ssl]
    if not sockets:
        return
    told: set[tuple[int, str]] = set()
    claimed: set[str] = set().union(*(each.names.literal for each in sockets))
    for server in context.router.servers:
        ports = {listen.socket.port for listen in server.listens}
        if _HTTP_PORT not in ports or any(_speaks_tls(context, listen.socket) for listen in server.listens):
            # What is mapped to another port may have TLS in front.
            continue
        for directive in _certain_redirects(server):
            match = _HTTPS.match(redirect_target(directive))
            if match is None or match["rest"].startswith(":"):
                continue
            for host in _hosts(match["host"], server):
                if host not in claimed and (id(directive), host) not in told and _lacks(sockets, host):
                    told.add((id(directive), host))
                    yield _finding(directive, host, server, sockets[0])
                    break


def _speaks_tls(context: Context, socket: Socket) -> bool:
    listener = context.router.listeners.get(socket)
    return listener is None or listener.ssl


def _certain_redirects(server: Server) -> Iterator[Directive]:
    """Yield the redirect that no condition guards, of the server or of its `location /`."""
    answer = certain_return(server.scope)
    everything = server.scope.locations.prefix.get("/")
    if answer is None and everything is not None and not any(each.name != "set" for each in server.scope.program):
        answer = certain_return(everything.scope)
    if answer is not None:
        yield answer


def _hosts(target: str, server: Server) -> Iterator[str]:
    own = [host for name in server.names if not name.startswith("~") and (host := host_of(name))]
    if target.startswith("$"):
        yield from own
    elif target.lower() in own:
        yield target.lower()


def _lacks(sockets: list[Listener], host: str) -> bool:
    """Return whether no TLS socket has a server for a host, nor one that takes every name and answers it."""
    for listener in sockets:
        found, _match, certain = listener.names.find(host)
        if found is not None or not certain or _takes_all(listener.default):
            return False
    return True


def _takes_all(server: Server) -> bool:
    """Return whether a default server is for unknown names, and does more than turn them away."""
    if any(is_requested(name) for name in server.names):
        return False
    answer = certain_return(server.scope)
    rejects = answer is not None and answer.args[0].isdecimal() and int(answer.args[0]) >= _DENIES
    return not (rejects or server.scope.flag("ssl_reject_handshake", default=False))


def _finding(directive: Directive, host: str, server: Server, listener: Listener) -> Finding:
    message = (
        f"GET http://{host}/ -> {directive.args[0] if directive.name == 'return' else 301} https://{host}/ -> no TLS server has "
        f'the name "{host}": "{listener.default.first_name}" answers there, with a certificate for another name. '
        "Add the name to a TLS server"
    )
    places = [
        related("the server of the name", server.scope.directive.place),
        related("this server answers", listener.default.scope.directive.place),
    ]
    return RULE.at(directive.place, message, places)
