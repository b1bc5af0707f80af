# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on which server answers."""

from __future__ import annotations

import typing as t

from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Conflict, Listener, Server

    from .context import Context
    from .finding import Finding

SHADOWED_SERVER: t.Final = Rule("shadowed-server", "error", "Another server already has this name on the same socket")
RULES: t.Final = (SHADOWED_SERVER,)


def check(context: Context) -> Iterator[Finding]:
    """One finding per pair of servers, with every name and socket that they share."""
    shadows: dict[tuple[int, int], _Shadow] = {}
    for listener in context.router.listeners.values():
        for conflict in listener.conflicts:
            for winner, loser in _harmed(conflict, listener):
                key = (id(winner), id(loser))
                shadows.setdefault(key, _Shadow(winner, loser)).add(conflict.name, listener)
    for shadow in shadows.values():
        yield shadow.finding()


def _harmed(conflict: Conflict, listener: Listener) -> Iterator[tuple[Server, Server]]:
    """Who answers in whose place. Nobody asks for a name like `_`: there the default server of the socket answers."""
    if _is_asked_for(conflict.name):
        yield conflict.winner, conflict.loser
        return
    losers = (conflict.loser, conflict.winner) if conflict.name else (conflict.loser,)
    for loser in losers:
        if listener.default is not loser and not any(_is_asked_for(name) for name in loser.names):
            yield listener.default, loser


def _is_asked_for(name: str) -> bool:
    return bool(name.strip("_-"))


class _Shadow:
    def __init__(self, winner: Server, loser: Server) -> None:
        self.winner = winner
        self.loser = loser
        self.names: dict[str, None] = {}
        self.sockets: dict[str, None] = {}

    def add(self, name: str, listener: Listener) -> None:
        self.names.setdefault(name)
        self.sockets.setdefault(str(listener.socket))

    def finding(self) -> Finding:
        first = next(iter(self.names))
        place = self.loser.names[first].place
        winner_place = _claimed_at(self.winner, first)
        places = [related("this server answers instead", winner_place)]
        if self.loser.directive.place != place:
            places.append(related("the server that does not answer", self.loser.directive.place))
        return SHADOWED_SERVER.at(place, self._message(winner_place, twice=place == winner_place), places)

    def _message(self, winner_place: Place, *, twice: bool) -> str:
        names = ", ".join(f'"{name}"' for name in self.names)
        sockets = ", ".join(self.sockets)
        if not any(_is_asked_for(name) for name in self.names):
            return (
                f"server_name {names} on {sockets} is there more than once and no name that a client asks for: "
                f"the default server at {winner_place} answers, this one never"
            )
        whole = "this server never answers there" if set(self.names) == set(self.loser.names) else "never this one"
        again = ", it is included twice" if twice else ""
        return (
            f"server_name {names} on {sockets} is taken by the server at {winner_place}{again}: "
            f"nginx ignores it here with no more than a warning, that server answers, {whole}"
        )


def _claimed_at(server: Server, name: str) -> Place:
    """Where a server claims a name: as written, in other letters, or with a form that includes it."""
    bare = name.lower().removeprefix("*").removeprefix(".")
    for own, directive in server.names.items():
        if own.lower().removeprefix("*").removeprefix(".") == bare:
            return directive.place
    return server.directive.place
