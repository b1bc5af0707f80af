# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Attribution: which changes of the configuration are behind a change of an outcome."""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

#: Class of change -> risks of the semantic changes that cause it first of all.
_PREFERRED: t.Final[dict[str, frozenset[str]]] = {
    "outage": frozenset({"routing", "access-control", "tls"}),
    "access-widened": frozenset({"access-control", "routing"}),
    "auth-subrequest-removed": frozenset({"access-control"}),
    "security-header-removed": frozenset({"headers"}),
    "headers-changed": frozenset({"headers", "cache"}),
    "upstream-headers-changed": frozenset({"headers", "upstream"}),
    "upstream-changed": frozenset({"upstream", "routing"}),
    "peers-changed": frozenset({"upstream"}),
    "lost": frozenset({"routing", "access-control", "tls"}),
    "auth-added": frozenset({"access-control"}),
    **dict.fromkeys(("certificate-broken", "tls-changed", "certificate-renewed"), frozenset({"tls"})),
}
#: The same for other classes.
_USUAL: t.Final = frozenset({"routing", "upstream", "access-control", "code"})
#: Risks of semantic changes that no outcome shows.
_INERT: t.Final = frozenset({"logging", "cosmetic"})
#: Blocks that other blocks refer to.
_SHARED: t.Final = frozenset({"upstream", "map", "geo", "split_clients"})
#: A server's name in the path of a block.
_SERVER: t.Final = re.compile(r"(?<![^ ])server [^>]*(?= >|$)")


class SemanticChange(t.Protocol):
    """A change of the semantic diff."""

    @property
    def kind(self) -> str: ...
    @property
    def risk(self) -> str: ...
    @property
    def before(self) -> Place | None: ...
    @property
    def after(self) -> Place | None: ...
    @property
    def line(self) -> str: ...
    @property
    def block(self) -> str: ...
    @property
    def before_text(self) -> str | None: ...
    @property
    def after_text(self) -> str | None: ...
    @property
    def directives(self) -> Sequence[tuple[Directive | None, Directive | None]]: ...
    def as_dict(self) -> Mapping[str, object]: ...


class SemanticDiff(t.Protocol):
    """The semantic diff."""

    @property
    def changes(self) -> Sequence[SemanticChange]: ...
    @property
    def summary(self) -> Mapping[str, object]: ...
    @property
    def blocks(self) -> Mapping[tuple[str, int, int], Collection[tuple[str, int, int]]]: ...
    def same(self, before: Place, after: Place) -> bool: ...

    def explain(self, before: Sequence[Place], after: Sequence[Place]) -> Sequence[SemanticChange]:
        """Return the changes that may affect a request through these blocks, the likeliest first."""


Path = tuple["Block", ...]
#: Changes without their places, see `Attribution.signature`.
Signature = tuple[tuple[str, ...], ...]


class Attribution:
    """Find the changes that affect a request: in the blocks that it passed, else in what these refer to."""

    def __init__(self, diff: SemanticDiff | None) -> None:
        self._diff = diff
        self.changes: Sequence[SemanticChange] = () if diff is None else diff.changes
        self._numbers = {id(change): number for number, change in enumerate(self.changes)}
        self._old: dict[Place, set[int]] = defaultdict(set)
        self._new: dict[Place, set[int]] = defaultdict(set)
        #: Changes of blocks that others refer to.
        self._shared: set[int] = set()
        #: Changes that blocks inherit.
        self._outer: set[int] = set()
        #: Change of a server's `rewrite` directives -> their patterns.
        self._rewrites: dict[int, list[re.Pattern[str] | None]] = {}
        self._signatures: dict[tuple[int, ...], Signature] = {}
        self._known: dict[tuple[str, Path, Path], list[tuple[int, ...]]] = {}
        for number, change in enumerate(self.changes):
            if change.risk not in _INERT:
                for old, new in change.directives:
                    self._file(number, old, self._old)
                    self._file(number, new, self._new)

    def _file(self, number: int, directive: Directive | None, table: dict[Place, set[int]]) -> None:
        if directive is None:
            return
        # An added or removed block explains the answers of itself and of the blocks in it.
        for place in _blocks_in(directive) if directive.block is not None else ():
            table[place].add(number)
        parent = directive.parent
        while parent is not None and parent.name == "limit_except":
            parent = parent.parent
        if directive.name in _SHARED or (parent is not None and parent.name in _SHARED):
            self._shared.add(number)
        elif parent is None or parent.name == "http":
            if directive.name != "server":
                self._outer.add(number)
        elif directive.name != "location":
            table[parent.place].add(number)
            if directive.name == "rewrite" and parent.name == "server":
                self._rewrites.setdefault(number, []).append(compile_pattern(directive.args[0]))

    def explain(self, name: str, old: Path, new: Path, uri: str) -> tuple[int, ...]:
        """Return the numbers of the changes behind a change of an outcome.

        Args:
            name: the class of change.
            old: the blocks that the request passed before.
            new: those that it passes now.
            uri: its path; only rewrites that match it are causes.
        """
        if not self.changes:
            return ()
        key = (name, old, new)
        if key not in self._known:
            self._known[key] = list(self._tiers(name, old, new))
        for tier in self._known[key]:
            fitting = tuple(number for number in tier if self._is_about(number, uri))
            if fitting:
                return fitting
        return ()

    def signature(self, causes: tuple[int, ...]) -> Signature:
        """Return what several changes have in common: one edit in a hundred servers is one cause."""
        if causes not in self._signatures:
            self._signatures[causes] = tuple(sorted({self._signature_of(number) for number in causes}))
        return self._signatures[causes]

    def _signature_of(self, number: int) -> tuple[str, ...]:
        change = self.changes[number]
        block = _SERVER.sub("server", change.block)
        return (change.kind, change.risk, block, change.before_text or "", change.after_text or "")

    def _is_about(self, number: int, uri: str) -> bool:
        """Return False for a change of a server's `rewrite` that does not match a path."""
        patterns = self._rewrites.get(number)
        return patterns is None or any(pattern is None or pattern.search(uri) for pattern in patterns)

    def _tiers(self, name: str, old: Path, new: Path) -> Iterator[tuple[int, ...]]:
        """Yield groups of changes, the most likely first: near before far, the usual risk before others."""
        inner, outer = (
            {
                number
                for path, table in ((old, self._old), (new, self._new))
                for place in _places(path, servers=servers)
                for number in table.get(place, ())
            }
            for servers in (False, True)
        )
        inner |= outer & self._rewrites.keys()
        reach = (inner, outer, *self._far(old, new))
        preferred = _PREFERRED.get(name, _USUAL)
        for numbers in reach:
            yield tuple(sorted(number for number in numbers if self.changes[number].risk in preferred))
        yield from (tuple(sorted(numbers)) for numbers in reach)

    def _far(self, old: Path, new: Path) -> tuple[set[int], set[int]]:
        """Return the changes of what these blocks refer to, and of what they inherit from `http` and the main level."""
        if self._diff is None or not (self._shared or self._outer):
            return set(), set()
        found = self._diff.explain([block.place for block in old], [block.place for block in new])
        numbers = {self._numbers[id(change)] for change in found if id(change) in self._numbers}
        return numbers & self._shared, numbers & self._outer


def _places(path: Path, *, servers: bool) -> Iterator[Place]:
    for block in path:
        if (block.kind == "server") is servers:
            yield block.place
            yield from block.around


def _blocks_in(directive: Directive) -> Iterator[Place]:
    if directive.name in ("server", "location", "if"):
        yield directive.place
    for child in directive.children:
        if child.block is not None:
            yield from _blocks_in(child)
