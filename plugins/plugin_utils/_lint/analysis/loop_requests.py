# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The requests that the search for loops simulates: those that something may lead on to another URI or URL."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context, shared
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import asks_for_switch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.run import REDIRECTS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import (
    sample_hosts,
    sample_uris,
    uses_host,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import UriSample
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

#: Where one of these holds, a request is simulated step by step.
_DIVERTING: t.Final = (
    *("ssl_reject_handshake", "server_name_in_redirect", "port_in_redirect", "absolute_redirect"),
    *("server_rewrite_by_lua", "rewrite_by_lua", "access_by_lua"),
)
#: The file of the URI itself, in try_files.
_OWN_FILE: t.Final = frozenset({"$uri", "$uri/"})
_ACTIVE: t.Final = ("error_page", "index")
#: Servers of a socket that are compared to tell that two sockets have the same ones.
_COMPARED: t.Final = 64


def loop_requests(context: Context) -> Iterator[Request]:
    """Yield sampled requests for every server on every socket, without those that surely end at once."""
    twins: set[tuple[t.Any, ...]] = set()
    switched = _switched(context)
    for listener in context.router.listeners.values():
        others = tuple(id(each) for each in listener.servers[:_COMPARED])
        for server in listener.servers:
            if _is_active(server.scope) and _is_new(twins, listener, server, others):
                yield from _requests_of(context, listener, server, switched)


def _is_new(twins: set[tuple[t.Any, ...]], listener: Listener, server: Server, others: tuple[int, ...]) -> bool:
    """Return False for `[::]:80` beside a `*:80` with the very same servers."""
    socket = listener.socket
    if socket.is_unix or not socket.is_wildcard:
        return True
    key = (socket.port, listener.ssl, id(server), others, len(listener.servers))
    if key in twins:
        return False
    twins.add(key)
    return True


def _requests_of(context: Context, listener: Listener, server: Server, switched: set[int]) -> Iterator[Request]:
    hosts = sample_hosts(server, context.definitions, default=listener.default is server)
    if not uses_host(server, context.definitions):
        hosts = hosts[:1]
    diverting = _diverting(context)
    samples = sample_uris(server, context.definitions)
    uris = [sample for sample in samples if not _ends_here(server, sample, diverting)]
    for switches in (None, True, False) if id(server.scope.directive) in switched else (None,):
        for host in hosts:
            for sample in uris:
                yield Request(listener, host, sample.uri, sample.args, sample.missing, switches=switches)


@shared
def _diverting(context: Context) -> list[str]:
    """Return which of `_DIVERTING` stand anywhere inside `http`; all directives of one phase of Lua are one."""
    names = {name.partition("_by_lua")[0] + ("_by_lua" if "_by_lua" in name else "") for name in context.by_name}
    return [name for name in _DIVERTING if name in names]


def _switched(context: Context) -> set[int]:
    """Return the `id()` of every server with an `if` that tests for a switch file such as `maintenance.on`."""
    asking = [directive for directive in context.named("if") if asks_for_switch(directive)]
    return {id(outer) for directive in asking for outer in _around(directive) if outer.name == "server"}


def _around(directive: Directive) -> Iterator[Directive]:
    outer = directive.parent
    while outer is not None:
        yield outer
        outer = outer.parent


def _ends_here(server: Server, sample: UriSample, diverting: Sequence[str] = _DIVERTING) -> bool:
    """Return whether a request is answered at once and nothing can lead it elsewhere.

    The simulation gives the same result at many times the cost, and this is true of most samples.
    """
    found = server.scope.locations.find(sample.uri)
    location = found.location
    if location is None or not found.certain or server.scope.program:
        return False
    if location.for_get is not location.scope or any(location.scope.effective(name) for name in diverting):
        return False
    if location.scope.internal:
        return not _has_page(location.for_get, "404")
    if location.scope.program:
        return not found.add_slash and _answers(location)
    if location.scope.try_files is not None:
        return not sample.uri.endswith("/") and not found.add_slash and _ends_named(server, location, diverting)
    if _denies(location.scope):
        return False
    if found.add_slash:
        return server.scope.locations.find(location.name).location is location
    if location.scope.handler is not None:
        return True
    return not sample.uri.endswith("/") and not (sample.missing and _has_page(location.scope, "404"))


def _ends_named(server: Server, location: Location, diverting: Sequence[str]) -> bool:
    """Return whether a request gets its file, or else the answer of a named location's handler."""
    *files, last = t.cast("Directive", location.scope.try_files).args
    named = server.scope.locations.named.get(last)
    if named is None or named.scope.handler is None or named.scope.program or named.scope.try_files is not None:
        return False
    if not _OWN_FILE.issuperset(files) or any(named.scope.effective(name) for name in diverting):
        return False
    return named.for_get is named.scope and not _denies(location.scope) and not _denies(named.scope)


def _denies(scope: Scope) -> bool:
    """Return whether the simulation may find that every client is denied."""
    rules = scope.effective("allow")
    return bool(rules) and rules[0].name == "deny"


def _answers(location: Location) -> bool:
    """Return whether a location begins with a `return` of a status that leads nowhere."""
    first = location.scope.program[0]
    status = first.args[0] if first.name == "return" else ""
    return status.isdecimal() and int(status) not in REDIRECTS and not _has_page(location.scope, status)


def _has_page(scope: Scope, status: str) -> bool:
    return any(status in page.args[:-1] for page in scope.effective("error_page"))


def _is_active(scope: Scope) -> bool:
    return bool(
        scope.program
        or scope.try_files is not None
        or any(scope.effective(name) for name in _ACTIVE)
        or any(_is_active(location.scope) for location in scope.locations.all)
    )
