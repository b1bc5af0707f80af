# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses for networks: clients at each edge that moved, directly and behind a trusted proxy."""

from __future__ import annotations

import typing as t
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.addresses import is_v6, member_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.plan import Unwitnessed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.counterparts import (
    location_at,
    server_there,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.location_choice import path_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.networks import access_contrast, spans_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        Base,
        ChangedDirective,
        WitnessContext,
    )

#: Blocks that are asked with every address; those beyond get `_FEW`.
_BASES: t.Final = 3
_FEW: t.Final = 2
#: Places of one change that are asked in full; a snippet may stand in many servers.
_PLACES: t.Final = 4
_MORE_BASES: t.Final = 12
_FORWARDED: t.Final = "203.0.113.77"


def access(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield clients that the old and the new rules treat differently, else clients at the edges of what changed."""
    found = False
    many = context.turn(change.number) < _PLACES
    for number, base in enumerate(islice(_ruled(context, change), _MORE_BASES if many else 1)):
        contrast = access_contrast(*_rules(context, base))
        addresses = contrast.addresses if many and number < _BASES else contrast.addresses[:_FEW]
        for address in addresses:
            found = True
            # What is no folder is a file that is made up: where it is handed out, the rule let the client in.
            for each in dict.fromkeys((base, context.second(base)) if address == addresses[0] else (base,)):
                for draft in _sent(context, each, address):
                    yield base.witness(change.number, draft)
    if not found:
        yield Unwitnessed(change.number, "no request was found that reaches a block where the rule holds")


def _ruled(context: WitnessContext, change: ChangedDirective) -> Iterator[Base]:
    """Yield requests for blocks whose rules are those of the changed directive's block."""
    for _side, directive in change.sides:
        some = False
        for base in context.bases(directive):
            if directive in _effective(_scope(base)) or directive.name == "satisfy" or directive.parent is None:
                some = True
                yield base
        if some:
            return
        yield from islice(context.bases(directive), 1)


def _scope(base: Base) -> Scope:
    return base.server.scope if base.location is None else base.location.scope


def _effective(scope: Scope) -> list[t.Any]:
    return scope.effective("allow")


def _rules(context: WitnessContext, base: Base) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the rules of a block, and those of the same block of the other configuration."""
    scopes: list[Scope | None] = [_scope(base)]
    there = server_there(context, base.side, base.server)
    location = None if there is None or base.location is None else location_at(there, path_of(base.location))
    scopes.append(None if there is None else there.scope if location is None else location.scope)
    own, other = ([] if scope is None else [_rule(each) for each in _effective(scope) if each.args] for scope in scopes)
    return own, other


def _rule(directive: t.Any) -> tuple[str, str]:
    return directive.name, directive.args[0]


def _sent(context: WitnessContext, base: Base, address: str) -> Iterator[Draft]:
    """Yield the request of a client, and the same behind a proxy that nginx trusts."""
    words = f"client {address}, {base.draft.why}"
    yield base.draft._replace(client=address, why=words)
    yield from _behind_proxy(context, base, address, words)


def _behind_proxy(context: WitnessContext, base: Base, address: str, words: str) -> Iterator[Draft]:
    settings = context.sides[base.side].settings
    trusted = settings.effective(_scope(base), "set_real_ip_from")
    found = settings.effective(_scope(base), "real_ip_header")
    header = found[-1].args[0] if found and found[-1].args else "X-Real-IP"
    proxies = [proxy for each in trusted if each.args and (proxy := member_of(each.args[0])) is not None]
    if proxies and header != "proxy_protocol":
        proxy = next((each for each in proxies if is_v6(each) == is_v6(address)), proxies[0])
        headers = (*base.draft.headers, (header, address))
        yield base.draft._replace(client=proxy, headers=headers, why=f"{words}, behind {proxy}")


def real_ip(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield requests from the proxies that only one configuration trusts, with a client's address in the header."""
    found = False
    proxies = _proxies(context, change)[: None if context.turn(change.number) < _PLACES else _FEW]
    for _side, directive in change.sides:
        for base in islice(context.bases(directive), _BASES):
            for proxy in proxies:
                for header in _headers(context, base, change):
                    found = True
                    # Behind two proxies: real_ip_recursive decides whether the first address counts.
                    for value in (_FORWARDED, f"{_FORWARDED}, {proxy}"):
                        headers = (*base.draft.headers, (header, value))
                        why = f"{header}: {value} from {proxy}, {base.draft.why}"
                        yield base.witness(change.number, base.draft._replace(client=proxy, headers=headers, why=why))
    if not found:
        yield Unwitnessed(change.number, "no proxy is trusted whose address a request can have")


def _proxies(context: WitnessContext, change: ChangedDirective) -> list[str]:
    entries = [each.args[0] for _side, each in change.sides if each.name == "set_real_ip_from" and each.args]
    if len(entries) == len(("old", "new")):
        after, before = entries
        return list(
            access_contrast([("allow", before), ("deny", "all")], [("allow", after), ("deny", "all")]).addresses
        )
    for side, directive in change.sides if not entries else ():
        base = next(context.bases(directive), None)
        if base is not None:
            trusted = context.sides[side].settings.effective(_scope(base), "set_real_ip_from")
            entries += [each.args[0] for each in trusted[:_BASES] if each.args]
    members = (member_of(entry) for entry in entries if spans_of(entry))
    return list(dict.fromkeys(each for each in members if each is not None))


def _headers(context: WitnessContext, base: Base, change: ChangedDirective) -> list[str]:
    names = [each.args[0] for _side, each in change.sides if each.name == "real_ip_header" and each.args]
    if not names:
        found = context.sides[base.side].settings.effective(_scope(base), "real_ip_header")
        names = [found[-1].args[0] if found and found[-1].args else "X-Real-IP"]
    return [name for name in dict.fromkeys(names) if name != "proxy_protocol"]
