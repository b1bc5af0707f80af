# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The place of a changed directive: the request that gets there, and every value of the directive that may hold there."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import StubAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import UPSTREAM_PASS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, Header
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope

    from .context import Base, ChangedDirective, WitnessContext

#: Requests that one changed directive is tried on, of each configuration. Those of `http` hold in every server.
_MOST_BASES: t.Final = 6
#: Bases that are looked at for them: most are of other blocks where the directive of `http` is overridden.
_LOOKED_AT: t.Final = 400
_SIZE: t.Final = re.compile(r"(\d+)([kKmMgG]?)")
_FACTORS: t.Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
#: Prefix of a directive's name -> the directive whose requests it is about.
_HANDLERS: t.Final = {kind: f"{kind}_pass" for kind in ("proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached")}


def size_of(text: str) -> int | None:
    """Return the bytes of a size as nginx reads it (ngx_parse_size(), ngx_parse_offset()); None for none."""
    match = _SIZE.fullmatch(text)
    return None if match is None else int(match[1]) * _FACTORS[match[2].lower()]


@dataclass(frozen=True)
class Spot:
    """A request that reaches the block of a changed directive.

    Attributes:
        context: both configurations.
        change: the directive, before and after.
        base: the request.
        location: that answers the request, as far as its URI decides; None for the server itself.
    """

    context: WitnessContext
    change: ChangedDirective
    base: Base
    location: Location | None

    @property
    def draft(self) -> Draft:
        return self.base.draft

    @property
    def scope(self) -> Scope:
        """Return the block that the request runs in."""
        return self.base.server.scope if self.location is None else self.location.scope

    def changed(self) -> list[Directive]:
        """Return the directive before and after, where it exists."""
        return [directive for _side, directive in self.change.sides]

    def values(self, name: str) -> list[list[str]]:
        """Return the arguments of every directive of a name that may hold here in either configuration, each once.

        Those are the changed ones, and those of the enclosing blocks: one of them takes the place of a removed one.
        """
        found = [directive.args for directive in self.changed() if directive.name == name]
        settings = self.context.sides[self.base.side].settings
        scope: Scope | None = self.scope
        while scope is not None:
            found += [directive.args for directive in settings.own(scope, name)]
            scope = scope.parent
        for side in self.context.sides.values():
            found += [directive.args for block in side.config.http() for directive in block.find(name)]
        return [args for index, args in enumerate(found) if args not in found[:index]]

    def words(self, name: str) -> list[str]:
        """Return the words of every directive of a name that may hold here, each once."""
        return list(dict.fromkeys(word for args in self.values(name) for word in args))

    def sizes(self, name: str, default: int, *, position: int = 0) -> list[int]:
        """Return the sizes that may hold here, the smallest first, nginx's default among them.

        Args:
            name: of the directive.
            default: in bytes.
            position: of the size among the arguments.
        """
        texts = [args[position] for args in self.values(name) if len(args) > position]
        return sorted({default, *(size for size in map(size_of, texts) if size is not None)})

    def answering(
        self, status: int = 200, headers: tuple[Header, ...] = (), *, body: str = "", why: str = ""
    ) -> Draft | None:
        """Return the request with an answer of its upstream; None where no upstream gets it."""
        return self._passed(StubAnswer(status=status, headers=[list(each) for each in headers], body=body), why)

    def down(self, *, why: str) -> Draft | None:
        """Return the request while its upstream resets connections; None where no upstream gets it."""
        return self._passed(StubAnswer(status=502, down=True), why)

    def _passed(self, answer: StubAnswer, why: str) -> Draft | None:
        location = self.location
        if location is None or location.scope.handler is None or location.scope.handler.name not in UPSTREAM_PASS:
            return None
        scenarios = self.context.sides[self.base.side].scenarios
        answers = scenarios.answers(self.base.server, location, answer)
        return self.draft._replace(answers=answers, why=f"{why}, {self.draft.why}")


#: Makes requests of a spot.
Vary = t.Callable[[Spot], t.Iterator["Draft"]]


def at_spots(vary: Vary) -> Callable[[WitnessContext, ChangedDirective], Iterator[WitnessRequest]]:
    """Return a maker that makes requests of each spot of a changed directive."""

    def maker(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
        for spot in spots(context, change):
            for draft in vary(spot):
                yield spot.base.witness(change.number, draft)

    return maker


def spots(context: WitnessContext, change: ChangedDirective) -> Iterator[Spot]:
    """Yield requests that reach the block of a directive and are decided by it: no block between has its own.

    Those of `proxy_*` and its like are requests that such a handler passes on.
    """
    for _side, directive in change.sides:
        yield from islice(_deciding(context, change, directive), _MOST_BASES)


def _deciding(context: WitnessContext, change: ChangedDirective, directive: Directive) -> Iterator[Spot]:
    known: set[tuple[int, int]] = set()
    for base in islice(context.bases(directive), _LOOKED_AT):
        spot = Spot(context, change, base, _location(base))
        place = (id(spot.base.server), id(spot.scope))
        # A server's front page is often the request of its location for "/", too.
        if place not in known and _decides(spot, directive):
            known.add(place)
            yield spot


def _location(base: Base) -> Location | None:
    if base.location is not None:
        return base.location
    return base.server.scope.locations.find(base.draft.target.partition("?")[0]).location


def _decides(spot: Spot, directive: Directive) -> bool:
    """Tell whether a directive holds for the request, and is about what answers it."""
    handler = _HANDLERS.get(directive.name.partition("_")[0])
    if handler is not None and (spot.scope.handler is None or spot.scope.handler.name != handler):
        return False
    if directive.parent is not None and directive.parent.name in ("if", "limit_except"):
        return True
    settings = spot.context.sides[spot.base.side].settings
    return any(each is directive for each in settings.effective(spot.scope, directive.name))
