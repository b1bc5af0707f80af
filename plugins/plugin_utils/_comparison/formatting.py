# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests and outcomes as lines for people, without secrets."""

from __future__ import annotations

import shlex
import typing as t

from . import redaction as redact
from .attribution import host_of
from .classify import SECURITY_HEADERS
from .outcome_diff import PRESENCE, age_of, call_of, clockless, files, header_values
from .redirects import url_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .attribution import Probe
    from .outcome_diff import Outcome

#: The clients that a probe has when nobody asks for another one.
_USUAL_CLIENTS: t.Final = ("198.51.100.1", "2001:db8::1")
_BAD: t.Final = 400
_MOST_HOPS: t.Final = 8
_MOST_HEADERS: t.Final = 6
_SILENCE: t.Final = {
    "refused": "no answer: the connection is refused, nothing listens",
    "reset": "no answer: the connection is reset",
    "closed": "no answer: nginx closes the connection",
    "timeout": "no answer in time",
}


def request_line(probe: Probe) -> str:
    """A probe as one would type it for curl: `GET http://www.example.com/a -H 'X-Forwarded-Proto: https'`."""
    probe = {**probe, "headers": probe.get("headers") or []}
    words = [str(probe["method"]), shlex.quote(redact.text(url_of({**probe, "headers": []})))]
    words += [f"-H {shlex.quote(f'{name}: {redact.header(name, value)}')}" for name, value in probe["headers"]]
    if probe.get("host") is None:
        words.append("-H Host:")
    sni = probe.get("sni")
    if probe["listen"].get("ssl") and str(sni or "").lower() != host_of(probe):
        words.append(f"(SNI {redact.text(sni)})" if sni else "(no SNI)")
    if str(probe["listen"]["address"]).startswith("unix:"):
        words.append(f"--unix-socket {shlex.quote(str(probe['listen']['address'])[len('unix:') :])}")
    if probe.get("version") in ("1.0", "2"):
        words.append(f"--http{probe['version']}")
    if probe.get("body"):
        words.append(f"(body of {len(probe['body'])} bytes)")
    return " ".join([*words, *_circumstances(probe)])


def _circumstances(probe: Probe) -> Iterator[str]:
    made = [redact.text(str(path)) for path in probe.get("made_files") or ()]
    if made:
        yield f"with {made[0]} there" if len(made) == 1 else f"with {made[0]} and {len(made) - 1} more files there"
    client, address = probe.get("client"), str(probe["listen"]["address"])
    # Nobody reaches a loopback address from elsewhere.
    usual = client == address if address.startswith("127.") or address == "::1" else client in _USUAL_CLIENTS
    if client and not usual:
        yield f"from {client}"
    for answer in probe.get("answers") or ():
        name = "any upstream" if answer.get("upstream") in (None, "*") else redact.text(str(answer["upstream"]))
        if answer.get("down"):
            yield f"while {name} is down"
            continue
        names = sorted({str(header).title() for header, _value in answer.get("headers") or ()})
        yield f"while {name} answers {answer.get('status', 200)}" + (f" with {', '.join(names)}" if names else "")


def outcome_lines(outcome: Outcome, found: Iterable[str] = ()) -> list[str]:
    """What came of a request: one line, and below it what matters of the difference `found`."""
    lines = [outcome_line(outcome)]
    lines += list(_header_lines(outcome, found))
    hops = outcome.get("hops") or []
    lines += [_hop(hop) for hop in hops[1 : _MOST_HOPS + 1]]
    if len(hops) > _MOST_HOPS + 1:
        lines.append(f"... {len(hops) - _MOST_HOPS - 1} more redirects")
    chain = {"loop": "the redirects lead in a circle", "too-long": "the redirects do not end"}.get(
        outcome.get("chain") or ""
    )
    return lines + ([chain] if chain else [])


def outcome_line(outcome: Outcome) -> str:
    """The outcome in one line: status, then where it redirects, which upstream it asked, or what nginx says."""
    closed = outcome.get("closed")
    status = outcome.get("status")
    if status is None:
        said = [redact.text(line) for line in outcome["errors"][:1]]
        return ": ".join([_SILENCE.get(str(closed), f"no answer: {redact.text(str(closed))}"), *said])
    parts = [str(status)]
    if outcome.get("location"):
        parts.append(f"-> {redact.text(outcome['location'])}")
    elif outcome["upstreams"]:
        parts += [_via(each) for each in outcome["upstreams"][-2:]]
    elif status < _BAD and outcome.get("body_length"):
        parts.append(f"{outcome['body_length']} bytes, sha256 {outcome['body_digest']}")
    if outcome["errors"] and (status >= _BAD or files(outcome)):
        parts.append(redact.text(outcome["errors"][0]))
    return " ".join(parts)


def _via(upstream: t.Mapping[str, t.Any]) -> str:
    call = call_of(upstream)
    params = {name.lower(): value for name, value in (upstream.get("params") or {}).items()}
    script = f" script {redact.text(params['script_filename'])}" if params.get("script_filename") else ""
    return " ".join(filter(None, ["via", redact.text(call.target), call.method, redact.text(call.uri)])) + script


def _hop(hop: t.Mapping[str, t.Any]) -> str:
    filled = {"errors": [], "upstreams": [], **hop}
    return f"then {redact.text(str(hop['url']))} {outcome_line(filled)}"


def _header_lines(outcome: Outcome, found: Iterable[str]) -> Iterator[str]:
    wanted = sorted(name for name in found if name.startswith(("header ", "upstream header ", "upstream param ")))
    # The ones that protect browsers are never among those left out.
    wanted.sort(key=lambda name: name.removeprefix("header ") not in SECURITY_HEADERS)
    for each in wanted[:_MOST_HEADERS]:
        side, _space, name = each.rpartition(" ")
        if side == "header":
            values = header_values(outcome["headers"], name)
            yield from (f"{_title(name)}: {_value(outcome, name, value)}" for value in values)
            if not values:
                yield f"no {_title(name)}"
        elif outcome["upstreams"]:
            yield from _upstream_lines(outcome["upstreams"][-1], side, name)
    if len(wanted) > _MOST_HEADERS:
        yield f"... {len(wanted) - _MOST_HEADERS} more headers"


def _value(outcome: Outcome, name: str, value: str) -> str:
    """A header's value without the clock: two runs of one comparison show the same."""
    if name in PRESENCE:
        return "(any)"
    age = age_of(value, header_values(outcome["headers"], "date")) if name == "expires" else None
    return redact.header(name, clockless(value)) if age is None else f"{age:.0f} s after Date"


def _upstream_lines(upstream: t.Mapping[str, t.Any], side: str, name: str) -> Iterator[str]:
    if side == "upstream header":
        values = header_values(upstream.get("headers") or [], name)
        title = _title(name)
    else:
        params = upstream.get("params") or {}
        values = [str(value) for key, value in params.items() if key.lower() == name]
        title = name.upper()
    yield from (f"upstream gets {title}: {redact.header(name, clockless(value))}" for value in values)
    if not values:
        yield f"upstream gets no {title}"


def _title(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))
