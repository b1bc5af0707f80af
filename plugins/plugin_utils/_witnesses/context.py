# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The view that makers of witnesses have: both configurations as they are probed, and requests that reach a block."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbedConfig, SideName, WitnessRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.server_probes import all_locations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import variables_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.server_probes import ServerProbes
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

Made = t.TypeVar("Made")


@dataclass(frozen=True)
class ChangedDirective:
    """One directive before and after; None where it does not exist.

    Attributes:
        number: of the change in the semantic diff.
    """

    number: int
    before: Directive | None
    after: Directive | None

    @property
    def nearest(self) -> tuple[SideName, Directive]:
        """Return the first of `sides`."""
        return next(iter(self.sides))

    @property
    def sides(self) -> Iterator[tuple[SideName, Directive]]:
        """Return the directives that exist, the candidate's first."""
        if self.after is not None:
            yield "after", self.after
        if self.before is not None:
            yield "before", self.before

    @property
    def name(self) -> str:
        """Return the name of the directive, in the candidate where it exists there."""
        return next(directive.name for _side, directive in self.sides)

    def other_variables(self) -> frozenset[str]:
        """Return the variables that only one of the two values reads."""
        old, new = (frozenset() if each is None else variables_in(each) for each in (self.before, self.after))
        return old ^ new


def variables_in(directive: Directive) -> frozenset[str]:
    """Return the variables that the arguments of a simple directive read."""
    if directive.block is not None:
        return frozenset()
    return frozenset(name for arg in directive.args if "$" in arg for name in variables_of(arg))


class Base(t.NamedTuple):
    """A request that reaches a block: the configuration, the server, the location (None for the server), the request."""

    side: SideName
    server: Server
    location: Location | None
    draft: Draft

    def witness(self, change: int, draft: Draft | None = None, listener: Listener | None = None) -> WitnessRequest:
        """Return a witness for a change: another request for the same server, or this one."""
        return WitnessRequest(change, self.side, self.server, draft or self.draft, listener)


class WitnessContext:
    """Both configurations, and the requests that reach their blocks.

    Args:
        sides: one or two configurations, read for probes and collected.

    Attributes:
        sides: the same by name, `before` or `after`.
    """

    def __init__(self, sides: Sequence[ProbedConfig]) -> None:
        self.sides: dict[SideName, ProbedConfig] = {side.name: side for side in sides}
        self._owner: dict[int, SideName] = {}
        self._servers: dict[int, Server] = {}
        self._locations: dict[int, Location] = {}
        #: id() of the servers whose locations are known.
        self._read: set[int] = set()
        self._turns: Counter[int] = Counter()
        self._known: dict[t.Any, t.Any] = {}
        for side in sides:
            self._owner.update((id(top), side.name) for top in flatten(side.config.root))
            for server in side.router.servers:
                self._servers[id(server.scope.directive)] = server

    def turn(self, change: int) -> int:
        """Return how many places of a change had their turn, and count one more: a snippet may stand in many servers."""
        self._turns[change] += 1
        return self._turns[change] - 1

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what is made for a key, made only once for all changes."""
        if key not in self._known:
            self._known[key] = make()
        return t.cast("Made", self._known[key])

    def side_of(self, directive: Directive) -> SideName | None:
        """Return the configuration that a directive is of."""
        while directive.parent is not None:
            directive = directive.parent
        return self._owner.get(id(directive))

    def server_of(self, directive: Directive) -> Server | None:
        """Return the HTTP server that a directive stands in, or is."""
        block: Directive | None = directive
        while block is not None and id(block) not in self._servers:
            block = block.parent
        return None if block is None else self._servers[id(block)]

    def location_of(self, directive: Directive) -> Location | None:
        """Return the innermost location that a directive stands in, or is."""
        server = self.server_of(directive)
        if server is None:
            return None
        block: Directive | None = directive
        while block is not None and block is not server.scope.directive:
            if block.name == "location":
                return self._locations_of(server).get(id(block))
            block = block.parent
        return None

    def suggested(self, server: Server, side: SideName) -> ServerProbes:
        """Return the requests that the configuration suggests for a server."""
        return self.sides[side].suggested[id(server.scope.directive)]

    def bases(self, directive: Directive) -> Iterator[Base]:
        """Yield requests that reach the block that a directive stands in, or is, the most direct one first.

        For a directive of a server these are its front page and a request for each location. For one outside of servers
        they are the same of every server: take as many as are needed.
        """
        side = self.side_of(directive)
        if side is None:
            return
        server = self.server_of(directive)
        if server is None:
            for each in self.sides[side].router.servers:
                yield from self._of_server(side, each)
            return
        location = self.location_of(directive)
        if location is None:
            yield from self._of_server(side, server)
            return
        yield from self._of_if(side, server, location, directive)
        bases = self.suggested(server, side).bases
        for inner in (location, *all_locations(location.scope)):
            draft = bases.get(id(inner))
            if draft is not None:
                yield Base(side, server, inner, draft)

    def second(self, base: Base) -> Base:
        """Return another request that reaches the same block: one request alone does not tell that a server is out."""
        suggested = self.suggested(base.server, base.side)
        if base.location is None:
            return base._replace(draft=suggested.drafts[1])
        return base._replace(draft=suggested.missing.get(id(base.location), base.draft))

    def _of_if(self, side: SideName, server: Server, location: Location, directive: Directive) -> Iterator[Base]:
        """Yield the requests that were made for the `if` around a directive."""
        block: Directive | None = directive
        while block is not None and block.name not in ("if", "location"):
            block = block.parent
        if block is not None and block.name == "if":
            for draft in self.suggested(server, side).drafts:
                if draft.block is block:
                    yield Base(side, server, location, draft)

    def _of_server(self, side: SideName, server: Server) -> Iterator[Base]:
        suggested = self.suggested(server, side)
        yield Base(side, server, None, suggested.drafts[0])
        for location in all_locations(server.scope):
            draft = suggested.bases.get(id(location))
            if draft is not None:
                yield Base(side, server, location, draft)

    def _locations_of(self, server: Server) -> dict[int, Location]:
        if id(server) not in self._read:
            self._read.add(id(server))
            self._locations.update((id(each.scope.directive), each) for each in all_locations(server.scope))
        return self._locations
