# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One side of a comparison: outcomes, the configuration that made them, and which of its blocks they went through."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import normalise
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block, around, block_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.server_names import NameTable

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place

    from .outcome_diff import Outcome

Probe = t.Mapping[str, t.Any]


@dataclass
class Side:
    """What is known of one configuration.

    `outcomes` are those of the unmodified configuration, one per probe. `traced` are those of the instrumented one, of
    which only the traces are read; where it is missing, the traces of `outcomes` are. `again` is a second run of the
    unmodified one: what differs between the two is noise. `notes` are what the world reports that it had to replace.
    """

    outcomes: Sequence[Outcome]
    config: Config | None = None
    markers: Mapping[str, Block] = field(default_factory=dict)
    traced: Sequence[Outcome] | None = None
    again: Sequence[Outcome] | None = None
    notes: Sequence[str] = ()

    @cached_property
    def traces(self) -> list[tuple[str, ...]]:
        """The known markers that each probe passed, in order."""
        source = self.outcomes if self.traced is None else self.traced
        known = self.markers
        return [tuple([mark for mark in outcome.get("trace") or () if mark in known]) for outcome in source]

    @property
    def is_traced(self) -> bool:
        return bool(self.markers)


class Served(t.NamedTuple):
    """Which blocks answered; None where nobody can tell. `sure` is False when only the configuration says so."""

    server: Block | None = None
    block: Block | None = None
    sure: bool = False
    #: Every block on the way, each once.
    path: tuple[Block, ...] = ()

    @property
    def label(self) -> str:
        """The answering block as a report names it; empty where the server itself answers."""
        return "" if self.block is None or self.block.kind == "server" else self.block.text


_NOBODY: t.Final = Served()


class Locator:
    """Finds the blocks behind outcomes: by their traces, and without one by what the configuration says."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._by_place = {block.place: block for block in side.markers.values()}
        self._traces: dict[tuple[str, ...], Served] = {}
        self._static: dict[tuple[t.Any, ...], Served] = {}

    @cached_property
    def router(self) -> Router | None:
        return None if self.side.config is None else Router(self.side.config)

    @cached_property
    def names(self) -> NameTable[bool]:
        """Every name that a server has, on whatever socket."""
        table: NameTable[bool] = NameTable()
        for server in self.router.servers if self.router else ():
            for name in server.names:
                if name:
                    table.add(name, value=True)
        return table

    @cached_property
    def server_names(self) -> dict[Place, tuple[str, ...]]:
        servers = self.router.servers if self.router else ()
        return {server.directive.place: tuple(server.names) for server in servers}

    def served(self, index: int, probe: Probe) -> Served:
        """The blocks that answered a probe."""
        if self.side.outcomes[index].get("closed") in ("refused", "timeout"):
            return _NOBODY
        trace = self.side.traces[index]
        if trace:
            if trace not in self._traces:
                self._traces[trace] = self._read(trace)
            return self._traces[trace]
        listen = probe["listen"]
        key = (listen["address"], listen["port"], probe["host"], probe["sni"], probe["target"])
        if key not in self._static:
            self._static[key] = self._guess(probe)
        return self._static[key]

    def names_host(self, host: str) -> bool:
        """Whether any server here has this name; one that only a default server answers is nobody's."""
        found, _match, certain = self.names.find(host)
        return found is not None or not certain

    def _read(self, trace: tuple[str, ...]) -> Served:
        blocks = [self.side.markers[mark] for mark in trace]
        server = next((block for block in reversed(blocks) if block.kind == "server"), None)
        block = next((block for block in reversed(blocks) if block.kind != "if"), None)
        return Served(server, block, sure=True, path=tuple(dict.fromkeys(blocks)))

    def _guess(self, probe: Probe) -> Served:
        if self.router is None:
            return _NOBODY
        listener = self.router.listener(*_socket(probe["listen"]))
        if listener is None:
            return _NOBODY
        host = host_of(probe)
        selected = self.router.select(listener, host) if host else None
        server = selected.server if selected else listener.default
        uri = path_of(probe)
        found = server.locations.find(uri) if uri else None
        location = found.location if found and found.certain else None
        around_all = self._block(server.directive)
        block = self._block(location.directive) if location else around_all
        return Served(around_all, block, path=tuple(dict.fromkeys((around_all, block))))

    def _block(self, directive: Directive) -> Block:
        known = self._by_place.get(directive.place)
        if known is None:
            kind: t.Literal["server", "location"] = "server" if directive.name == "server" else "location"
            known = Block("", kind, block_text(directive), directive.place, (), around(directive))
            self._by_place[directive.place] = known
        return known

    @cached_property
    def counters(self) -> frozenset[Place]:
        """The locations whose answer counts requests (`stub_status`): it is another every time."""
        found = walk(self.side.config.root) if self.side.config else ()
        return frozenset(each.parent.place for each in found if each.name == "stub_status" and each.parent)

    @cached_property
    def peers(self) -> dict[str, frozenset[str]]:
        """Upstream peers by address, with those that share their upstream block."""
        groups: dict[str, frozenset[str]] = {}
        for directive in walk(self.side.config.root) if self.side.config else ():
            if directive.name != "upstream" or directive.block is None:
                continue
            servers = [child.args[0] for child in directive.find("server") if child.args and "down" not in child.args]
            group = frozenset(name for server in servers for name in spellings(server))
            for name in group:
                groups[name] = groups.get(name, frozenset()) | group
        return groups


def spellings(server: str) -> tuple[str, ...]:
    """A peer as nginx is told and as it is asked: the port of HTTP is the default (ngx_http_upstream_server())."""
    if server.startswith("unix:") or server.rpartition(":")[2].isdecimal():
        return (server,)
    return (server, f"{server}:80")


def _socket(listen: Mapping[str, t.Any]) -> tuple[str, int]:
    address, port = str(listen["address"]), int(listen.get("port") or 0)
    if address == "0.0.0.0":  # noqa: S104 -- compared, not bound
        address = "*"
    elif ":" in address and not address.startswith(("unix:", "[")):
        address = f"[{address}]"
    return address, port


def host_of(probe: Probe) -> str:
    """The host that a probe asks for, in lower case without port; empty without one."""
    host = str(probe.get("host") or probe.get("sni") or "").lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")


def is_made_up(probe: Probe) -> bool:
    """Whether a probe was sent under made-up circumstances: upstreams that answer as told, files that are not there."""
    return bool(probe.get("answers") or probe.get("made_files"))


def path_of(probe: Probe) -> str:
    """The path that a probe asks for, decoded as nginx decodes it; empty for what is none."""
    return normalise(str(probe["target"]).partition("?")[0]) or ""


def listener_name(listen: Mapping[str, t.Any]) -> str:
    """A listener as `listen` would name it: `*:80`, `[::]:443`, `unix:/run/x.sock`."""
    address, number = _socket(listen)
    return address if address.startswith("unix:") else f"{address}:{number}"
