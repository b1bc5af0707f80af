# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on where redirects lead."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.simulate import REDIRECTS

from .analysis import rewrite_programs
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .context import Context
    from .finding import Finding

SCHEME: t.Final = Rule(
    "redirect-without-scheme", "error", "A redirect to a host without a scheme leads to a path instead"
)
TLS: t.Final = Rule("redirect-without-tls-server", "warning", "A redirect to https that no TLS server has the name for")
RULES: t.Final = (SCHEME, TLS)

_HOSTS: t.Final = ("host", "http_host", "server_name", "hostname")
_HOST_FIRST: t.Final = re.compile(r"\$\{?(?:" + "|".join(_HOSTS) + r")\b\}?(?P<rest>.*)", re.DOTALL)
_BROKEN: t.Final = re.compile(r"https?//[^/]", re.IGNORECASE)
_NAME_FIRST: t.Final = re.compile(r"(?P<host>(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})(?=$|[/?:$])")
_HTTPS: t.Final = re.compile(
    r"https://(?P<host>\$\{?(?:host|http_host|server_name)\b\}?|[A-Za-z0-9.-]+)(?=[/$?:]|$)(?P<rest>.*)"
)
_TLS_PORT: t.Final = 443
_HTTP_PORT: t.Final = 80
_DENIES: t.Final = 400


def check(context: Context) -> Iterator[Finding]:
    """Every redirect that is written down."""
    known = {name.lower() for server in context.router.servers for name in server.names}
    for directive in context.named("return", "rewrite"):
        target = _target(directive)
        if target:
            yield from _scheme(context, directive, target, known)
    if not context.router.partial:
        yield from _tls(context)


def _target(directive: Directive) -> str:
    """Where a redirect leads; empty for what is none."""
    args = directive.args
    if directive.name == "return":
        return args[1] if len(args) > 1 and args[0].isdecimal() and int(args[0]) in REDIRECTS else ""
    external = args[2:3] in (["redirect"], ["permanent"])
    return args[1] if len(args) > 1 and (external or args[1].startswith(("http://", "https://", "$scheme"))) else ""


def _scheme(context: Context, directive: Directive, target: str, known: set[str]) -> Iterator[Finding]:
    host = _HOST_FIRST.match(target)
    name = _NAME_FIRST.match(target)
    if _BROKEN.match(target):
        why, better = "the colon of the scheme is missing", "write ://"
    elif host is not None and not host["rest"].startswith("://"):
        why, better = "a Location without a scheme is a path", f'write "$scheme://{target}"'
    elif name is not None and (name["host"].lower() in known or target.lower().startswith("www.")):
        why, better = "a Location without a scheme is a path", f'write "https://{target}"'
    else:
        return
    shown = re.sub(r"\$\{?(?:host|http_host|server_name)\b\}?", "a.test", target).partition("$")[0]
    message = f'clients take "{target}" for a path below the page that they are at, so /docs/ leads to /docs/{shown}: {why}; {better}'
    fix = None
    if _BROKEN.match(target):
        index = directive.args.index(target) + 1
        fix = context.editor.replace_word(directive, index, directive.raw_args[index - 1].replace("//", "://", 1))
    yield SCHEME.at(directive.place, message, fix=fix)


# -- https


def _tls(context: Context) -> Iterator[Finding]:
    """A plain server whose name goes to port 443, where only other names have TLS."""
    sockets = [each for each in context.router.by_port.get(_TLS_PORT, ()) if each.ssl]
    if not sockets:
        return
    told: set[tuple[int, str]] = set()
    exact: set[str] = set().union(*(each.names.exact for each in sockets))
    for server in context.router.servers:
        ports = {listen.socket.port for listen in server.listens}
        if _HTTP_PORT not in ports or any(_speaks_tls(context, listen.socket) for listen in server.listens):
            # What is mapped to another port may have TLS in front.
            continue
        for directive in _certain_redirects(server):
            match = _HTTPS.match(_target(directive))
            if match is None or match["rest"].startswith(":"):
                continue
            for host in _hosts(match["host"], server):
                if host not in exact and (id(directive), host) not in told and _lacks(sockets, host):
                    told.add((id(directive), host))
                    yield _tls_finding(directive, host, server, sockets[0])
                    break


def _speaks_tls(context: Context, socket: t.Any) -> bool:
    listener = context.router.listeners.get(socket)
    return listener is None or listener.ssl


def _certain_redirects(server: Server) -> Iterator[Directive]:
    """Redirects that no condition guards: of the server, and of its `location /`."""
    answer = rewrite_programs.certain_return(server)
    everything = server.locations.prefix.get("/")
    if answer is None and everything is not None and not any(each.name != "set" for each in server.program):
        answer = rewrite_programs.certain_return(everything)
    if answer is not None:
        yield answer


def _hosts(target: str, server: Server) -> Iterator[str]:
    own = [host for name in server.names if not name.startswith("~") and (host := host_of(name))]
    if target.startswith("$"):
        yield from own
    elif target.lower() in own:
        yield target.lower()


def _lacks(sockets: list[Listener], host: str) -> bool:
    """Whether no TLS socket has a server for a host, nor one that takes every name and answers it."""
    for listener in sockets:
        found, _match, certain = listener.names.find(host)
        if found is not None or not certain or _takes_all(listener.default):
            return False
    return True


def _takes_all(server: Server) -> bool:
    """Whether a default server is there for names that nobody has, and does more than turn them away."""
    if any(name.strip("_-") for name in server.names):
        return False
    answer = rewrite_programs.certain_return(server)
    rejects = answer is not None and answer.args[0].isdecimal() and int(answer.args[0]) >= _DENIES
    return not (rejects or server.flag("ssl_reject_handshake", default=False))


def _tls_finding(directive: Directive, host: str, server: Server, listener: Listener) -> Finding:
    message = (
        f"GET http://{host}/ -> {directive.args[0] if directive.name == 'return' else 301} https://{host}/ -> no TLS server has "
        f'the name "{host}": "{listener.default.first_name}" answers there, with a certificate for another name. '
        "Add the name to a TLS server"
    )
    places = [
        related("the server of the name", server.directive.place),
        related("this server answers", listener.default.directive.place),
    ]
    return TLS.at(directive.place, message, places)
