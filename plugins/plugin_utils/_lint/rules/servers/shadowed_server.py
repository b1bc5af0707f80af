# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a server_name that another server already has on the same socket.

nginx keeps the first server of a name and ignores the others with a warning in its log (ngx_http_server_names()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.listeners import is_requested
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Conflict, Listener, Server

RULE: t.Final = Rule("shadowed-server", "error", "Another server already has this name on the same socket")


def check(context: Context) -> Iterator[Finding]:
    """Report each pair of servers once, with every name and socket that they share."""
    shadows: dict[tuple[int, int], _Shadow] = {}
    for listener in context.router.listeners.values():
        for conflict in listener.conflicts:
            for winner, loser in _pairs(conflict, listener):
                key = (id(winner), id(loser))
                shadows.setdefault(key, _Shadow(winner, loser)).add(conflict.name, listener)
    for shadow in shadows.values():
        yield shadow.finding()


def _pairs(conflict: Conflict, listener: Listener) -> Iterator[tuple[Server, Server]]:
    """Yield the server that answers and the one that does not.

    For a name that no client sends, such as `_`, the default server of the socket answers.
    """
    if is_requested(conflict.name):
        yield conflict.winner, conflict.loser
        return
    losers = (conflict.loser, conflict.winner) if conflict.name else (conflict.loser,)
    for loser in losers:
        if listener.default is not loser and not any(is_requested(name) for name in loser.names):
            yield listener.default, loser


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
        if self.loser.scope.directive.place != place:
            places.append(related("the server that does not answer", self.loser.scope.directive.place))
        return RULE.at(place, self._message(winner_place, twice=place == winner_place), places)

    def _message(self, winner_place: Place, *, twice: bool) -> str:
        names = ", ".join(f'"{name}"' for name in self.names)
        sockets = ", ".join(self.sockets)
        if not any(is_requested(name) for name in self.names):
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
    """Return where a server claims a name: as written, in other letters, or with a wildcard that includes it."""
    bare = name.lower().removeprefix("*").removeprefix(".")
    for own, directive in server.names.items():
        if own.lower().removeprefix("*").removeprefix(".") == bare:
            return directive.place
    return server.scope.directive.place
