# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The upstreams that a location passes requests to, named as stubs and outcomes name them."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

#: Any upstream at all.
ANY: t.Final = "*"
_PORTS: t.Final = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_PROTOCOL: t.Final = {"proxy_pass": "http", "grpc_pass": "grpc"}

#: Name of an upstream block -> its peers as `host:port` or `unix:/path`.
Upstreams = t.Mapping[str, tuple[str, ...]]


def upstreams_of(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the `upstream` blocks of a configuration and their peers, ports filled in."""
    found: dict[str, tuple[str, ...]] = {}
    for block in config.http():
        for directive in block.find("upstream"):
            if directive.args:
                found.setdefault(directive.args[0].lower(), tuple(_peers(directive)))
    return found


def joined(*sides: Upstreams) -> dict[str, tuple[str, ...]]:
    """Return the upstreams of several configurations, each with its peers in all of them.

    In a configuration where a name is no upstream it is a host.
    """
    names = dict.fromkeys(name for side in sides for name in side)
    hosts = {name: tuple(f"{name}:{port}" for port in dict.fromkeys(_PORTS.values())) for name in names}
    return {
        name: tuple(dict.fromkeys(peer for side in sides for peer in side.get(name, hosts[name]))) for name in names
    }


def _peers(directive: Directive) -> Iterator[str]:
    for server in directive.find("server"):
        if server.args:
            yield with_port(server.args[0], 80)


def with_port(authority: str, default: int) -> str:
    """Return `host:port` for an authority that may lack the port; unix sockets as `unix:/path`."""
    if authority.startswith("unix:"):
        return authority.rstrip(":")
    host, colon, port = authority.rpartition(":")
    return (
        authority
        if colon and port.isdigit() and (not host.startswith("[") or host.endswith("]"))
        else f"{authority}:{default}"
    )


def peers_of(handler: Directive, upstreams: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the peers that a `*_pass` directive may send a request to; `*` where the configuration does not name them."""
    target = handler.args[0] if handler.args else ""
    if "$" in target or not target:
        return (ANY,)
    scheme, mark, rest = target.partition("://")
    if not mark:
        scheme, rest = _PROTOCOL.get(handler.name, ""), target
    if rest.startswith("unix:"):
        return (rest.split(":/", 1)[0] + ":" + _socket_path(rest),)
    authority = rest.partition("/")[0]
    named = upstreams.get(authority.lower())
    if named is not None:
        return named or (ANY,)
    return (with_port(authority, _PORTS.get(scheme, 80)),)


def _socket_path(rest: str) -> str:
    """Return the path of `unix:/path` or `unix:/path:/uri`."""
    return rest[len("unix:") :].partition(":")[0]
