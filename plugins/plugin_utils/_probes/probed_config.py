# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One configuration read for probes, and the requests collected from both: each once, with all its blocks."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe, ProbedBlock
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router

from . import landmarks
from .changed_listeners import neighbours_requests
from .effective_directives import EffectiveDirectives
from .input_flow import InputFlow
from .scenarios import Scenarios
from .server_probes import ServerProbes, all_locations
from .socket_requests import SocketRequests
from .tls_probes import TlsRequests
from .upstreams import upstreams_of

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .draft import Draft
    from .socket_requests import Key, SocketRequest

SideName = t.Literal["before", "after"]
_LONGEST: t.Final = 160
_CLIENTS_FOLLOW: t.Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class WitnessRequest:
    """A request for which the two configurations could decide differently because of one change.

    Attributes:
        change: the number of the change in the semantic diff.
        side: the configuration that `server` is of, and that suggests the request.
        server: the server that it is meant for; it is sent to one socket of each kind.
        draft: the request.
        listener: the only socket that it is sent to.
    """

    change: int
    side: SideName
    server: Server
    draft: Draft
    listener: Listener | None = None


class CollectedRequest:
    """One request, the blocks that it was made for, and the server in whose turn it comes."""

    __slots__ = ("blocks", "key", "sent", "turn")

    def __init__(self, key: Key, sent: SocketRequest, turn: tuple[SideName, int] | None) -> None:
        self.key = key
        self.sent = sent
        #: None where the request is sent without waiting for its turn.
        self.turn = turn
        self.blocks: dict[int, ProbedBlock] = {}

    @property
    def probed_blocks(self) -> list[ProbedBlock]:
        """Return the blocks that the request was made for, each once."""
        found: list[ProbedBlock] = []
        for block in self.blocks.values():
            if block not in found:
                found.append(block)
        return found

    def probe(self, probe_id: str) -> Probe:
        """Make the probe."""
        sent, draft = self.sent, self.sent.draft
        return Probe(
            probe_id,
            sent.listen,
            target=draft.target,
            method=draft.method,
            host=sent.host,
            sni=sent.sni,
            client=sent.client,
            headers=[list(header) for header in draft.headers],
            body=draft.body,
            version=sent.version,
            answers=list(draft.answers),
            follow=draft.protocol == "http" and draft.method in _CLIENTS_FOLLOW,
            why=one_line(draft.why),
            file=draft.block.file,
            line=draft.block.line,
            blocks=self.probed_blocks,
            protocol=draft.protocol,
        )


def one_line(text: str) -> str:
    """Return a text from a configuration as a part of a message: printable, on one line, of limited length."""
    shown = text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


class ProbedConfig:
    """One of the two configurations, read for probes."""

    def __init__(self, name: SideName, config: Config) -> None:
        self.name: SideName = name
        self.config = config
        self.router = Router(config)
        self.flow = InputFlow(config)
        self.sockets = SocketRequests(self.router)
        self.settings = EffectiveDirectives()
        self.scenarios = Scenarios(self.settings, upstreams_of(config))
        #: id() of a directive -> the reason why it has no probe.
        self.reasons: dict[int, str] = {}
        #: id() of a server's directive -> the requests that it suggests.
        self.suggested: dict[int, ServerProbes] = {}
        self._blocks: dict[int, ProbedBlock] = {}

    def collect(self, entries: dict[Key, CollectedRequest]) -> None:
        """Add every request that this configuration suggests."""
        for number, server in enumerate(self.router.servers):
            suggested = ServerProbes(server, self.flow, self.settings, self.scenarios)
            self.suggested[id(server.scope.directive)] = suggested
            self.reasons.update(suggested.reasons)
            sent = None
            for sent in self.sockets.requests(server, suggested.drafts):
                self._add(entries, sent, (self.name, number))
            if sent is None:
                self.reasons[id(server.scope.directive)] = self._why_unasked(server)
        numbers = {id(server): number for number, server in enumerate(self.router.servers)}
        for listener in self.router.listeners.values():
            for sent in self.sockets.strangers(listener):
                self._add(entries, sent, (self.name, numbers[id(listener.default)]))

    def collect_handshakes(
        self, entries: dict[Key, CollectedRequest], other: ProbedConfig, changed_files: Collection[str] | None
    ) -> None:
        """Add a TLS probe for each listener and name whose TLS differs in the other configuration."""
        numbers = {id(server.scope.directive): number for number, server in enumerate(self.router.servers)}
        for sent in TlsRequests(self.sockets, other.sockets, changed_files).requests():
            self._add(entries, sent, (self.name, numbers[id(sent.draft.block)]))

    def collect_landmarks(
        self, entries: dict[Key, CollectedRequest], differing: Collection[int], touched: Collection[Socket]
    ) -> None:
        """Add requests of programs that no configuration names.

        Args:
            entries: takes them.
            differing: the numbers of the servers that the other configuration has in another form.
            touched: the sockets of such servers, of either configuration.
        """
        for number in sorted(differing):
            for sent in landmarks.of_server(self.sockets, self.router.servers[number]):
                self._add(entries, sent, (self.name, number))
        numbers = {id(server): number for number, server in enumerate(self.router.servers)}
        for listener in self.router.listeners.values():
            if listener.socket in touched:
                for sent in landmarks.by_address(self.sockets, listener):
                    self._add(entries, sent, (self.name, numbers[id(listener.default)]))

    def collect_neighbours(self, entries: dict[Key, CollectedRequest], before: ProbedConfig) -> None:
        """Add requests at changed listeners for names that are served beside them only."""
        numbers = {id(server.scope.directive): number for number, server in enumerate(self.router.servers)}
        for sent in neighbours_requests(self.sockets, before.router):
            self._add(entries, sent, (self.name, numbers[id(sent.draft.block)]))

    def witness(self, entries: dict[Key, CollectedRequest], request: WitnessRequest) -> Iterator[Key]:
        """Add one more request, and return its key on each kind of socket that it is sent to."""
        for sent in self.sockets.single(request.server, request.draft, request.listener):
            self._add(entries, sent, None)
            yield sent.key

    def _add(
        self, entries: dict[Key, CollectedRequest], sent: SocketRequest, turn: tuple[SideName, int] | None
    ) -> None:
        key = sent.key
        entry = entries.get(key)
        if entry is None:
            entry = entries[key] = CollectedRequest(key, sent, turn)
        directive = sent.draft.block
        block = self._blocks.get(id(directive))
        if block is None:
            block = self._blocks[id(directive)] = ProbedBlock(self.name, directive.file, directive.line)
        entry.blocks[id(directive)] = block

    def _why_unasked(self, server: Server) -> str:
        if not self.sockets.of_server(server):
            return "it has no socket that requests can be sent to: QUIC, a host name as address, or unreadable"
        for listener in self.router.listeners.values():
            for conflict in listener.conflicts:
                if conflict.loser is server:
                    return (
                        f'its name "{conflict.name}" belongs to the server at {conflict.winner.scope.directive.place}'
                    )
        return "no host was found that selects it"

    def blocks(self) -> Iterator[tuple[Directive, Server]]:
        """Return every server and location, with the server that it is part of."""
        for server in self.router.servers:
            yield server.scope.directive, server
            for location in all_locations(server.scope):
                yield location.scope.directive, server
