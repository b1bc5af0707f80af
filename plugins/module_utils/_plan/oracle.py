# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing outcomes in one aspect: with some of the changes, with none of them, and with all."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._wire.outcomes import ProbeOutcome, UpstreamRequest
from .ddmin import FAIL, PASS, UNRESOLVED

#: The aspects of outcomes that are compared, the weightiest first; "header:NAME" is one of "headers".
ASPECTS = ("status", "chain", "location", "upstream", "headers", "upstream-headers", "body", "errors", "tls")
#: Fields that differ from one answer to the next, or only because a file was written again.
_VOLATILE = frozenset(["date", "expires", "etag", "last-modified", "connection", "content-length"])
_SECURITY = ("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options")


def differing(
    aspects: t.Iterable[str], before: ProbeOutcome, again: ProbeOutcome, after: ProbeOutcome
) -> t.Optional[str]:
    """Return the first aspect in which `after` differs from `before`, None where there is none.

    Args:
        aspects: of `ASPECTS` or "header:NAME", in the order of their weight.
        before: the outcome without the change.
        again: the outcome of a second request without it: an aspect that differs here already is nondeterministic.
        after: the outcome with the change.
    """
    for aspect in aspects:
        names = _headers(before, after) if aspect == "headers" else [aspect]
        for name in names:
            if aspect_of(name, before) == aspect_of(name, again) != aspect_of(name, after):
                return name
    return None


def verdict(aspect: str, before: ProbeOutcome, after: ProbeOutcome, outcome: ProbeOutcome) -> str:
    """Return `pass` where an outcome equals `before` in this aspect, `fail` where it equals `after`, else `unresolved`."""
    found = aspect_of(aspect, outcome)
    return PASS if found == aspect_of(aspect, before) else FAIL if found == aspect_of(aspect, after) else UNRESOLVED


def aspect_of(aspect: str, outcome: ProbeOutcome) -> object:
    """Return one aspect of an outcome, as something that can be compared."""
    if aspect.startswith("header:"):
        return _values(outcome, aspect[len("header:") :])
    return _ASPECT[aspect](outcome)


_ASPECT: t.Dict[str, t.Callable[[ProbeOutcome], object]] = {
    "status": lambda outcome: [outcome.status, outcome.closed],
    "chain": lambda outcome: [outcome.chain, [hop.status for hop in outcome.hops]],
    "location": lambda outcome: outcome.location,
    "upstream": lambda outcome: [_request(one) for one in outcome.upstreams],
    "headers": lambda outcome: outcome.headers,
    "upstream-headers": lambda outcome: [[one.headers, one.params] for one in outcome.upstreams],
    "body": lambda outcome: [outcome.body_length, outcome.body_digest],
    "errors": lambda outcome: outcome.errors,
    "tls": lambda outcome: outcome.tls,
}


def join_peers(outcome: ProbeOutcome, peers: t.Mapping[str, str]) -> ProbeOutcome:
    """Return the outcome with all peers of an upstream under one name: which of them gets a request varies.

    Args:
        outcome: of the world.
        peers: `host:port` or `unix:...` -> the name that stands for all that share an upstream with it.
    """
    joined: t.List[UpstreamRequest] = []
    for upstream in outcome.upstreams:
        scheme, _sep, peer = upstream.target.partition("://")
        one = replace(upstream, target=f"{scheme}://{peers[peer]}") if peer in peers else upstream
        # nginx sent the same request to the next peer.
        if not joined or _request(joined[-1]) != _request(one):
            joined.append(one)
    return replace(outcome, upstreams=joined)


def _request(upstream: UpstreamRequest) -> t.Tuple[str, str, str]:
    return upstream.target, upstream.method, upstream.uri


def _headers(before: ProbeOutcome, after: ProbeOutcome) -> t.List[str]:
    names = {name.lower() for outcome in (before, after) for name, _value in outcome.headers} - _VOLATILE
    # Security headers come first, then those that are gone.
    order = sorted(names, key=lambda name: (name not in _SECURITY, bool(_values(after, name)), name))
    return ["header:" + name for name in order]


def _values(outcome: ProbeOutcome, name: str) -> t.List[str]:
    return [value for field, value in outcome.headers if field.lower() == name]
