# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One side of a comparison: outcomes, their configuration, and the blocks of it that answered."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.module_utils._common.server_names import NameTable
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block, around, block_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_server_name
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.stream import StreamServers

from .probe_requests import host_of, path_of, socket_key

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope


@dataclass
class ComparedSide:
    """One configuration and its outcomes.

    Attributes:
        outcomes: of the unmodified configuration, one per probe.
        markers: id in a trace -> the block that it stands for.
        traced: traces of the instrumented configuration, one per probe. Without them those of `outcomes` are read.
        again: outcomes of a second run of the unmodified configuration, to detect nondeterminism.
        notes: sentences about what the private world had to replace.
    """

    outcomes: Sequence[ProbeOutcome]
    config: Config | None = None
    markers: Mapping[str, Block] = field(default_factory=dict)
    traced: Sequence[BlockTrace | ProbeOutcome] | None = None
    again: Sequence[ProbeOutcome] | None = None
    notes: Sequence[str] = ()

    def check_length(self, name: str, number: int) -> None:
        """Refuse a side that has not one outcome per probe.

        Raises:
            RouteError: it has others.
        """
        for outcomes in (self.outcomes, self.traced, self.again):
            if outcomes is not None and len(outcomes) != number:
                wrong = f"{len(outcomes)} outcomes of the {name} configuration for {counted(number, 'request')}"
                raise RouteError(wrong)

    @cached_property
    def traces(self) -> list[tuple[str, ...]]:
        """Return the known markers that each probe passed, in order."""
        source: Sequence[BlockTrace | ProbeOutcome] = self.outcomes if self.traced is None else self.traced
        known = self.markers
        return [tuple([mark for mark in each.trace if mark in known]) for each in source]

    @property
    def is_traced(self) -> bool:
        """Return True where the blocks behind outcomes are known."""
        return bool(self.markers)


class ServedBy(t.NamedTuple):
    """The blocks that answered a probe; None where they are unknown.

    `sure` is False where no trace shows them and only the configuration tells.
    """

    server: Block | None = None
    block: Block | None = None
    sure: bool = False
    #: Every block on the way, each once.
    path: tuple[Block, ...] = ()

    @property
    def label(self) -> str:
        """Return the answering block as a report names it; "" where the server itself answers."""
        return "" if self.block is None or self.block.kind == "server" else self.block.text


_UNKNOWN: t.Final = ServedBy()


class BlockLocator:
    """Find the blocks behind outcomes: by their traces, without one by the configuration."""

    def __init__(self, side: ComparedSide) -> None:
        self.side = side
        self._by_place = {block.place: block for block in side.markers.values()}
        self._traces: dict[tuple[str, ...], ServedBy] = {}
        self._static: dict[tuple[str | int | None, ...], ServedBy] = {}

    @cached_property
    def router(self) -> Router | None:
        """Return the router of the configuration, None without one."""
        return None if self.side.config is None else Router(self.side.config)

    @cached_property
    def names(self) -> NameTable[bool]:
        """Return every server name, on whatever socket."""
        table: NameTable[bool] = NameTable(compile_server_name)
        for server in self.router.servers if self.router else ():
            table.add_all(filter(None, server.names), value=True)
        return table

    @cached_property
    def scopes(self) -> dict[Place, Scope]:
        """Return place of a server or location -> its scope."""
        found: dict[Place, Scope] = {}
        for server in self.router.servers if self.router else ():
            _collect(server.scope, found)
        return found

    @cached_property
    def declared_defaults(self) -> frozenset[Place]:
        """Return the servers that a `listen` names the default of its socket."""
        servers = self.router.servers if self.router else ()
        return frozenset(
            server.scope.directive.place for server in servers if any(listen.default for listen in server.listens)
        )

    @cached_property
    def server_names(self) -> dict[Place, tuple[str, ...]]:
        """Return place of a server -> its names."""
        servers = self.router.servers if self.router else ()
        return {server.scope.directive.place: tuple(server.names) for server in servers}

    def served(self, index: int, probe: Probe) -> ServedBy:
        """Return the blocks that answered a probe."""
        if self.side.outcomes[index].closed in ("refused", "timeout"):
            return _UNKNOWN
        trace = self.side.traces[index]
        if trace:
            if trace not in self._traces:
                self._traces[trace] = self._read(trace)
            return self._traces[trace]
        key = (probe.protocol, probe.listen.address, probe.listen.port, probe.host, probe.sni, probe.target)
        if key not in self._static:
            self._static[key] = self._guess(probe)
        return self._static[key]

    def names_host(self, host: str, listen: ListenSocket) -> bool:
        """Return True if a server has this name at a listener, or may have it; a default server does not count.

        `_` and its like are no names: no client asks for them. Where the configuration has no such listener, a server at any other one counts.
        """
        if not any(map(str.isalnum, host)):
            return False
        listener = self.router.listener(*socket_key(listen)) if self.router else None
        found, _match, certain = (listener.names if listener else self.names).find(host)
        return found is not None or not certain

    def _read(self, trace: tuple[str, ...]) -> ServedBy:
        blocks = [self.side.markers[mark] for mark in trace]
        server = next((block for block in reversed(blocks) if block.kind == "server"), None)
        block = next((block for block in reversed(blocks) if block.kind != "if"), None)
        return ServedBy(server, block, sure=True, path=tuple(dict.fromkeys(blocks)))

    @cached_property
    def _stream(self) -> StreamServers | None:
        return None if self.side.config is None else StreamServers(self.side.config)

    def _guess(self, probe: Probe) -> ServedBy:
        if self.router is None:
            return _UNKNOWN
        if probe.protocol in ("tcp", "udp"):
            found_socket = self._stream.find(probe.protocol, *socket_key(probe.listen)) if self._stream else None
            block = None if found_socket is None else self._block(found_socket.server)
            return _UNKNOWN if block is None else ServedBy(block, block, path=(block,))
        listener = self.router.listener(*socket_key(probe.listen))
        if listener is None:
            return _UNKNOWN
        host = host_of(probe)
        selected = self.router.select(listener, host) if host else None
        server = selected.server if selected else listener.default
        # TLS is the server's, whatever its locations do.
        uri = path_of(probe) if probe.protocol == "http" else ""
        found = server.scope.locations.find(uri) if uri else None
        location = found.location if found and found.certain else None
        around_all = self._block(server.scope.directive)
        block = self._block(location.scope.directive) if location else around_all
        return ServedBy(around_all, block, path=tuple(dict.fromkeys((around_all, block))))

    def _block(self, directive: Directive) -> Block:
        known = self._by_place.get(directive.place)
        if known is None:
            kind: t.Literal["server", "location"] = "server" if directive.name == "server" else "location"
            known = Block("", kind, block_text(directive), directive.place, (), around(directive))
            self._by_place[directive.place] = known
        return known

    @cached_property
    def counters(self) -> frozenset[Place]:
        """Return the locations whose answer counts requests (`stub_status`), so that it differs every time."""
        found = walk(self.side.config.root) if self.side.config else ()
        return frozenset(each.parent.place for each in found if each.name == "stub_status" and each.parent)

    @cached_property
    def peers(self) -> dict[str, frozenset[str]]:
        """Return address of an upstream peer -> the peers that share its upstream block."""
        groups: dict[str, frozenset[str]] = {}
        for directive in walk(self.side.config.root) if self.side.config else ():
            if directive.name != "upstream" or directive.block is None:
                continue
            servers = [child.args[0] for child in directive.find("server") if child.args and "down" not in child.args]
            group = frozenset(name for server in servers for name in spellings(server))
            for name in group:
                groups[name] = groups.get(name, frozenset()) | group
        return groups


def _collect(scope: Scope, found: dict[Place, Scope]) -> None:
    found[scope.directive.place] = scope
    for location in scope.locations.all:
        _collect(location.scope, found)


def spellings(server: str) -> tuple[str, ...]:
    """Return a peer as it is configured, and as it is connected to: port 80 is the default (ngx_http_upstream_server())."""
    if server.startswith("unix:") or server.rpartition(":")[2].isdecimal():
        return (server,)
    return (server, f"{server}:80")
