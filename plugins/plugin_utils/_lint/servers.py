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
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routes.select import Conflict, Listener, Server

    from .context import Context
    from .finding import Finding

SHADOWED_SERVER: t.Final = Rule("shadowed-server", "error", "Another server already has this name on the same socket")
RULES: t.Final = (SHADOWED_SERVER,)


def check(context: Context) -> Iterator[Finding]:
    """One finding per pair of servers, with every name and socket that they share."""
    shadows: dict[tuple[int, int], _Shadow] = {}
    for listener in context.router.listeners.values():
        for conflict in listener.conflicts:
            if _harms(conflict, listener):
                key = (id(conflict.winner), id(conflict.loser))
                shadows.setdefault(key, _Shadow(conflict.winner, conflict.loser)).add(conflict.name, listener)
    for shadow in shadows.values():
        yield shadow.finding()


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
        names = ", ".join(f'"{name}"' for name in self.names)
        whole = "this server never answers there" if set(self.names) == set(self.loser.names) else "never this one"
        twice = ", it is included twice" if place == winner_place else ""
        message = (
            f"server_name {names} on {', '.join(self.sockets)} is taken by the server at {winner_place}{twice}: "
            f"nginx ignores it here with no more than a warning, that server answers, {whole}"
        )
        places = [related("this server answers instead", winner_place)]
        if self.loser.directive.place != place:
            places.append(related("the server that does not answer", self.loser.directive.place))
        return SHADOWED_SERVER.at(place, message, places)


def _claimed_at(server: Server, name: str) -> Place:
    """Where a server claims a name: as written, in other letters, or with a form that includes it."""
    bare = name.lower().removeprefix("*").removeprefix(".")
    for own, directive in server.names.items():
        if own.lower().removeprefix("*").removeprefix(".") == bare:
            return directive.place
    return server.directive.place


def _harms(conflict: Conflict, listener: Listener) -> bool:
    """Whether requests are lost: nobody asks for `_` or the empty name, there the default server answers anyway."""
    if conflict.name.strip("_-"):
        return True
    loser = conflict.loser
    return listener.default is not loser and not any(name.strip("_-") for name in loser.names)
