# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The upstream that a block passes its requests to, by name and peers: a request shows one peer, and others may share it."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import UPSTREAM_PASS

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place

    from .outcome_diff import UpstreamCall
    from .sides import ServedBy

_PORTS: t.Final = {"https": 443, "grpcs": 443}
_HTTP: t.Final = 80
_MOST_NAMED: t.Final = 3
#: Blocks inside of a location that may have a `*_pass` of their own.
_INNER: t.Final = ("if", "limit_except")


class UpstreamGroup(t.NamedTuple):
    """The upstream of a block: the name of its `upstream` block ("" without one) and its peers, as `host:port`."""

    name: str
    peers: frozenset[str]


class UpstreamGroups:
    """The upstreams of a configuration by name, and by the block that passes requests to them.

    Args:
        config: the configuration; with None there are none.
    """

    def __init__(self, config: Config | None) -> None:
        self.names: dict[str, frozenset[str]] = {}
        self._passes: dict[Place, Directive] = {}
        for directive in walk(config.root) if config else ():
            if directive.name == "upstream" and directive.args and directive.block is not None:
                self.names[directive.args[0].lower()] = _peers(directive)
            elif directive.name in UPSTREAM_PASS and directive.args and directive.parent is not None:
                self._passes[directive.parent.place] = directive

    def of(self, served: ServedBy, call: UpstreamCall) -> UpstreamGroup | None:
        """Return the upstream that a request went to; None where the configuration does not tell, or another block asked.

        Args:
            served: the blocks that answered.
            call: the last request to an upstream.
        """
        if served.block is None:
            return None
        inner = [block.place for block in served.path if block.kind in _INNER and served.block.place in block.around]
        place = next((place for place in reversed(inner) if place in self._passes), served.block.place)
        group = self._group(self._passes.get(place))
        return group if group is not None and call.peer.lower() in group.peers else None

    def _group(self, directive: Directive | None) -> UpstreamGroup | None:
        if directive is None or "$" in directive.args[0]:
            return None
        scheme, mark, rest = directive.args[0].partition("://")
        rest = rest if mark else directive.args[0]
        if rest.startswith("unix:"):
            return UpstreamGroup("", frozenset({"unix:" + rest.removeprefix("unix:").partition(":")[0]}))
        authority = rest.partition("/")[0].lower()
        if authority in self.names:
            return UpstreamGroup(authority, self.names[authority])
        return UpstreamGroup("", frozenset({_with_port(authority, _PORTS.get(scheme, _HTTP))}))


def _peers(upstream: Directive) -> frozenset[str]:
    """Return the servers that may get requests (ngx_http_upstream_server()); weights and backups only balance."""
    servers = (child.args for child in upstream.find("server") if child.args and "down" not in child.args)
    return frozenset(_with_port(args[0].lower(), _HTTP) for args in servers)


def _with_port(server: str, default: int) -> str:
    if server.startswith("unix:") or server.rpartition(":")[2].isdecimal():
        return server
    return f"{server}:{default}"


def is_another(old: UpstreamGroup, new: UpstreamGroup, before: UpstreamGroups, after: UpstreamGroups) -> bool:
    """Return True if requests go to another upstream than before, though both have a peer in common.

    A new name for the peers, or a name for what was an address, is none: one of the two names has to stand for something
    else in the other configuration.
    """
    if old.name == new.name or old.peers == new.peers:
        return False
    return old.name in after.names or new.name in before.names


def peers_text(old: UpstreamGroup, new: UpstreamGroup) -> str:
    """Return what changed of the peers of one upstream: `upstream app: 1 of 3 peers replaced: a:80 by b:80`; "" if nothing."""
    gone, added = sorted(old.peers - new.peers), sorted(new.peers - old.peers)
    if not gone and not added:
        return ""
    name = f"upstream {new.name or old.name}" if new.name or old.name else "the upstream"
    total = counted(len(old.peers), "peer")
    if len(gone) == len(added):
        return f"{name}: {len(gone)} of {total} replaced: {_listed(gone)} by {_listed(added)}"
    parts = [f"{len(gone)} of {total} removed: {_listed(gone)}"] if gone else []
    parts += [f"{counted(len(added), 'peer')} added to {len(old.peers) - len(gone)}: {_listed(added)}"] if added else []
    return f"{name}: " + "; ".join(parts)


def _listed(peers: list[str]) -> str:
    more = len(peers) - _MOST_NAMED
    return ", ".join(peers[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
