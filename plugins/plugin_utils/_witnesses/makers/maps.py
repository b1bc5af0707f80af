# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses for `map`: values of its source on which the old and the new table differ."""

from __future__ import annotations

import typing as t
from functools import partial
from itertools import islice
from urllib.parse import unquote

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import apply
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.plan import Unwitnessed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.server_probes import all_locations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.uris import reaches
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import Proven, Unknown
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import MapTable
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import Base
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.directive_table import TABLE, Invisible
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.domains import Domain, domain_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.variables import with_values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.networks import geo_contrast
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.pattern_pairs import (
    Regex,
    contrast,
    string_between,
    texts_of,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.user_agents import AGENTS, VARIABLE

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import SideName, WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

#: The `map` before and after.
_Blocks = tuple["Directive | None", "Directive | None"]
_TABLES: t.Final = ("map", "geo")
_WORDS: t.Final = frozenset({"hostnames", "volatile", "include", "default"})
#: Blocks that read a variable and are asked with each value; values for one change; values without a difference.
_READERS: t.Final = 4
_MOST: t.Final = 64
_FEW: t.Final = 6
_RIVALS: t.Final = 20
#: Directives whose variables no client sees.
_UNSEEN: t.Final = frozenset({"map", "geo", "split_clients"})
_UNREAD: t.Final = "no request was found that reaches a block whose answer reads the variable"
_UNCHOSEN: t.Final = "no client decides the value that the table looks up"


def tables(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield requests whose value a changed `map` or `geo`, or a changed entry of one, turns into something else."""
    side, directive = change.nearest
    block = _table_of(directive)
    if block is None or not block.args:
        return
    name = block.args[-1].lstrip("$").lower()
    before, after = _named(context, "before", name), _named(context, "after", name)
    readers = context.once(("readers", side, name), lambda: list(islice(readers_of(context, side, name), _READERS)))
    if not readers:
        yield Unwitnessed(change.number, _UNREAD)
        return
    is_geo = block.name == "geo"
    texts, undecided = (_addresses(before, after), "") if is_geo else _texts(context, (before, after), change)
    if undecided:
        yield Unwitnessed(change.number, f"no value was found on which the tables differ: {undecided}")
    found = False
    for draft, base in _asked(context, block, readers, texts):
        found = True
        yield base.witness(change.number, draft)
        for variable in sorted(change.other_variables()):
            for each in islice(with_values(context, base.side, draft, variable), _FEW):
                yield base.witness(change.number, each)
    if not found:
        yield Unwitnessed(change.number, _UNCHOSEN)


def _asked(
    context: WitnessContext, block: Directive, readers: list[Base], texts: list[str]
) -> Iterator[tuple[Draft, Base]]:
    """Yield a request for each value and reader; browsers ask for two pages of each."""
    agents = [text for text in texts if text in AGENTS]
    source = block.args[0] if len(block.args) > 1 else "$remote_addr"
    for first in readers:
        flow, sets = context.sides[first.side].flow, context.suggested(first.server, first.side).sets
        for base, own in ((first, texts), (context.second(first), agents)):
            for text in own:
                if not text:
                    yield base.draft, base
                for choice in islice(flow.solve(source, text, sets), 1):
                    draft = apply(base.draft, choice)
                    if draft is not None and _arrives(base, draft):
                        yield draft._replace(why=f"{source} of {block.name} {block.args[-1]}"), base


def _arrives(base: Base, draft: Draft) -> bool:
    """Tell whether a request with another target still reaches the location that reads the variable."""
    if base.location is None or draft.target == base.draft.target:
        return True
    return reaches(base.server, unquote(draft.target.partition("?")[0]), base.location.scope)


def shares(_context: WitnessContext, change: ChangedDirective) -> Iterator[Unwitnessed]:
    """Say that a share of `split_clients` is not exercised."""
    yield Unwitnessed(change.number, "a hash of the client decides, and no request is made for a share")


def _table_of(directive: Directive) -> Directive | None:
    """Return the `map` or `geo` that a directive is, or is an entry of."""
    return next((each for each in (directive, directive.parent) if each is not None and each.name in _TABLES), None)


def _named(context: WitnessContext, side: SideName, name: str) -> Directive | None:
    probed = context.sides.get(side)
    table = None if probed is None else probed.flow.tables.get(name)
    return None if table is None else table.directive


def _addresses(before: Directive | None, after: Directive | None) -> list[str]:
    old, new = (
        {} if each is None else {child.name: child.args[0] for child in each.children if child.args}
        for each in (before, after)
    )
    return list(geo_contrast(old, new).addresses)


def _texts(context: WitnessContext, blocks: _Blocks, change: ChangedDirective) -> tuple[list[str], str]:
    """Return values of the source that the two tables give different values for, else values of the changed entry.

    Returns:
        The values, and where none of them differs why that is no proof; "" where it is one.
    """
    old, new = (None if each is None else context.once(("table", id(each)), partial(MapTable, each)) for each in blocks)
    sources = [each.source for each in (new, old) if each is not None]
    domain = _domain(sources[0] if sources else "")
    strangers = context.once(("strangers", *map(id, blocks)), lambda: list(_strangers(blocks, domain)))
    candidates = dict.fromkeys((*_candidates(blocks, change, domain), *strangers))
    if VARIABLE in variables_of(sources[0] if sources else ""):
        candidates = dict.fromkeys((*AGENTS, *candidates))
    differing = [text for text in candidates if _found(old, text) != _found(new, text)]
    undecided = "" if differing else _undecided(blocks, change, domain)
    if VARIABLE in variables_of(sources[0] if sources else ""):
        # Browsers first: of a rule that matches every client the first witness says so.
        differing = [
            *(each for each in AGENTS if each in differing),
            *(each for each in differing if each not in AGENTS),
        ]
        return list(dict.fromkeys((*differing[:_MOST], *AGENTS))), undecided
    return differing[:_MOST] or list(candidates)[:_FEW], undecided


def _undecided(blocks: _Blocks, change: ChangedDirective, domain: Domain) -> str:
    """Return why it is not known whether the changed entries decide anything; "" where the search has an end."""
    keys = dict.fromkeys((*_keys(change.after, blocks[1]), *_keys(change.before, blocks[0])))
    searched = (each for key in keys for each in _searched(key, blocks, domain))
    return next((each.reason for each in searched if isinstance(each, Unknown)), "")


def _found(table: MapTable | None, text: str) -> object:
    if table is None:
        return ""
    value, match = table.find(text)
    return value if match is None or value is None else (value, match.groups())


def _domain(source: str) -> Domain:
    parts = parse_template(source)
    return domain_of(parts[0].variable) if len(parts) == 1 and parts[0].variable else Domain()


def _candidates(blocks: _Blocks, change: ChangedDirective, domain: Domain) -> Iterator[str]:
    old, new = _keys(change.before, blocks[0]), _keys(change.after, blocks[1])
    if len(old) == len(new) == 1 and old != new and _regex(old[0]) and _regex(new[0]):
        yield from contrast(_regex(old[0]), _regex(new[0]), domain).texts
    for key in dict.fromkeys((*new, *old)):
        yield from _beyond(key, blocks, domain)
        yield from _of_key(key, domain)
        yield from _of_rivals(key, blocks, domain)


def _keys(directive: Directive | None, block: Directive | None) -> list[str]:
    """Return the changed entry's key; those of the whole table where it is what changed."""
    if directive is None:
        return []
    if directive.name in _TABLES and directive.block is not None:
        return [child.name for child in (block or directive).children][:_MOST]
    return [directive.name]


def _regex(key: str) -> Regex | None:
    if not key.startswith("~"):
        return None
    caseless = key.startswith("~*")
    return Regex(key[2 if caseless else 1 :], caseless)


def _of_key(key: str, domain: Domain) -> Iterator[str]:
    regex = _regex(key)
    if regex is not None:
        yield from texts_of(regex, domain)
    elif key not in _WORDS:
        yield key.removeprefix("\\")
        host = host_of(key)
        if host is not None and host != key:
            yield host
            yield f"www.{host}"


def _beyond(key: str, blocks: _Blocks, domain: Domain) -> Iterator[str]:
    """Yield a value that a changed regex matches, but none before it, and none of those that only the other table has."""
    yield from (each for each in _searched(key, blocks, domain) if isinstance(each, str))


def _searched(key: str, blocks: _Blocks, domain: Domain) -> Iterator[str | Proven | Unknown]:
    regex = _regex(key)
    tables_of_both = [() if block is None else tuple(child.name for child in block.children) for block in blocks]
    for own, other in (tables_of_both, tables_of_both[::-1]):
        if regex is None or key not in own:
            continue
        names = (*own[: own.index(key)], *(name for name in other if name not in own))
        others = tuple(each for name in names if (each := _regex(name)) is not None)
        if len(others) > _RIVALS:
            yield Unknown("too many patterns may match before", 0)
        else:
            yield string_between((regex,), others, domain, steps=20_000)


def _of_rivals(key: str, blocks: _Blocks, domain: Domain) -> Iterator[str]:
    """Yield values that this regex and another one match: the first of both decides."""
    regex = _regex(key)
    if regex is None:
        return
    keys = (child.name for block in blocks if block is not None for child in block.children)
    rivals = dict.fromkeys(each for each in keys if each.startswith("~") and each != key)
    for rival in islice(rivals, _RIVALS):
        other = _regex(rival)
        if other is not None:
            both = string_between((regex, other), (), domain, steps=20_000)
            if isinstance(both, str):
                yield both


def _strangers(blocks: _Blocks, domain: Domain) -> Iterator[str]:
    """Yield values that no entry has: what `default` is for."""
    yield ""
    keys = {child.name for block in blocks if block is not None for child in block.children}
    regexes = tuple(regex for key in sorted(keys) if (regex := _regex(key)) is not None)
    for length in ("x", "probe", "no-entry-has-this"):
        start = domain.prefix.decode()
        if f"{start}{length}" not in keys and not any(regex.matches(start + length) for regex in regexes):
            yield start + length
            return
    found = string_between((), regexes, domain)
    if isinstance(found, str) and found:
        yield found


def readers_of(context: WitnessContext, side: SideName, name: str) -> Iterator[Base]:
    """Yield a request for each block whose answer reads a variable, also through other variables."""
    names = _closure(context, side, name)
    for server in context.sides[side].router.servers:
        yield from _readers_in(context, side, server, names)


def _closure(context: WitnessContext, side: SideName, name: str) -> frozenset[str]:
    """Return a variable and those that are computed from it by tables."""
    names = {name}
    tables_of_side = context.sides[side].flow.tables
    for _unused in range(len(tables_of_side)):
        more = {
            target
            for target, table in tables_of_side.items()
            if target not in names
            and (variables_of(table.source) | {each for v in table.entries.values() for each in variables_of(v)})
            & names
        }
        if not more:
            break
        names |= more
    return frozenset(names)


def _readers_in(context: WitnessContext, side: SideName, server: Server, names: frozenset[str]) -> Iterator[Base]:
    suggested = context.suggested(server, side)
    sets = {target for target, texts in suggested.sets.items() if any(variables_of(text) & names for text in texts)}
    wanted = names | sets
    outer = server.scope.parent
    top = [each for each in server.scope.directive.children if each.name != "location"]
    above = [each for each in (outer.directive.children if outer is not None else ()) if each.block is None]
    if any(_reads(each, wanted) for each in (*top, *above)):
        yield Base(side, server, None, suggested.drafts[0])
    for location in all_locations(server.scope):
        draft = suggested.bases.get(id(location))
        own = [each for each in location.scope.directive.children if each.name != "location"]
        if draft is not None and any(_reads(each, wanted) for each in own):
            yield Base(side, server, location, draft)


def _reads(directive: Directive, names: frozenset[str]) -> bool:
    return any(variables_of(arg) & names for each in walk([directive]) if not _is_unseen(each) for arg in each.args)


def _is_unseen(directive: Directive) -> bool:
    """Return True for what no single response shows, such as a limit's key, and for tables, which their own readers show."""
    return directive.name in _UNSEEN or isinstance(TABLE.get(directive.name), Invisible)
