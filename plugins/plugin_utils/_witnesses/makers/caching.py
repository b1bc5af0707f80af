# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests asked one after the other, which show what a cache keeps, by which key, and when it is not asked.

An answer of a stub is kept out of every cache unless it says otherwise. Here it says so, and each has another body: the body
tells which request an answer was made for. The requests of one witness have a path of their own, so that no other request
meets what they leave behind.
"""

from __future__ import annotations

import typing as t
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import apply, direct
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.uris import reaches
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import variables_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.upstream_answers import fields_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import Spot, spots

from .server_names import hosts_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, Header
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import Choice
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        Base,
        ChangedDirective,
        WitnessContext,
    )

#: Seconds that an answer may be kept: more than a world needs from one request to the next.
_FRESH: t.Final = (("X-Accel-Expires", "60"), ("Cache-Control", "max-age=60"))
#: No time at all: `*_cache_valid` decides. nginx passes over what is no number (ngx_http_upstream_process_accel_expires()).
_UNDECIDED: t.Final = (("X-Accel-Expires", "none"),)
_KINDS: t.Final = ("proxy", "fastcgi", "uwsgi", "scgi")
#: Requests for a cache with `*_cache_min_uses`.
_MOST_USES: t.Final = 5
_MOST_INPUTS: t.Final = 6
_MOST_HOSTS: t.Final = 3
_FOREIGN: t.Final = "foreign.invalid"
#: Blocks in which one directive is tried, those of both configurations together.
_MOST_SPOTS: t.Final = 4
_FIRST_INPUT: t.Final = 2
_STATUSES: t.Final = ("200", "301", "302")
_ANY_STATUSES: t.Final = ("200", "301", "404")
_METHODS: t.Final = ("GET", "HEAD", "POST")
#: Header fields of upstreams that give an answer a time of its own.
_AGES: t.Final = frozenset({"cache-control", "expires", "x-accel-expires"})
#: Those that decide how fast an answer comes, which no single response shows.
_PACE: t.Final = frozenset({"x-accel-buffering", "x-accel-limit-rate"})


def keys(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield requests on one path for each input that the key of either configuration reads: another host, cookie, argument.

    The first fills the cache, the second finds it filled, the third differs in one input.
    """
    for spot in islice(spots(context, change), _MOST_SPOTS):
        for step, (base, draft) in enumerate(_of_key(spot)):
            path = _own_path(spot, f"cache-{change.number}")
            yield base.witness(change.number, _answered(spot, draft, path, f"{step}"))


def _of_key(spot: Spot) -> Iterator[tuple[Base, Draft]]:
    base, draft = spot.base, spot.draft
    yield base, draft
    yield base, draft
    for choice in _inputs(spot, *(f"{kind}_cache_key" for kind in _KINDS)):
        other = apply(draft, choice)
        if other is not None:
            yield base, other
    yield base, draft._replace(method="HEAD")
    yield base, draft._replace(target=f"{draft.target}?x=2")
    for host in _hosts(spot):
        yield base, draft._replace(host=host)
    other_server = next(_others(spot), None)
    if other_server is not None:
        yield other_server, draft


def _hosts(spot: Spot) -> Iterator[str]:
    """Yield other hosts that the server answers: of its names, of a wildcard's many, and any host where it is the default."""
    server = spot.base.server
    yield from islice(hosts_of(server.names, ()), 1, _MOST_HOSTS)
    listeners = spot.context.sides[spot.base.side].router.listeners.values()
    if any(listener.default is server for listener in listeners):
        yield _FOREIGN


def _others(spot: Spot) -> Iterator[Base]:
    """Yield another server of the same configuration whose requests of this path go through the same cache."""
    side = spot.context.sides[spot.base.side]
    names = tuple(f"{kind}_cache" for kind in _KINDS)
    zone = [each.args for each in side.settings.effective(spot.scope, *names)]
    path = spot.draft.target.partition("?")[0]
    for server in side.router.servers:
        location = server.scope.locations.find(path).location
        if server is spot.base.server or location is None or location.scope.handler is None:
            continue
        if [each.args for each in side.settings.effective(location.scope, *names)] == zone:
            yield spot.base._replace(server=server, location=location)


def bypasses(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield requests with and without each input of `*_cache_bypass` and `*_no_cache`, before and after the cache is filled."""
    for spot in islice(spots(context, change), _MOST_SPOTS):
        for index, choice in enumerate(_inputs(spot, *{directive.name for directive in spot.changed()})):
            marked = apply(spot.draft, choice)
            if marked is None:
                continue
            for order, drafts in enumerate(((spot.draft, marked), (marked, spot.draft))):
                path = _own_path(spot, f"cache-{change.number}-{index}-{order}")
                for step, draft in enumerate(drafts):
                    yield spot.base.witness(change.number, _answered(spot, draft, path, f"{step}"))


def uses(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield one request several times for each method and status: is it kept, and after how many requests?

    For `*_cache`, `*_cache_methods`, `*_cache_valid`, `*_cache_min_uses` and `proxy_cache_convert_head`.
    """
    kind = change.name.partition("_")[0]
    for spot in islice(spots(context, change), _MOST_SPOTS):
        counts = [int(word) for word in spot.words(f"{kind}_cache_min_uses") if word.isdigit()]
        times = min(max([1, *counts]) + 1, _MOST_USES)
        for method in _METHODS:
            for status in _statuses(spot, kind) if method == "GET" else (200,):
                path = _own_path(spot, f"cache-{change.number}-{method.lower()}-{status}")
                draft = spot.draft._replace(method=method)
                headers = _UNDECIDED if _by_status(change) else _FRESH
                for step in range(times):
                    made = _answered(spot, draft, path, f"{step}", status=status, headers=headers)
                    yield spot.base.witness(change.number, made)


def ignored_headers(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield requests whose upstream sends the header fields that are ignored; each twice, because they decide on caching."""
    for spot in islice(spots(context, change), _MOST_SPOTS):
        for index, fields in enumerate(fields_of(spot)):
            if fields[0][0].lower() in _PACE:
                continue
            path = _own_path(spot, f"cache-{change.number}-{index}")
            ages = () if fields[0][0].lower() in _AGES else _FRESH[1:]
            for step in range(2):
                headers = (*fields, *ages, *(() if fields[0][0].lower() == "x-accel-expires" else _UNDECIDED))
                yield spot.base.witness(change.number, _answered(spot, spot.draft, path, f"{step}", headers=headers))


def _by_status(change: ChangedDirective) -> bool:
    """Tell whether the time that an answer is kept is nginx's decision alone: upstreams may say nothing about it."""
    return change.name.endswith("_cache_valid")


def _statuses(spot: Spot, kind: str) -> list[int]:
    """Return the statuses that `*_cache_valid` names."""
    words: list[str] = []
    for args in spot.values(f"{kind}_cache_valid"):
        words += args[:-1] or _STATUSES
    words = list(_ANY_STATUSES) if "any" in words or not words else words
    return [int(word) for word in dict.fromkeys(words) if word.isdigit()][:_MOST_INPUTS]


def _inputs(spot: Spot, *names: str) -> list[Choice]:
    """Return what a client can do about the variables of directives, that of one value for each."""
    side = spot.context.sides[spot.base.side]
    sets = spot.context.suggested(spot.base.server, spot.base.side).sets
    found: dict[Choice, None] = {}
    for word in (word for name in names for word in spot.words(name)):
        for name in sorted(variables_of(word)):
            plain = direct(name, "1")
            choices = [plain] if plain else []
            if name in side.flow.tables or name in sets:
                choices += islice(side.flow.choices(name, sets), _FIRST_INPUT)
            found.update((choice, None) for choice in choices if choice and _varies(choice))
    return list(found)[:_MOST_INPUTS]


def _varies(choice: Choice) -> bool:
    """Tell whether a choice leaves the path as it is: that is the witness's own."""
    return all(kind not in ("uri", "target", "host", "method", "version") for kind, _name, _value in choice)


def _own_path(spot: Spot, tag: str) -> str:
    """Return a target that no other request has and that reaches the same block."""
    path = spot.draft.target.partition("?")[0]
    for own in (f"{path.rstrip('/')}/{tag}", f"{path}-{tag}"):
        if reaches(spot.base.server, own, spot.scope):
            return own
    return f"{path}?{tag}"


def _answered(
    spot: Spot, draft: Draft, path: str, body: str, *, status: int = 200, headers: tuple[Header, ...] = _FRESH
) -> Draft:
    """Return a draft on a path of its own, whose upstream sends a body of its own that may be kept."""
    arguments = draft.target.partition("?")[2]
    mark = "&" if "?" in path else "?"
    why = f"asked one after the other, answer {body}"
    made = spot.answering(status, headers, body=f"answer {body}\n", why=why)
    answers = made.answers if made is not None else ()
    target = f"{path}{mark}{arguments}" if arguments else path
    return draft._replace(target=target, answers=answers, why=f"{why}, {draft.why}")
