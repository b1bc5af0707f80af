# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether an outcome is the one from before a change or the one from after it, looked at in one respect."""

from __future__ import annotations

import typing as t

from .ddmin import FAIL, PASS, UNRESOLVED

Outcome = t.Dict[str, t.Any]

#: In which respects outcomes are compared, the weightiest first; "header:NAME" stands where "headers" does.
ASPECTS = ("status", "chain", "location", "upstream", "headers", "upstream-headers", "body", "errors")
#: Fields that differ from one answer to the next, or only because a file was written again.
_VOLATILE = frozenset(["date", "expires", "etag", "last-modified", "connection", "content-length"])
_SECURITY = ("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options")


def differing(aspects: t.Iterable[str], before: Outcome, again: Outcome, after: Outcome) -> t.Optional[str]:
    """The first aspect in which `after` differs from `before`, None where there is none.

    Args:
        aspects: of `ASPECTS` or "header:NAME", in the order of their weight.
        before: the outcome without the change.
        again: the same, from a second request: what differs here already says nothing.
        after: the outcome with the change.
    """
    for aspect in aspects:
        names = _headers(before, after) if aspect == "headers" else [aspect]
        for name in names:
            if seen(name, before) == seen(name, again) != seen(name, after):
                return name
    return None


def judge(aspect: str, before: Outcome, after: Outcome, outcome: Outcome) -> str:
    """`pass` for what `before` shows in this aspect, `fail` for what `after` does, else `unresolved`."""
    what = seen(aspect, outcome)
    return PASS if what == seen(aspect, before) else FAIL if what == seen(aspect, after) else UNRESOLVED


def seen(aspect: str, outcome: Outcome) -> t.Any:
    """What an outcome shows in one aspect, as something that can be compared."""
    if aspect.startswith("header:"):
        return _values(outcome, aspect[len("header:") :])
    if aspect == "status":
        return [outcome["status"], outcome["closed"]]
    if aspect == "chain":
        return [outcome.get("chain"), [hop.get("status") for hop in outcome.get("hops") or ()]]
    if aspect == "upstream":
        return [_request(one) for one in outcome["upstreams"]]
    if aspect == "upstream-headers":
        return [[one.get("headers"), one.get("params")] for one in outcome["upstreams"]]
    if aspect == "body":
        return [outcome["body_length"], outcome["body_digest"]]
    return outcome[aspect]


def as_one(outcome: Outcome, peers: t.Mapping[str, str]) -> Outcome:
    """The outcome with the peers of one upstream told as one: which of them is asked is chance.

    Args:
        outcome: as the world gives it.
        peers: `host:port` or `unix:...` -> the name that stands for all that share an upstream with it.
    """
    seen_now: t.List[t.Dict[str, t.Any]] = []
    for upstream in outcome["upstreams"]:
        scheme, _sep, peer = upstream["target"].partition("://")
        one = {**upstream, "target": f"{scheme}://{peers[peer]}"} if peer in peers else upstream
        # The same request once more is nginx trying the next peer.
        if not seen_now or _request(seen_now[-1]) != _request(one):
            seen_now.append(one)
    return {**outcome, "upstreams": seen_now}


def _request(upstream: t.Mapping[str, t.Any]) -> t.List[t.Any]:
    return [upstream[name] for name in ("target", "method", "uri")]


def _headers(before: Outcome, after: Outcome) -> t.List[str]:
    names = {name.lower() for outcome in (before, after) for name, _value in outcome["headers"]} - _VOLATILE
    # Those that protect first, then those that are gone.
    order = sorted(names, key=lambda name: (name not in _SECURITY, bool(_values(after, name)), name))
    return ["header:" + name for name in order]


def _values(outcome: Outcome, name: str) -> t.List[str]:
    return [value for field, value in outcome["headers"] if field.lower() == name]
