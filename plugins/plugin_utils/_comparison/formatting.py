# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests and outcomes as lines for people, without secrets."""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from . import redaction as redact
from .classification import SECURITY_HEADERS
from .long_lines import shortened
from .outcome_diff import PRESENCE, age_of, call_of, clockless, header_values, missing_files
from .probe_requests import host_of, listener_name, url_of
from .socket_changes import socket_line
from .tls_changes import tls_line

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import RedirectHop, UpstreamRequest
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

#: The default clients of probes.
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
    """Write a probe like a command of curl: `GET http://www.example.com/a -H 'X-Forwarded-Proto: https'`.

    One that is no request of HTTP is named by its protocol and listener: `TLS with www.example.com at *:443`.
    """
    if probe.protocol != "http":
        name = f" with {redact.text(probe.sni)}" if probe.sni else ""
        return f"{probe.protocol.upper()}{name} at {listener_name(probe.listen)}"
    words = [probe.method, shlex.quote(redact.text(url_of(replace(probe, headers=[]))))]
    words += [f"-H {shlex.quote(f'{name}: {redact.header(name, value)}')}" for name, value in probe.headers]
    if probe.host is None:
        words.append("-H Host:")
    if probe.listen.ssl and (probe.sni or "").lower() != host_of(probe):
        words.append(f"(SNI {redact.text(probe.sni)})" if probe.sni else "(no SNI)")
    if probe.listen.address.startswith("unix:"):
        words.append(f"--unix-socket {shlex.quote(probe.listen.address.removeprefix('unix:'))}")
    if probe.version in ("1.0", "2"):
        words.append(f"--http{probe.version}")
    if probe.body:
        words.append(f"(body of {counted(len(probe.body), 'byte')})")
    return " ".join([*words, *_circumstances(probe)])


def _circumstances(probe: Probe) -> Iterator[str]:
    made = [redact.text(path) for path in probe.made_files or ()]
    if made:
        more = f" and {counted(len(made) - 1, 'more file')}" if len(made) > 1 else ""
        yield f"with {made[0]}{more} there"
    client, address = probe.client, probe.listen.address
    # A loopback address is reached from the host only.
    usual = client == address if address.startswith("127.") or address == "::1" else client in _USUAL_CLIENTS
    if client and not usual:
        yield f"from {client}"
    for answer in probe.answers:
        name = "any upstream" if answer.upstream == "*" else redact.text(answer.upstream)
        if answer.down:
            yield f"while {name} is down"
            continue
        names = sorted({header.title() for header, _value in answer.headers})
        yield f"while {name} answers {answer.status}" + (f" with {', '.join(names)}" if names else "")


def outcome_pair(old: ProbeOutcome, new: ProbeOutcome, found: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Write two outcomes as lines: each first in one line, then the headers among the differences `found`, then its redirects.

    Of a long line the part is shown that differs from its counterpart.
    """
    found = list(found)
    before, after = ([redact.without_filler(line) for line in outcome_lines(each, found)] for each in (old, new))
    return shortened(before, after, redact.LONGEST)


def outcome_lines(outcome: ProbeOutcome, found: Iterable[str] = ()) -> list[str]:
    """Write an outcome as lines, however long they are."""
    lines = [_outcome_line(outcome)]
    lines += list(_header_lines(outcome, found))
    hops = outcome.hops
    lines += [f"then {redact.whole(hop.url)} {_outcome_line(hop)}" for hop in hops[1 : _MOST_HOPS + 1]]
    if len(hops) > _MOST_HOPS + 1:
        lines.append(f"... {counted(len(hops) - _MOST_HOPS - 1, 'more redirect')}")
    chain = {"loop": "the redirects lead in a circle", "too-long": "the redirects do not end"}.get(outcome.chain or "")
    return lines + ([chain] if chain else [])


def outcome_line(outcome: ProbeOutcome | RedirectHop) -> str:
    """Write an outcome in one line: status, then where it redirects, which upstream got it, or nginx's error."""
    line = _outcome_line(outcome)
    return line if len(line) <= redact.LONGEST else f"{line[: redact.LONGEST]}..."


def _outcome_line(outcome: ProbeOutcome | RedirectHop) -> str:
    if isinstance(outcome, ProbeOutcome) and outcome.tls is not None:
        return tls_line(outcome.tls)
    if outcome.status is None and outcome.closed is None and isinstance(outcome, ProbeOutcome):
        return redact.text(socket_line(outcome))
    if outcome.status is None:
        closed = str(outcome.closed)
        said = [redact.whole(line) for line in outcome.errors[:1]]
        return ": ".join([_SILENCE.get(closed, f"no answer: {redact.whole(closed)}"), *said])
    parts = [str(outcome.status)]
    if outcome.location:
        parts.append(f"-> {redact.whole(outcome.location)}")
    elif outcome.upstreams:
        parts += [_via(each) for each in outcome.upstreams[-2:]]
    elif isinstance(outcome, ProbeOutcome) and outcome.status < _BAD and outcome.body_length:
        parts.append(f"{counted(outcome.body_length, 'byte')}, sha256 {outcome.body_digest}")
    if outcome.errors and (outcome.status >= _BAD or missing_files(outcome)):
        parts.append(redact.whole(outcome.errors[0]))
    return " ".join(parts)


def _via(upstream: UpstreamRequest) -> str:
    call = call_of(upstream)
    params = {name.lower(): value for name, value in upstream.params.items()}
    script = f" script {redact.whole(params['script_filename'])}" if params.get("script_filename") else ""
    return " ".join(filter(None, ["via", redact.whole(call.target), call.method, redact.whole(call.uri)])) + script


def _header_lines(outcome: ProbeOutcome, found: Iterable[str]) -> Iterator[str]:
    wanted = sorted(name for name in found if name.startswith(("header ", "upstream header ", "upstream param ")))
    # Security headers come first, so that they are never left out.
    wanted.sort(key=lambda name: name.removeprefix("header ") not in SECURITY_HEADERS)
    for each in wanted[:_MOST_HEADERS]:
        side, _space, name = each.rpartition(" ")
        if side == "header":
            values = header_values(outcome.headers, name)
            yield from (f"{_title(name)}: {_value(outcome, name, value)}" for value in values)
            if not values:
                yield f"no {_title(name)}"
        elif outcome.upstreams:
            yield from _upstream_lines(outcome.upstreams[-1], side, name)
    if len(wanted) > _MOST_HEADERS:
        yield f"... {counted(len(wanted) - _MOST_HEADERS, 'more header')}"


def _value(outcome: ProbeOutcome, name: str, value: str) -> str:
    """Return a header's value without times, so that two runs of one comparison show the same."""
    if name in PRESENCE:
        return "(any)"
    age = age_of(value, header_values(outcome.headers, "date")) if name == "expires" else None
    return redact.whole_header(name, clockless(value)) if age is None else f"{age:.0f} s after Date"


def _upstream_lines(upstream: UpstreamRequest, side: str, name: str) -> Iterator[str]:
    if side == "upstream header":
        values = header_values(upstream.headers, name)
        title = _title(name)
    else:
        values = [value for key, value in upstream.params.items() if key.lower() == name]
        title = name.upper()
    yield from (f"upstream gets {title}: {redact.whole_header(name, clockless(value))}" for value in values)
    if not values:
        yield f"upstream gets no {title}"


def _title(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))
