# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses for `if` and `rewrite`: values on which the old and the new condition decide differently."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, target_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import apply
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.plan import Unwitnessed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.probed_config import WitnessRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.uris import reaches
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.files import is_switch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.domains import PATH, domain_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.variables import with_values
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
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import SideName
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import Choice
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        Base,
        ChangedDirective,
        WitnessContext,
    )

_COMPARISON: t.Final = 3
_FILE_TESTS: t.Final = frozenset({"-f", "-d", "-e", "-x"})
_PLACES: t.Final = 4
_BASES: t.Final = 2
_MOST: t.Final = 48
_FEW: t.Final = 3


class Condition(t.NamedTuple):
    """A comparison of an `if`: the variable in lower case, the operator without its negation, and the operand."""

    variable: str
    operator: str
    operand: str

    @property
    def regex(self) -> Regex | None:
        """Return the pattern that it matches; None where it compares in another way."""
        return Regex(self.operand, self.operator == "~*") if self.operator in ("~", "~*") else None


def read_condition(directive: Directive | None) -> Condition | None:
    """Read the condition of an `if`; None where it tests for a file, or there is none."""
    args = [] if directive is None else condition_args(directive)
    if not args or not args[0].startswith("$"):
        return None
    operator, operand = (args[1].lstrip("!"), args[2]) if len(args) == _COMPARISON else ("", "")
    return Condition(args[0][1:].strip("{}").lower(), operator, operand)


def conditions(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield requests that meet and miss the condition of an `if`, those first that meet one of two only."""
    side, directive = change.nearest
    most = _MOST if context.turn(change.number) < _PLACES else _FEW
    bases = list(islice(_around(context, directive), _BASES))
    if not bases:
        yield Unwitnessed(change.number, "no request was found that reaches the block of this condition")
        return
    if _asks_switch(change):
        yield Unwitnessed(change.number, "whether the file of a switch is there only the host knows")
    flow = context.sides[side].flow
    sets = context.suggested(bases[0].server, side).sets
    choices: dict[Choice, None] = {}
    for variable, text in values(read_condition(change.before), read_condition(change.after)):
        choices.update(dict.fromkeys(flow.bind(variable, text, sets)))
    for _side, each in change.sides:
        choices.update(dict.fromkeys(flow.condition(each, sets)))
    if any(kind == "header" and name == "User-Agent" for choice in choices for kind, name, _value in choice):
        choices.update(((("header", "User-Agent", agent),), None) for agent in AGENTS)
    everywhere = {(("header", "User-Agent", agent),) for agent in AGENTS}
    for base in [*bases, context.second(bases[0])]:
        yield base.witness(change.number, base.draft._replace(block=directive))
        own = choices if base in bases else everywhere & choices.keys()
        for choice in islice(own, most):
            draft = apply(base.draft, choice)
            if draft is not None:
                yield base.witness(
                    change.number, draft._replace(why=f"if ({' '.join(directive.args)})", block=directive)
                )


def _asks_switch(change: ChangedDirective) -> bool:
    """Return True if the condition, before or after, asks for a file that is the same for every request."""
    for _side, directive in change.sides:
        words = condition_args(directive)
        if words and words[0].lstrip("!") in _FILE_TESTS and is_switch(words[-1]):
            return True
    return False


def values(old: Condition | None, new: Condition | None) -> list[tuple[str, str]]:
    """Return variables with values on which two conditions decide differently, then values of real clients."""
    found: dict[tuple[str, str], None] = {}
    given = [each for each in (old, new) if each is not None]
    if old is not None and new is not None and old.variable == new.variable and (old.regex or new.regex):
        told = contrast(old.regex, new.regex, domain_of(new.variable))
        found.update(((new.variable, text), None) for text in told.texts)
    for each in given:
        if each.regex is not None:
            texts: tuple[str, ...] = texts_of(each.regex, domain_of(each.variable))
        else:
            texts = (each.operand,) if each.operator == "=" and "$" not in each.operand and each.operand else ()
        found.update(((each.variable, text), None) for text in texts)
        if each.variable == VARIABLE:
            found.update(((each.variable, agent), None) for agent in AGENTS)
    return sorted(found, key=lambda pair: pair[1] not in AGENTS)


def _around(context: WitnessContext, directive: Directive) -> Iterator[Base]:
    """Yield requests that reach the block around an `if`."""
    outer = directive.parent
    if outer is not None:
        yield from context.bases(outer)


def rewrites(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield URIs that only the old or only the new pattern of a `rewrite` matches, then some that it matches."""
    side, directive = change.nearest
    server = context.server_of(directive)
    if server is None:
        return
    if directive.name != "rewrite":
        yield from _base(context, change)
        return
    most = _MOST if context.turn(change.number) < _PLACES else _FEW
    old, new = (
        Regex(each.args[0]) if each is not None and each.args else None for each in (change.before, change.after)
    )
    found = 0
    drafts = _conditioned(context, change, directive)
    for uri in islice(_uris(context, server, directive, old, new), most):
        target = target_of(uri)
        if target is None:
            continue
        for draft in drafts:
            sent = draft._replace(target=target, why=f"rewrite {directive.args[0]}", block=directive)
            # Another rewrite may take the first one.
            more = _with_inputs(context, side, change, sent) if found < _FEW else ()
            for each in (sent, *more):
                yield WitnessRequest(change.number, side, server, each)
        found += 1
    if not found:
        reason = contrast(old, new, PATH).reason if old or new else ""
        yield Unwitnessed(
            change.number, reason or "no request was found that reaches the block and matches the pattern"
        )


def _with_inputs(context: WitnessContext, side: SideName, change: ChangedDirective, draft: Draft) -> Iterator[Draft]:
    """Yield a request with arguments, which a `?` at the end drops, and with each variable that one replacement reads."""
    old, new = (None if each is None else each.args[1:] for each in (change.before, change.after))
    if old == new:
        return
    yield draft._replace(target=f"{draft.target}?x=1&y=%2F", why=f"with arguments, {draft.why}")
    for name in sorted(change.other_variables()):
        yield from islice(with_values(context, side, draft, name), _MOST)


def _base(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    for _side, directive in change.sides:
        base = next(context.bases(directive), None)
        if base is not None:
            yield base.witness(change.number)


def _conditioned(context: WitnessContext, change: ChangedDirective, directive: Directive) -> list[Draft]:
    """Return what the `if` around a rewrite asks for; a plain request elsewhere."""
    side = change.nearest[0]
    outer = directive.parent
    server = context.server_of(directive)
    drafts = context.suggested(server, side).drafts if server is not None else []
    made = [each for each in drafts if each.block is outer and (each.headers or each.method != "GET" or each.client)]
    plain = Draft("/", "", directive)
    return made[:_FEW] if outer is not None and outer.name == "if" and made else [plain]


def _uris(
    context: WitnessContext, server: Server, directive: Directive, old: Regex | None, new: Regex | None
) -> Iterator[str]:
    location = context.location_of(directive)
    scope = server.scope if location is None else location.scope
    yield from (uri for uri in _candidates(directive, old, new) if reaches(server, uri, scope))
    if location is None:
        return
    domain = PATH if location.is_regex else replace(PATH, prefix=location.name.encode())
    around = (Regex(location.name, location.modifier == "~*"),) if location.is_regex else ()
    for yes, no in ((old, new), (new, old)):
        for without in ((no,), ()) if yes is not None else ():
            uri = string_between((t.cast("Regex", yes), *around), tuple(each for each in without if each), domain)
            if isinstance(uri, str) and reaches(server, uri, scope):
                yield uri
                break


def _candidates(directive: Directive, old: Regex | None, new: Regex | None) -> Iterator[str]:
    if old is not None and new is not None and old != new:
        yield from contrast(old, new, PATH).texts
    for each in dict.fromkeys((new, old)):
        if each is not None:
            yield from _shared(directive, each) if old == new else ()
            yield from texts_of(each, PATH)


def _shared(directive: Directive, regex: Regex) -> Iterator[str]:
    """Yield URIs that another rewrite of the block matches too: their order decides."""
    siblings = directive.parent.children if directive.parent is not None else ()
    for sibling in islice((each for each in siblings if each.name == "rewrite" and each.args), _MOST):
        if sibling is not directive and sibling.args[0] != regex.source:
            both = string_between((regex, Regex(sibling.args[0])), (), PATH, steps=20_000)
            if isinstance(both, str):
                yield both
