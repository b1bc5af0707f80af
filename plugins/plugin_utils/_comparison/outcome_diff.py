# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What differs between two outcomes of one probe, once everything that differs by itself is put aside."""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from email.utils import parsedate_to_datetime

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Outcome = t.Mapping[str, t.Any]
Headers = t.Sequence[t.Sequence[str]]

#: Peers by `host:port` -> all peers that share an upstream block with it: which one is asked is chance.
Peers = t.Mapping[str, frozenset[str]]

#: Headers that tell when a file was written: whether they are there counts.
PRESENCE: t.Final = frozenset({"etag", "last-modified"})
#: Never compared: the time, and how long the connection lasts (nginx ends it after `keepalive_requests`).
_VOLATILE: t.Final = frozenset({"date", "age", "connection", "keep-alive"})
#: Follow from the body, which is compared itself.
_BODY: t.Final = frozenset({"content-length", "transfer-encoding"})
#: Seconds between two answers that `expires` may show.
_TICK: t.Final = 2
_MAX_AGE: t.Final = re.compile(r"(?<=max-age=)(\d+)")
#: As nginx writes the time: $time_iso8601, $time_local, $date_gmt and the headers of HTTP, $msec.
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
#: Parameters that name the file that a FastCGI or uwsgi application runs.
FILE_PARAMS: t.Final = frozenset({"script_filename", "document_root", "path_translated"})
_FILE: t.Final = re.compile(
    r"""
    ^(?: open\(\)\ | stat\(\)\ | realpath\(\)\ )? "(?P<file>/[^"]*)" \ (?: failed | is\ not\ found | is\ forbidden )
  | ^directory\ index\ of\ "(?P<folder>/[^"]*)"
    """,
    re.VERBOSE,
)


def differences(old: Outcome, new: Outcome, old_peers: Peers, new_peers: Peers) -> frozenset[str]:
    """The names of what differs; empty for outcomes that are the same to a client and to every upstream.

    `status`, `closed`, `location`, `body`, `files`, `chain`, `final`, `upstream`, `header <name>`, `upstream header <name>`,
    `upstream param <name>`.
    """
    if old == new:
        return frozenset()
    found = {name for name in ("status", "closed", "location") if old.get(name) != new.get(name)}
    if old["headers"] != new["headers"]:
        found.update(f"header {name}" for name in _headers(old["headers"], new["headers"]))
    if old["body_digest"] != new["body_digest"] or old["body_length"] != new["body_length"]:
        found.add("body")
    if old["errors"] != new["errors"] and files(old) != files(new):
        found.add("files")
    if old.get("chain") != new.get("chain"):
        found.add("chain")
    if final_status(old) != final_status(new):
        found.add("final")
    if old["upstreams"] != new["upstreams"]:
        found.update(_upstreams(old["upstreams"], new["upstreams"], old_peers, new_peers))
    return frozenset(found)


def files(outcome: Outcome) -> tuple[str, ...]:
    """The paths that nginx's error lines say it looked for in vain."""
    found = (_FILE.match(line) for line in outcome["errors"])
    return tuple(match["file"] or match["folder"] for match in found if match)


def final_status(outcome: Outcome) -> int | None:
    """The status at the end of the redirects, the outcome's own where none were followed."""
    hops = outcome.get("hops")
    status: int | None = (hops[-1] if hops else outcome).get("status")
    return status


def header_values(headers: Headers, name: str) -> list[str]:
    """The values of one header, its name in lower case."""
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
    """A value without the times of these days in it: only that there is one."""
    return _CLOCK.sub("(time)", value)


def _same_max_age(first: list[str], second: list[str]) -> bool:
    """Whether a lifetime until some hour (`expires @15h`) was told a moment later."""
    ages = [[int(age) for value in values for age in _MAX_AGE.findall(value)] for values in (first, second)]
    rest = [[_MAX_AGE.sub("", value) for value in values] for values in (first, second)]
    return rest[0] == rest[1] and all(abs(one - other) <= _TICK for one, other in zip(*ages, strict=True))


def _same_age(old: str, new: str, before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> bool:
    """Whether two `Expires` lie equally far behind their `Date`."""
    ages = [age_of(old, before.get("date", [])), age_of(new, after.get("date", []))]
    return ages[0] is not None and ages[1] is not None and abs(ages[0] - ages[1]) <= _TICK


def age_of(expires: str, dates: list[str]) -> float | None:
    """Seconds from `Date` to `Expires`, None where either is no time."""
    try:
        return (parsedate_to_datetime(expires) - parsedate_to_datetime(dates[0])).total_seconds()
    except (ValueError, TypeError, IndexError):
        return None


class Call(t.NamedTuple):
    """One request to an upstream as it is compared."""

    target: str
    peer: str
    method: str
    uri: str

    def same(self, other: Call, old: Peers, new: Peers) -> bool:
        """Whether this is one request to one upstream, whichever of its peers was asked."""
        return self[2:] == other[2:] and self.same_upstream(other, old, new)

    def same_upstream(self, other: Call, old: Peers, new: Peers) -> bool:
        """Whether both went to one upstream, this one before and the other after."""
        if self.target == other.target:
            return True
        scheme, rest = self.target.partition("://")[0], other.target.partition("://")[0]
        # Which peer was asked is chance: of a group that lost one and got another, the rest was asked in other runs.
        return scheme == rest and not _group(self.peer, old).isdisjoint(_group(other.peer, new))


def _group(peer: str, peers: Peers) -> frozenset[str]:
    return peers.get(peer, frozenset()) | {peer}


def call_of(upstream: Mapping[str, t.Any]) -> Call:
    target = str(upstream["target"])
    peer = target.partition("://")[2] or target
    peer = peer if peer.startswith("unix:") else peer.partition("/")[0]
    return Call(target, peer, str(upstream.get("method")), str(upstream.get("uri")))


def calls(upstreams: Iterable[Mapping[str, t.Any]], peers: Peers) -> list[tuple[Call, Mapping[str, t.Any]]]:
    """The requests in order; a second one to another peer of the same upstream is nginx trying again."""
    kept: list[tuple[Call, Mapping[str, t.Any]]] = []
    for upstream in upstreams:
        call = call_of(upstream)
        if not kept or not kept[-1][0].same(call, peers, peers):
            kept.append((call, upstream))
    return kept


def _upstreams(
    old: list[Mapping[str, t.Any]], new: list[Mapping[str, t.Any]], old_peers: Peers, new_peers: Peers
) -> Iterator[str]:
    before, after = calls(old, old_peers), calls(new, new_peers)
    if len(before) != len(after):
        yield "upstream"
        return
    for (call, first), (other, second) in zip(before, after, strict=True):
        if not call.same(other, old_peers, new_peers):
            yield "upstream"
            return
        if first.get("headers") != second.get("headers"):
            yield from (f"upstream header {name}" for name in _upstream_headers(first, second, call, other))
        yield from (f"upstream param {name}" for name in _params(first, second))


def _upstream_headers(old: Mapping[str, t.Any], new: Mapping[str, t.Any], call: Call, other: Call) -> Iterator[str]:
    before, after = (_by_name(each.get("headers") or []) for each in (old, new))
    for name in before.keys() | after.keys():
        peer = name == "host" and before.get(name) == [call.peer] and after.get(name) == [other.peer]
        values = [Counter(map(clockless, each.get(name, []))) for each in (before, after)]
        if values[0] != values[1] and not peer:
            yield name


def _params(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> Iterator[str]:
    before, after = old.get("params") or {}, new.get("params") or {}
    if before == after:
        return
    for name in before.keys() | after.keys():
        values = [None if name not in each else clockless(each[name]) for each in (before, after)]
        if values[0] != values[1] and name.lower() not in _VOLATILE_PARAMS:
            yield name.lower()
