# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on names and sockets: which server a request gets, and whether it speaks TLS."""

from __future__ import annotations

import re
import typing as t

from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .context import Context
    from .finding import Finding

UNMATCHABLE: t.Final = Rule("server-name-unmatchable", "error", "A server_name that no Host header can have")
DEFAULT: t.Final = Rule("default-server-implicit", "advice", "The first server of a socket answers unknown names")
PLAIN: t.Final = Rule("listen-443-without-ssl", "error", "Port 443 without ssl answers browsers in plain text")
RULES: t.Final = (UNMATCHABLE, DEFAULT, PLAIN)

#: Host names, nginx's wildcards, and addresses in brackets.
_NAME: t.Final = re.compile(r"[A-Za-z0-9_.*-]+|\[[0-9A-Fa-f:.]+\]")
_REGEX: t.Final = re.compile(r"[\\^$()|\[\]{}+?]")
_TLS_PORT: t.Final = 443
#: Signs that TLS ends in front of nginx.
_IN_FRONT: t.Final = ("set_real_ip_from", "real_ip_header")


def check(context: Context) -> Iterator[Finding]:
    """Every name, and every socket, once."""
    for server in context.router.servers:
        yield from _names(server, context)
    if not context.router.partial:
        for listener in context.router.listeners.values():
            yield from _default(listener)
    in_front = any(context.by_name.get(name) for name in _IN_FRONT)
    if not in_front and not context.router.partial:
        yield from _plain(context)


# -- names


def _names(server: Server, context: Context) -> Iterator[Finding]:
    for name, directive in server.names.items():
        if name.startswith("~") or name == "$hostname" or _NAME.fullmatch(name) or not re.search(r"\w", name):
            continue
        others = [listener.default for listener in _listeners(server, context) if listener.default is not server]
        if not others:
            # The default server gets the requests all the same.
            continue
        message = (
            f'no request is for "{name}": {_reason(name)}. Requests that are meant for it get server '
            f'"{others[0].first_name}", the default one of the socket'
        )
        places = [related("this server answers", others[0].directive.place)]
        better = _better(name)
        index = directive.args.index(name) + 1
        fix = context.editor.replace_word(directive, index, better) if better else None
        yield UNMATCHABLE.at(directive.place, message, places, fix=fix)


def _better(name: str) -> str:
    """The host name that is surely meant; empty where that is not certain."""
    bare = name.split("://", 1)[-1].partition("/")[0].rstrip(",;")
    bare = re.sub(r":\d+$", "", bare)
    return bare if _NAME.fullmatch(bare) and bare.isascii() else ""


def _reason(name: str) -> str:
    if "://" in name:
        return f'a server_name has no scheme and no path, write "{name.split("://", 1)[1].partition("/")[0]}"'
    if _REGEX.search(name):
        return f'without ~ it is compared letter by letter, regex signs and all; write "~{name}"'
    if re.search(r":\d+$", name):
        return f'nginx compares the Host header without its port, write "{name.rpartition(":")[0]}"'
    if name.endswith((",", ";")):
        return f'names are separated by spaces, write "{name.rstrip(",;")}"'
    if not name.isascii():
        return f"clients send international names in ASCII, write {_ascii(name)}"
    return "a host name has letters, digits, hyphens and dots"


def _ascii(name: str) -> str:
    try:
        return f'"{name.encode("idna").decode()}"'
    except UnicodeError:
        return "its xn-- form"


def _listeners(server: Server, context: Context) -> Iterator[Listener]:
    for listen in server.listens:
        listener = context.router.listeners.get(listen.socket)
        if listener is not None:
            yield listener


# -- sockets


def _default(listener: Listener) -> Iterator[Finding]:
    servers = [each for each in listener.servers if each is not listener.default]
    listens = [listen for listen in listener.default.listens if listen.socket == listener.socket]
    if not servers or not listens or any(listen.default for listen in listens):
        return
    if not any(name.strip("_-") for name in listener.default.names):
        # Somebody wrote a server for unknown names, and it is the first one.
        return
    directive = listens[0].directive or listener.default.directive
    message = (
        f"requests to {listener.socket} for names that no server has get "
        f'"{listener.default.first_name}", because it is read first: the order of files decides. '
        "Mark one server with default_server"
    )
    yield DEFAULT.at(directive.place, message, [related("another server here", servers[0].directive.place)])


def _plain(context: Context) -> Iterator[Finding]:
    old_style = {id(each.parent) for each in context.named("ssl") if each.args[:1] == ["on"]}
    for server in context.router.servers:
        block: Directive | None = server.directive
        if id(block) in old_style or (block is not None and id(block.parent) in old_style):
            continue
        for listen in server.listens:
            listener = context.router.listeners.get(listen.socket)
            port = listen.socket.port
            if port != _TLS_PORT or listener is None or listener.ssl or listen.quic or listen.directive is None:
                continue
            if listener.proxy_protocol or listen.socket.address.startswith(("127.", "[::1]", "localhost")):
                continue
            message = (
                f'{listen.socket} of server "{server.first_name}" has no ssl: nginx speaks plain HTTP there, so every '
                f"https:// request fails before it is one. Write `listen {listen.directive.args[0]} ssl;`"
            )
            fix = context.editor.append_word(listen.directive, 1, "ssl") if _has_certificate(server.directive) else None
            yield PLAIN.at(listen.directive.place, message, fix=fix)


def _has_certificate(server: Directive) -> bool:
    """Whether somebody meant it to speak TLS."""
    outer = server.parent.children if server.parent is not None else iter(())
    return any(each.name == "ssl_certificate" for block in (server.children, outer) for each in block)
