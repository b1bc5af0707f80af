# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Connections for changes of `stream`: each of its sockets gets one, so those that a change is for are named."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import SocketWitness
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.stream import decides_by_name

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

#: Directives whose value the first bytes at an upstream, or their absence, show.
_SEEN: t.Final = frozenset({"listen", "proxy_pass", "return", "proxy_protocol", "proxy_ssl", "ssl_preread"})


def connections(context: WitnessContext, change: ChangedDirective) -> Iterator[SocketWitness]:
    """Yield the servers of `stream` whose connections a change decides about."""
    for side, directive in change.sides:
        for server in _servers(context.sides[side].config, directive):
            yield SocketWitness(change.number, side, server)


def _servers(config: Config, directive: Directive) -> Iterator[Directive]:
    block = directive if directive.block is not None else directive.parent
    every = [each for top in flatten(config.root) if top.name == "stream" for each in top.find("server")]
    if block is None or (directive is not block and block.name in ("server", "stream") and directive.name not in _SEEN):
        return
    if block.name == "stream":
        yield from every
    elif block.name == "server":
        yield block
    elif block.name == "upstream" and block.args and (directive is block or directive.name == "server"):
        yield from (each for each in every if _passes(each, block.args[0]))
    elif block.name == "map" and decides_by_name(block):
        yield from (each for each in every if _passes(each, "$"))


def _passes(server: Directive, target: str) -> bool:
    """Return True if a server passes connections to an upstream, or to what a variable says."""
    targets = [each.args[0] for each in server.find("proxy_pass") if each.args]
    return any(each.lower() == target.lower() or "$" in each for each in targets)
