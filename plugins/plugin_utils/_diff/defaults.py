# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The server that answers for a socket and for a name on it, as the order of servers decides.

The first server of a socket is its default unless one says `default_server`, and of two that claim a name on one socket
the first has it (ngx_http_add_address() and ngx_http_server_names() in src/http/ngx_http.c).
"""

from __future__ import annotations

import typing as t

from .change import Change
from .match import pair

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .tree import Forest, Node
    from .wording import Titles

_SHOWN: t.Final = 3


def changes(
    before: Node, after: Node, forest: Forest, titles: Titles, known: Mapping[int, Node | None]
) -> list[Change]:
    """Return changes of sockets with another default server, and names that another server has, where both sides have them.

    `known` is what servers became, by their `id()`, as far as it was looked at.
    """
    old, new = _Answering(before), _Answering(after)
    if not old.servers or not new.servers:
        return []
    partner = known
    if any(id(server) not in known for server in old.servers):
        partner = {id(left): right for left, right in pair(old.servers, new.servers, forest) if left is not None}
    found: list[Change] = []
    for what, was, now, contested in (
        ("default server of {}", old.defaults, new.defaults, None),
        ("name {}", old.winners, new.winners, old.contested | new.contested),
    ):
        groups: dict[tuple[int, int], tuple[Node, Node, list[str]]] = {}
        for key, winner in was.items():
            other = now.get(key)
            if other is None or partner.get(id(winner)) is other or (contested is not None and key not in contested):
                continue
            groups.setdefault((id(winner), id(other)), (winner, other, []))[2].append(" on ".join(key))
        found += (_change(what.format(_list(keys)), winner, other, titles) for winner, other, keys in groups.values())
    return found


class _Answering:
    """The default server of every socket, and of every name on a socket the server that has it."""

    def __init__(self, top: Node) -> None:
        self.servers = [server for http in top.named("http") for server in http.named("server")]
        self.defaults: dict[tuple[str, ...], Node] = {}
        self.winners: dict[tuple[str, ...], Node] = {}
        #: Names that more than one server claims.
        self.contested: set[tuple[str, ...]] = set()
        said: set[str] = set()
        for server in self.servers:
            for socket, default in _sockets(server):
                if default and socket not in said:
                    said.add(socket)
                    self.defaults[socket,] = server
                self.defaults.setdefault((socket,), server)
                for name in claims(server.server_names):
                    if self.winners.setdefault((name, socket), server) is not server:
                        self.contested.add((name, socket))


def claims(names: Iterable[str]) -> Iterator[str]:
    """Return the names that a server asks for: `.a.com` is `a.com` and `*.a.com` (ngx_hash_add_key() in src/core/ngx_hash.c)."""
    for name in names:
        if name.startswith("."):
            yield from (name[1:], f"*{name}")
        else:
            yield name


def _sockets(server: Node) -> Iterator[tuple[str, bool]]:
    listens = {"/".join(child.key[1:]): "default_server" in child.args for child in server.named("listen")}
    for socket in server.sockets:
        yield socket, listens.get(socket, False)


def _list(keys: list[str]) -> str:
    shown = ", ".join(keys[:_SHOWN])
    return f"{shown} and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else shown


def _change(what: str, before: Node, after: Node, titles: Titles) -> Change:
    old, new = before.directive, after.directive
    left, right = (f"{titles.server_title(each)} ({each.place})" for each in (old, new))
    names = dict.fromkeys((*titles.names_of(old), *titles.names_of(new)))
    return Change(
        kind="changed",
        risk="routing",
        before=old.place,
        after=new.place,
        block=titles.path(new),
        servers=tuple(names),
        line=f"{what}: {left} -> {right}",
        before_text=titles.title(old),
        after_text=titles.title(new),
        directives=((old, new),),
    )
