# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The changes that may be a cause of what one request gets."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, flatten

from .identity import place_of
from .wording import enclosing_server

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config

    from .change import Change

#: In the order of how likely they are the cause.
LOCATION, SERVER, REFERRED, INHERITED, ELSEWHERE = range(5)
#: Blocks outside of servers that only matter where they are named.
_DEFINITIONS: t.Final = frozenset(
    {"upstream", "map", "geo", "geoip2", "split_clients", "keyval", "match", "perl_set", "js_set"}
)
_WORDS: t.Final = re.compile(r"\$\{?(\w+)|([\w.-]+)")
_OUTSIDE: t.Final = frozenset({"http", "stream", "mail"})


class ConfigIndex:
    """One configuration, indexed for questions about its blocks."""

    def __init__(self, config: Config) -> None:
        self._at: dict[tuple[str, int], list[Directive]] = {}
        self._definitions: dict[str, list[Directive]] = {}
        for directive in config.walk():
            if directive.block is not None:
                self._at.setdefault((directive.file, directive.line), []).append(directive)
            if directive.name in _DEFINITIONS and directive.args:
                # The variable of `split_clients` and of most others is the last argument, that of `js_set` the first.
                word = directive.args[0] if directive.name in ("perl_set", "js_set") else directive.args[-1]
                self._definitions.setdefault(word.lower(), []).append(directive)

    def hits(self, places: Iterable[t.Any], servers: frozenset[str]) -> list[Directive]:
        """Return the blocks at these places; of a snippet that several servers include those of the servers asked for."""
        found: list[Directive] = []
        for place in places:
            file, line, *column = place_of(place)
            here = [each for each in self._at.get((file, line), ()) if not column or each.column == column[0]]
            wanted = [each for each in here if servers.intersection(_names(enclosing_server(each)))]
            found += wanted or here
        return found

    def referred(self, hits: Sequence[Directive]) -> set[int]:
        """Return the `id()` of all definitions that the blocks reference, transitively."""
        found: set[int] = set()
        todo: list[Directive] = [
            child for hit in hits for child in flatten(hit.block or ()) if child.name != "location"
        ]
        seen: set[str] = set()
        while todo:
            directive = todo.pop()
            todo += flatten(directive.block or ())
            for word in _words(directive):
                if word not in seen:
                    seen.add(word)
                    definitions = self._definitions.get(word, ())
                    found.update(map(id, definitions))
                    todo += definitions
        return found


def _words(directive: Directive) -> Iterable[str]:
    # An entry of a map is a directive whose name is a value.
    for text in (directive.name, *directive.args):
        for variable, word in _WORDS.findall(text):
            yield f"${variable.lower()}" if variable else word.lower()


def _names(server: Directive | None) -> Iterable[str]:
    return [] if server is None else (name.lower() for each in server.find("server_name") for name in each.args)


class RequestBlocks:
    """The blocks that one request went through, and what these name."""

    def __init__(self, side: ConfigIndex, places: Sequence[t.Any], servers: frozenset[str]) -> None:
        self._servers = servers
        hits = side.hits(places, servers)
        around = [server for server in map(enclosing_server, hits) if server is not None]
        self._named: dict[int, bool] = {}
        self._hit_servers = {id(server) for server in around}
        self._inner = {id(hit) for hit in hits if id(hit) not in self._hit_servers}
        self._hits = {id(hit) for hit in hits}
        self._referred = side.referred([*hits, *around])

    def rank(self, directive: Directive) -> int | None:
        """Return how likely a change of this directive is a cause, 0 the most; None where it is none."""
        chain = [directive]
        while chain[-1].parent is not None:
            chain.append(chain[-1].parent)
        if id(directive) in self._hits or any(id(each) in self._inner for each in chain):
            return LOCATION
        server = enclosing_server(directive)
        if server is not None:
            if id(server) not in self._hit_servers and not self._asked_for(server):
                return None
            elsewhere = bool(self._hits) and any(each.name == "location" for each in chain[1:])
            return ELSEWHERE if elsewhere else SERVER
        definition = next((each for each in chain if each.name in _DEFINITIONS), None)
        if definition is not None:
            return REFERRED if id(definition) in self._referred else None
        return INHERITED if directive.parent is None or directive.parent.name in _OUTSIDE else None

    def _asked_for(self, server: Directive) -> bool:
        known = self._named.get(id(server))
        if known is None:
            known = self._named[id(server)] = bool(self._servers.intersection(_names(server)))
        return known


def rank(
    changes: Iterable[Change],
    before: tuple[ConfigIndex, Sequence[t.Any]],
    after: tuple[ConfigIndex, Sequence[t.Any]],
    servers: Iterable[str],
) -> list[Change]:
    """Return the changes that may be causes, the likeliest first; see `Diff.explain`."""
    names = frozenset(name.lower() for name in servers)
    old, new = (RequestBlocks(side, places, names) for side, places in (before, after))
    found = []
    for change in changes:
        ranks = [
            question.rank(directive)
            for pair in change.directives
            for question, directive in zip((old, new), pair, strict=True)
            if directive is not None
        ]
        likely = min((each for each in ranks if each is not None), default=None)
        if likely is not None:
            found.append((likely, change.order, change))
    return [change for _likely, _order, change in sorted(found, key=lambda each: each[:2])]
