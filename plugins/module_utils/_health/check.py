# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One check of a server: its request, and the judgement of the answer."""

from __future__ import annotations

import base64
import re
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urljoin

from .._common.certificate import fault_of, read_certificate
from .._common.json_fields import omit_none, unknown_fields
from . import client
from .client import Deadline, Failure, HealthAnswer
from .definition import Check, HealthError, Url, mask, parse_check, parse_url
from .probe import MOST_HOPS, Home

__all__ = ["Check", "CheckResult", "HealthError", "parse_check", "run_check"]

_SECRET_FIELDS = re.compile(r"(?i)cookie|auth|token|secret|key|session")
_REDIRECTS = (301, 302, 303, 307, 308)
_DAY = 86400
_USER_AGENT = "failsafe.nginx"
#: Of default probes: owners of a site find them in its access log.
_GATE_USER_AGENT = "failsafe.nginx (health gate)"


@dataclass
class CheckResult:
    """The result of one check. Bodies, cookies and credentials are never part of it.

    Attributes:
        failure: the kind of a `client.Failure`, or `limited` for a refusal by a limit that stayed as it was.
        status, location: of the last answer.
        latency_ms: from connecting to the end of the response's header.
        origin: as in the check's definition, with `file` and `line`.
        end: the URL that the last answer is of, where a probe was redirected.
        certificate: of a probe: what is wrong with the certificate for its name now, "" for a good one.
        probe: a default probe, not a check of the user; None outside of a gate.
    """

    name: str
    ok: bool = False
    reason: str = ""
    failure: t.Optional[str] = None
    status: t.Optional[int] = None
    location: t.Optional[str] = None
    latency_ms: t.Optional[float] = None
    address: str = ""
    url: t.Optional[str] = None
    origin: t.Optional[object] = omit_none()
    file: t.Optional[object] = omit_none()
    line: t.Optional[object] = omit_none()
    end: t.Optional[str] = omit_none()
    certificate: t.Optional[str] = omit_none()
    probe: t.Optional[bool] = omit_none()
    more: t.Dict[str, object] = unknown_fields()


#: Tells where a URL that a probe was redirected to is asked; None ends the probe there.
Follow = t.Callable[[Url], t.Optional[Home]]


def run_check(
    check: Check | t.Mapping[str, t.Any], *, limit: float | None = None, follow: Follow | None = None
) -> CheckResult:
    """Run a check once; an unhealthy server is a result.

    Args:
        check: A check, or its definition.
        limit: Seconds that the check may take even if its own timeout is longer.
        follow: Of a default probe, see `Follow`. Its certificate is looked at too.

    Raises:
        HealthError: when the definition is wrong.
    """
    check = check if isinstance(check, Check) else parse_check(check)
    result = CheckResult(check.name, address=str(check.address), **check.origin)
    deadline = Deadline(check.timeout if limit is None else max(0.0, min(check.timeout, limit)))
    try:
        if check.kind == "url":
            said = _ask_url(check, deadline, result, follow)
        else:
            said = (_ask_tcp if check.kind == "tcp" else _ask_certificate)(check, deadline, result)
        latency = result.latency_ms or 0.0
        _judge_latency(check, latency / 1000)
        result.ok, result.reason = True, f"{check.label}: {said} in {latency:.0f} ms"
    except Failure as exc:
        result.failure, result.reason = exc.kind, f"{check.label}: {exc}"
    return result


def _ask_tcp(check: Check, deadline: Deadline, result: CheckResult) -> str:
    with client.connected(check.address, deadline):
        result.latency_ms = round(deadline.elapsed * 1000, 1)
    return "connected"


def _ask_certificate(check: Check, deadline: Deadline, result: CheckResult) -> str:
    with client.connected(check.address, deadline) as sock:
        with client.tls(sock, deadline, sni=check.sni, verify=False) as stream:
            der = stream.getpeercert(binary_form=True) or b""
        result.latency_ms = round(deadline.elapsed * 1000, 1)
    try:
        certificate = read_certificate(der)
    except ValueError as exc:
        raise Failure("wrong", f"expected a certificate, got {len(der)} bytes that are none") from exc
    days = (certificate.not_after - time.time()) / _DAY
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(certificate.not_after))
    if certificate.not_before > time.time():
        raise Failure("wrong", "expected a certificate that is valid now, got one that is not valid yet")
    if days <= 0:
        raise Failure("wrong", f"expected a certificate that is valid now, got one that expired on {until}")
    if days < check.min_days:
        raise Failure(
            "wrong", f"expected a certificate good for {check.min_days:g} days, got {days:.1f} (until {until})"
        )
    if check.sni and not certificate.matches(check.sni):
        names = ", ".join(certificate.names[:8]) or "no name at all"
        raise Failure("wrong", f"expected a certificate for {check.sni}, got one for {names}")
    if check.verify:
        # OpenSSL stops at the first fault, so the chain is verified only after the plainer questions.
        with client.connected(check.address, deadline) as sock:
            client.tls(sock, deadline, sni=check.sni, verify=True, ca=check.ca).close()
    return f"certificate good for {days:.0f} days"


def _ask_url(check: Check, deadline: Deadline, result: CheckResult, follow: Follow | None) -> str:
    url, method, seen = t.cast("Url", check.target), check.method, []
    most = MOST_HOPS if follow else check.follow_redirects
    home: Home | None = None
    result.url = url.text
    while True:
        exchange = _Exchange(check, url, method, home, probe=follow is not None)
        answer = exchange.run(deadline, result)
        location = ", ".join(answer.fields("Location"))
        result.status, result.location = answer.status, mask(location) or None
        result.latency_ms = round(answer.latency * 1000, 1)
        if not most or not location or answer.status not in _REDIRECTS:
            break
        if follow:
            target = _absolute(url, location)
            home = target and follow(target)
            if home is None:
                break
        seen.append((method, url.text))
        method = method if method == "HEAD" or answer.status in (307, 308) else "GET"  # RFC 9110 15.4
        url = _next(url, location)
        result.end = url.text if follow else None
        chain = " -> ".join([text for _method, text in seen] + [url.text])
        if (method, url.text) in seen:
            raise Failure("wrong", f"expected an end of redirects, got a loop: {chain}")
        if len(seen) > most:
            raise Failure("wrong", f"expected at most {most} redirects, got more: {chain}")
    fault = _judge(check, answer)
    if fault:
        raise Failure("wrong", fault)
    return f"status {answer.status}"


def _absolute(url: Url, location: str) -> Url | None:
    """Return the URL that a Location field means, None for one that no HTTP client follows."""
    try:
        return parse_url(urljoin(f"{url.scheme}://{url.authority}{url.target}", location))
    except ValueError:
        return None


def _next(url: Url, location: str) -> Url:
    found = _absolute(url, location)
    if found is None:
        raise Failure("wrong", f"expected a redirect that can be followed, got {_shown(location)}")
    return found


class _Exchange(t.NamedTuple):
    """One request of a check. `home` is where a probe's redirect is asked, None for the first request and other checks."""

    check: Check
    url: Url
    method: str
    home: Home | None
    probe: bool

    @property
    def own(self) -> bool:
        """Tell whether the check's address, Host, SNI and credentials hold: for its URL's own origin (RFC 6454 4) only."""
        own = t.cast("Url", self.check.target)
        return (self.url.scheme, self.url.address) == (own.scheme, own.address)

    @property
    def way(self) -> Home:
        """Return where to connect, and how to begin there."""
        check, address = self.check, self.url.address
        if self.own:
            return Home(check.address, check.sni, check.proxy_protocol)
        return self.home or Home(address, address.host, proxy_protocol=False)

    def run(self, deadline: Deadline, result: CheckResult) -> HealthAnswer:
        """Send the request and read the answer."""
        check, way = self.check, self.way
        with client.connected(way.address, deadline) as sock:
            if way.proxy_protocol:
                sock.sendall(client.proxy_line(sock))
            if self.url.scheme == "https":
                sock = client.tls(sock, deadline, sni=way.sni, verify=check.verify, ca=check.ca)  # noqa: PLW2901
                if self.probe and self.own:
                    result.certificate = fault_of(sock.getpeercert(binary_form=True) or b"", way.sni)
            with sock:
                body = check.body is not None
                return client.exchange(sock, deadline, method=self.method, request=self.message(), want_body=body)

    def message(self) -> bytes:
        """Return the bytes of the request."""
        check, own = self.check, t.cast("Url", self.check.target)
        agent = _GATE_USER_AGENT if self.probe else _USER_AGENT
        fields = {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        if self.own and own.userinfo:
            fields["Authorization"] = "Basic " + base64.b64encode(unquote_to_bytes(own.userinfo)).decode("ascii")
        if self.own:
            mine = {name.lower() for name in check.request_headers}
            fields = {name: value for name, value in fields.items() if name.lower() not in mine}
            fields.update(check.request_headers)
        fields.update({"Host": check.host if self.own else self.url.authority, "Connection": "close"})
        if self.method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = "0"  # RFC 9110 8.6
        first = f"{self.method} {self.url.target} HTTP/1.1"
        return "\r\n".join([first, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()


def _judge(check: Check, answer: HealthAnswer) -> str:
    """Return what was expected and what came; "" when they agree."""
    locations = answer.fields("Location")
    if not any(low <= answer.status <= high for low, high in check.status):
        wanted = " or ".join(str(low) if low == high else f"{low}-{high}" for low, high in check.status)
        at = f" with Location {_shown(', '.join(locations))}" if locations else ""
        return f"expected status {wanted}, got {answer.status}{at}"
    expectations = dict(check.headers)
    if check.location is not None:
        expectations = {"Location": check.location, **expectations}
    for name, expected in expectations.items():
        values = answer.fields(name)
        joined = ", ".join(values)
        if expected is None and values:
            return f"expected no {name} field, got one"
        if expected is None or (values and any(_fits(expected, value) for value in [joined, *values])):
            continue
        secret = _SECRET_FIELDS.search(name)
        wanted = "as configured" if secret else _wanted(expected)
        return f"expected {name} {wanted}, got {('another' if secret else _shown(joined)) if values else 'none'}"
    return _judge_body(check.body, answer) if check.body else ""


def _judge_latency(check: Check, latency: float) -> None:
    if check.max_latency is not None and latency > check.max_latency:
        raise Failure("slow", f"expected an answer within {check.max_latency:g} s, got it after {latency:.3f} s")


def _judge_body(pattern: t.Pattern[str], answer: HealthAnswer) -> str:
    body = answer.body or b""
    coding = ", ".join(answer.fields("Content-Encoding")).lower()
    if coding not in ("", "identity"):
        return f"expected a body as it is, got Content-Encoding {_shown(coding)}, which cannot be searched"
    charset = re.search(r"(?i)charset=\"?([\w.:-]+)", ", ".join(answer.fields("Content-Type")))
    try:
        text = body.decode(charset.group(1) if charset else "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    if pattern.search(text):
        return ""
    which = "the first " if len(body) == client.BODY_LIMIT else ""
    return f"expected a body that matches {pattern.pattern!r}, got {which}{len(body)} bytes without it"


def _fits(expected: str | t.Pattern[str], value: str) -> bool:
    return value == expected if isinstance(expected, str) else bool(expected.search(value))


def _wanted(expected: str | t.Pattern[str]) -> str:
    return _shown(expected) if isinstance(expected, str) else f"matching {_shown(expected.pattern)}"


def _shown(text: str) -> str:
    return repr(mask(text)[:200])
