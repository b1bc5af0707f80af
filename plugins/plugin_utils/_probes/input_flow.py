# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The flow from a client's input to a variable: which requests make a `map`, `geo`, `set` or `if` decide otherwise."""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of

from .addresses import member_of, neighbour_to, stranger_to
from .inputs import Choice, default_values, direct, join

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

#: Printable ASCII: characters of a header value.
PRINTABLE: t.Final = frozenset(map(chr, range(0x20, 0x7F)))
URI_VARIABLES: t.Final = frozenset({"uri", "document_uri", "request_uri"})
_HOST_VARIABLES: t.Final = frozenset({"host", "http_host"})
_MAP_WORDS: t.Final = frozenset({"default", "hostnames", "volatile", "include"})
_GEO_WORDS: t.Final = frozenset({"default", "delete", "proxy", "proxy_recursive", "ranges", "include"})
#: Entries of one map or geo that are probed in each block that uses it, beside those that changed.
_FEW: t.Final = 8
#: The same for maps over URIs and hosts: lists of redirects and of tenants.
_MANY: t.Final = 40
_CHANGED: t.Final = 2000
#: Choices of one table over all blocks that use it; beyond, each block gets `_MANY`.
_SPENT: t.Final = 20_000
_DEPTH: t.Final = 6
_COMPARISON: t.Final = 3

Entries = dict[str, str]
Sets = dict[str, list[str]]


class Table:
    """A `map` or `geo`: its source variable and, for each entry, texts of the source that select it."""

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.is_geo = directive.name == "geo"
        self.source = directive.args[0] if len(directive.args) > 1 else "$remote_addr"
        words = _GEO_WORDS if self.is_geo else _MAP_WORDS
        self.entries: Entries = {
            child.name: child.args[0] if child.args else "" for child in directive.children if child.name not in words
        }
        self.default = next((child.args[0] for child in directive.find("default") if child.args), "")
        self.hostnames = any(child.name == "hostnames" for child in directive.children)
        self._texts: dict[str, tuple[str, ...]] = {}

    def texts(self, key: str) -> tuple[str, ...]:
        """Return texts of the source that select an entry."""
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = tuple(self._sample(key))
        return found

    def _sample(self, key: str) -> Iterator[str]:
        if self.is_geo:
            inside = member_of(key)
            if inside is not None:
                yield inside
        elif key.startswith("~"):
            caseless = key.startswith("~*")
            path = variables_of(self.source) <= URI_VARIABLES
            pattern = key[2 if caseless else 1 :]
            for sample in sample_pattern(pattern, caseless=caseless, path=path, variants=2, alphabet=PRINTABLE):
                yield sample.text
        elif self.hostnames and (host := host_of(key)) is not None:
            yield host
        else:
            yield key.removeprefix("\\")

    def strangers(self) -> Iterator[str]:
        """Return texts of the source that no entry of a geo has."""
        for v6 in (False, True) if self.is_geo else ():
            outside = stranger_to(self.entries, v6=v6)
            if outside is not None:
                yield outside
        near = neighbour_to(self.entries) if self.is_geo else None
        if near is not None:
            yield near


class InputFlow:
    """The variables that one configuration computes from requests.

    Args:
        config: the loaded configuration.
        other: the configuration that it is compared with: entries that differ come first.
    """

    def __init__(self, config: Config, other: InputFlow | None = None) -> None:
        self.tables: dict[str, Table] = {}
        for block in config.http():
            for directive in block.find("map", "geo"):
                if directive.block is not None and directive.args:
                    self.tables[directive.args[-1].lstrip("$").lower()] = Table(directive)
        self._other = other
        self._order: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, tuple[Choice, ...]] = {}
        self._spent: dict[str, int] = {}

    def compare(self, other: InputFlow) -> None:
        """Probe entries that differ from those of another configuration first."""
        self._other = other

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the entries of a table to probe: those that changed, then the first ones."""
        order = self._order.get(name)
        if order is None:
            table = self.tables[name]
            other = self._other.tables.get(name) if self._other is not None else None
            theirs = other.entries if other is not None else table.entries if self._other is None else {}
            changed = [key for key, value in table.entries.items() if theirs.get(key) != value]
            several = variables_of(table.source) & (URI_VARIABLES | _HOST_VARIABLES)
            first = islice(table.entries, _MANY if several else _FEW)
            order = self._order[name] = tuple(dict.fromkeys([*changed[:_CHANGED], *first]))
        return order

    def choices(self, name: str, sets: Sets, depth: int = 0) -> Iterator[Choice]:
        """Return what clients have to send for each value that a variable may have."""
        if depth > _DEPTH:
            return
        table = self.tables.get(name)
        if name in sets:
            for template in sets[name]:
                for inner in sorted(variables_of(template) - {name}):
                    yield from self.choices(inner, sets, depth + 1)
        elif table is not None:
            known = self._known.get(name)
            if known is None:
                known = tuple(self._of_table(name, table, sets, depth))
                if not sets:
                    self._known[name] = known
            yield from known[: self._share(name, len(known))]
        else:
            for value in default_values(name):
                choice = direct(name, value)
                if choice:
                    yield choice

    def _share(self, name: str, count: int) -> int:
        """Return how many choices a block gets: all, until a large table has been used in very many blocks."""
        spent = self._spent[name] = self._spent.get(name, 0) + count
        return count if spent <= _SPENT else _MANY

    def _of_table(self, name: str, table: Table, sets: Sets, depth: int) -> Iterator[Choice]:
        for key in self.keys(name):
            for text in table.texts(key):
                yield from self.solve(table.source, text, sets, depth + 1)
        for text in table.strangers():
            yield from self.solve(table.source, text, sets, depth + 1)
        yield from self._of_values(table, sets, depth)

    def _of_values(self, table: Table, sets: Sets, depth: int) -> Iterator[Choice]:
        """Return choices for the variables that the values of a map read."""
        for value in (table.default, *islice(table.entries.values(), _FEW)):
            if "$" in value:
                for inner in sorted(variables_of(value)):
                    if inner in self.tables:
                        yield from self.choices(inner, sets, depth + 1)

    def bind(self, name: str, value: str, sets: Sets, depth: int = 0) -> Iterator[Choice]:
        """Return what a client has to send for a variable to have a value; nothing where no client can decide it."""
        if depth > _DEPTH:
            return
        table = self.tables.get(name)
        if name in sets:
            for template in sets[name]:
                yield from self.solve(template, value, sets, depth + 1)
        elif table is not None:
            for key, text in table.entries.items():
                if text == value:
                    for source in table.texts(key):
                        yield from self.solve(table.source, source, sets, depth + 1)
        else:
            choice = direct(name, value)
            if choice is not None:
                yield choice

    def solve(self, template: str, text: str, sets: Sets, depth: int = 0) -> Iterator[Choice]:
        """Return what a client has to send for a string with variables to read as `text`."""
        parts = parse_template(template)
        if len(parts) == 1 and parts[0].variable:
            yield from self.bind(parts[0].variable, text, sets, depth)
            return
        match = _reader(template).fullmatch(text)
        names = [part.variable for part in parts if part.variable]
        if match is None or not names:
            return
        found: Choice | None = ()
        for name, value in zip(names, match.groups(), strict=True):
            choice = next(self.bind(name, value, sets, depth + 1), None)
            found = None if found is None or choice is None else join(found, choice)
        if found:
            yield found

    def condition(self, directive: Directive, sets: Sets) -> Iterator[Choice]:
        """Return what clients have to send for an `if` to hold."""
        args = condition_args(directive)
        if not args or not args[0].startswith("$"):
            return
        name = args[0][1:].strip("{}").lower()
        if len(args) == _COMPARISON:
            operator, operand = args[1].lstrip("!"), args[2]
            for text in _operands(operator, operand, path=name in URI_VARIABLES):
                yield from self.bind(name, text, sets)
        if name == "request_method":
            yield (("method", "", "POST"),)
            yield (("method", "", "DELETE"),)
        elif len(args) == 1 or name in sets or name in self.tables or len(default_values(name)) > 1:
            yield from self.choices(name, sets)


def _operands(operator: str, operand: str, *, path: bool) -> Iterable[str]:
    if operator == "=":
        return () if "$" in operand or not operand else (operand,)
    caseless = operator == "~*"
    samples = sample_pattern(operand, caseless=caseless, path=path, variants=2, alphabet=PRINTABLE)
    return [sample.text for sample in samples]


@lru_cache(maxsize=4096)
def _reader(template: str) -> re.Pattern[str]:
    """Return a pattern that reads a filled-in string back into its variables, each as short as it can be."""
    parts = parse_template(template)
    source = "".join("(.*?)" if part.variable else re.escape(part.literal) for part in parts)
    return re.compile(source, re.DOTALL)
