# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The differences between two outcomes of one probe, without those that come with every run."""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from email.utils import parsedate_to_datetime

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import (
        ProbeOutcome,
        RedirectHop,
        UpstreamRequest,
    )
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Headers

#: Peer as `host:port` -> all peers of its upstream block; the choice among them is nondeterminism.
Peers = t.Mapping[str, frozenset[str]]

#: Headers that tell when a file was written: only their presence is compared.
PRESENCE: t.Final = frozenset({"etag", "last-modified"})
#: Headers that are not compared: the time, and the connection, which nginx ends after `keepalive_requests`.
_VOLATILE: t.Final = frozenset({"date", "age", "connection", "keep-alive"})
#: Headers that follow from the body, which is compared itself.
_BODY: t.Final = frozenset({"content-length", "transfer-encoding"})
#: Seconds that may pass between two answers with `expires`.
_TICK: t.Final = 2
_MAX_AGE: t.Final = re.compile(r"(?<=max-age=)(\d+)")
#: Times as nginx writes them: $time_iso8601, $time_local, $date_gmt and the headers of HTTP, $msec.
_CLOCK: t.Final = re.compile(
    r"""
    \b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:\d\d|Z)?
  | \b\d\d/[A-Z][a-z]{2}/20\d\d:\d\d:\d\d:\d\d\ [+-]\d{4}
  | \b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)[a-z]*,\ \d\d[ -][A-Z][a-z]{2}[ -]20\d\d\ \d\d:\d\d:\d\d\ [A-Z]{3}
  | \b(?:1[789]|2\d)\d{8}\.\d{3}\b
    """,
    re.VERBOSE,
)
_VOLATILE_PARAMS: t.Final = frozenset({"remote_port", "request_time", "request_time_float"})
#: Parameters that name the file which a FastCGI or uwsgi application runs.
FILE_PARAMS: t.Final = frozenset({"script_filename", "document_root", "path_translated"})
_REFUSED: t.Final = (401, 403)
_FILE: t.Final = re.compile(
    r"""
    ^(?: open\(\)\ | stat\(\)\ | realpath\(\)\ )? "(?P<file>/[^"]*)" \ (?: failed | is\ not\ found | is\ forbidden )
  | ^directory\ index\ of\ "(?P<folder>/[^"]*)"
    """,
    re.VERBOSE,
)


def differences(old: ProbeOutcome, new: ProbeOutcome, old_peers: Peers, new_peers: Peers) -> frozenset[str]:
    """Return the names of the differences; none for outcomes that are alike to the client and to every upstream.

    Returns:
        Some of `status`, `closed`, `location`, `body`, `files`, `chain`, `final`, `tls`, `upstream`, `header <name>`,
        `upstream header <name>`, `upstream param <name>`.
    """
    if old == new:
        return frozenset()
    found = {
        name for name in ("status", "closed", "location", "chain", "tls") if getattr(old, name) != getattr(new, name)
    }
    if old.headers != new.headers:
        found.update(f"header {name}" for name in _headers(old.headers, new.headers))
    if old.body_digest != new.body_digest or old.body_length != new.body_length:
        found.add("body")
    if old.errors != new.errors and _other_files(old, new):
        found.add("files")
    if final_status(old) != final_status(new):
        found.add("final")
    if old.upstreams != new.upstreams:
        found.update(_upstreams(old.upstreams, new.upstreams, old_peers, new_peers))
    return frozenset(found)


def missing_files(outcome: ProbeOutcome | RedirectHop) -> tuple[str, ...]:
    """Return the paths that nginx's error lines report as missing."""
    found = (_FILE.match(line) for line in outcome.errors)
    return tuple(match["file"] or match["folder"] for match in found if match)


def _other_files(old: ProbeOutcome, new: ProbeOutcome) -> bool:
    """Return True if nginx reported other files missing than before.

    One configuration may report none, because it does not log them (`log_not_found off`, `error_log ... crit`). That
    proves nothing, but for a request that is refused: a file is looked for where a rule refused it before.
    """
    before, after = missing_files(old), missing_files(new)
    if before and after:
        return before != after
    return new.status in _REFUSED and bool(after)


def final_status(outcome: ProbeOutcome) -> int | None:
    """Return the status at the end of the redirects, the outcome's own where none were followed."""
    return outcome.hops[-1].status if outcome.hops else outcome.status


def header_values(headers: Headers, name: str) -> list[str]:
    """Return the values of a header; `name` is in lower case."""
    return [value for key, value in headers if key.lower() == name]


def _headers(old: Headers, new: Headers) -> Iterator[str]:
    before, after = _by_name(old), _by_name(new)
    for name in before.keys() | after.keys():
        first, second = before.get(name, []), after.get(name, [])
        if first == second or name in _VOLATILE or name in _BODY or name == "location":
            continue
        if name in PRESENCE and first and second:
            continue
        if name != "expires" and list(map(clockless, first)) == list(map(clockless, second)):
            continue
        if name == "cache-control" and "expires" in before and "expires" in after and _same_max_age(first, second):
            continue
        if name == "expires" and first and second and _same_age(first[0], second[0], before, after):
            continue
        yield name


def _by_name(headers: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def clockless(value: str) -> str:
    """Replace the times in a value by `(time)`."""
    return _CLOCK.sub("(time)", value)


def _same_max_age(first: list[str], second: list[str]) -> bool:
    """Return True if `max-age` until some hour (`expires @15h`) was sent a moment later."""
    ages = [[int(age) for value in values for age in _MAX_AGE.findall(value)] for values in (first, second)]
    rest = [[_MAX_AGE.sub("", value) for value in values] for values in (first, second)]
    return rest[0] == rest[1] and all(abs(one - other) <= _TICK for one, other in zip(*ages, strict=True))


def _same_age(old: str, new: str, before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> bool:
    """Return True if two `Expires` lie equally far behind their `Date`."""
    ages = [age_of(old, before.get("date", [])), age_of(new, after.get("date", []))]
    return ages[0] is not None and ages[1] is not None and abs(ages[0] - ages[1]) <= _TICK


def age_of(expires: str, dates: list[str]) -> float | None:
    """Return the seconds from `Date` to `Expires`, None where either is no time."""
    try:
        return (parsedate_to_datetime(expires) - parsedate_to_datetime(dates[0])).total_seconds()
    except (ValueError, TypeError, IndexError):
        return None


class UpstreamCall(t.NamedTuple):
    """The part of a request to an upstream that tells where it went."""

    target: str
    peer: str
    method: str
    uri: str

    def same(self, other: UpstreamCall, old: Peers, new: Peers) -> bool:
        """Return True if both are one request to one upstream, whichever of its peers got it."""
        return self[2:] == other[2:] and self.same_upstream(other, old, new)

    def same_upstream(self, other: UpstreamCall, old: Peers, new: Peers) -> bool:
        """Return True if both went to one upstream, this one before and the other after."""
        if self.target == other.target:
            return True
        scheme, rest = self.target.partition("://")[0], other.target.partition("://")[0]
        # The choice of a peer is nondeterminism: other runs may ask the peers that both groups have.
        return scheme == rest and not _group(self.peer, old).isdisjoint(_group(other.peer, new))


def _group(peer: str, peers: Peers) -> frozenset[str]:
    return peers.get(peer, frozenset()) | {peer}


def call_of(upstream: UpstreamRequest) -> UpstreamCall:
    """Return where a request went."""
    target = upstream.target
    peer = target.partition("://")[2] or target
    peer = peer if peer.startswith("unix:") else peer.partition("/")[0]
    return UpstreamCall(target, peer, upstream.method, upstream.uri)


def calls(upstreams: Iterable[UpstreamRequest], peers: Peers) -> list[tuple[UpstreamCall, UpstreamRequest]]:
    """Return the requests in order, without nginx's retries with another peer of the same upstream."""
    kept: list[tuple[UpstreamCall, UpstreamRequest]] = []
    for upstream in upstreams:
        call = call_of(upstream)
        if not kept or not kept[-1][0].same(call, peers, peers):
            kept.append((call, upstream))
    return kept


def _upstreams(
    old: list[UpstreamRequest], new: list[UpstreamRequest], old_peers: Peers, new_peers: Peers
) -> Iterator[str]:
    before, after = calls(old, old_peers), calls(new, new_peers)
    if len(before) != len(after):
        yield "upstream"
        return
    for (call, first), (other, second) in zip(before, after, strict=True):
        if not call.same(other, old_peers, new_peers):
            yield "upstream"
            return
        if first.headers != second.headers:
            yield from (f"upstream header {name}" for name in _upstream_headers(first, second, call, other))
        yield from (f"upstream param {name}" for name in _params(first, second))


def _upstream_headers(
    old: UpstreamRequest, new: UpstreamRequest, call: UpstreamCall, other: UpstreamCall
) -> Iterator[str]:
    before, after = _by_name(old.headers), _by_name(new.headers)
    for name in before.keys() | after.keys():
        peer = name == "host" and before.get(name) == [call.peer] and after.get(name) == [other.peer]
        values = [Counter(map(clockless, each.get(name, []))) for each in (before, after)]
        if values[0] != values[1] and not peer:
            yield name


def _params(old: UpstreamRequest, new: UpstreamRequest) -> Iterator[str]:
    before, after = old.params, new.params
    if before == after:
        return
    for name in before.keys() | after.keys():
        values = [None if name not in each else clockless(each[name]) for each in (before, after)]
        if values[0] != values[1] and name.lower() not in _VOLATILE_PARAMS:
            yield name.lower()
