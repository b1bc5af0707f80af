# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a check is: its keys, how each is read, and what a wrong one is told."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit


class HealthError(Exception):
    """A check or a gate is defined wrongly. An unhealthy server is a result, never an exception."""


Pattern = t.Pattern[str]

# The keys of a check as an Ansible argument specification: modules that take checks share it.
CHECK_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "url": {"type": "str"},
    "tcp": {"type": "str"},
    "certificate": {"type": "str"},
    "address": {"type": "str"},
    "host": {"type": "str"},
    "sni": {"type": "str"},
    "method": {"type": "str"},
    "request_headers": {"type": "dict", "no_log": True},
    "status": {"type": "raw"},
    "location": {"type": "str"},
    "headers": {"type": "dict"},
    "body": {"type": "str"},
    "max_latency": {"type": "float"},
    "follow_redirects": {"type": "raw"},
    "verify": {"type": "bool"},
    "ca": {"type": "path"},
    "min_days": {"type": "int"},
    "timeout": {"type": "float"},
}
_ORIGIN = ("origin", "file", "line")
_EVERY_KIND = {"name", "address", "timeout", "max_latency"}.union(_ORIGIN)
_KIND_KEYS = {
    "url": set(CHECK_OPTIONS) - {"tcp", "certificate", "min_days"},
    "tcp": {"tcp"},
    "certificate": {"certificate", "sni", "verify", "ca", "min_days"},
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_OWN_HEADERS = {"host", "connection", "content-length", "transfer-encoding"}
_FALSE = ("false", "no", "off", "0")
_TRUE = ("true", "yes", "on", "1")


class Address(t.NamedTuple):
    """Where to connect: a host and a port, or the path of a unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Url(t.NamedTuple):
    """A URL in the parts that a client needs; `target` is the request target exactly as it is sent."""

    scheme: str
    userinfo: str
    host: str
    port: int
    target: str
    text: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what RFC 6454 calls the origin."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The Host header field's value: the port only where it is not the scheme's own (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"


class Check(t.NamedTuple):
    """A valid check. Times are in seconds; `status` holds inclusive ranges; a text expectation is a string or a regex."""

    name: str
    kind: str
    target: str
    address: Address
    url: Url | None
    host: str
    sni: str
    method: str
    request_headers: dict[str, str]
    status: tuple[tuple[int, int], ...]
    location: str | Pattern | None
    headers: dict[str, str | Pattern | None]
    body: Pattern | None
    max_latency: float | None
    redirects: int
    verify: bool
    ca: str
    min_days: float
    timeout: float
    origin: dict[str, t.Any]

    @property
    def label(self) -> str:
        """How results name what was asked."""
        verb = self.method if self.kind == "url" else self.kind
        via = str(self.address)
        return f"{verb} {self.target}" + ("" if via in (self.target, _url_address(self.url)) else f" via {via}")


def mask(text: str) -> str:
    """A text whose URLs show no userinfo (RFC 3986 3.2.1)."""
    return re.sub(r"(?<=//)[^/?#\s]*@", "***@", text)


def parse_check(definition: t.Mapping[str, t.Any]) -> Check:
    """Validate one check. A key whose value is None counts as absent.

    Raises:
        HealthError: naming the check, the key and what is wrong with it.
    """
    if not isinstance(definition, t.Mapping):
        raise HealthError(f"a check is a dictionary, not {type(definition).__name__}")
    keys = {str(key): value for key, value in definition.items() if value is not None}
    kinds = [kind for kind in _KIND_KEYS if kind in keys]
    name = mask(str(keys.get("name") or (keys[kinds[0]] if kinds else "without a name")))
    reader = _Reader(name, keys)
    if len(kinds) != 1:
        raise HealthError(f"check {name!r}: give one of url, tcp and certificate, not {' and '.join(kinds) or 'none'}")
    reader.check_keys(kinds[0])
    return _parse(reader, kinds[0])


def parse_status(value: t.Any) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges out of a status (200, "200"), a range ("200-399") or a list of those.

    Raises:
        ValueError: when it is none of them.
    """
    if isinstance(value, (list, tuple)):
        if not value:
            raise ValueError("the list is empty")
        return tuple(span for item in value for span in parse_status(item))
    match = None if isinstance(value, bool) else re.fullmatch(r"\s*([1-9]\d\d)\s*(?:-\s*([1-9]\d\d)\s*)?", str(value))
    if not match:
        raise ValueError(f"{value!r} is neither a status such as 200 nor a range such as 200-399 nor a list of those")
    low, high = int(match.group(1)), int(match.group(2) or match.group(1))
    if low > high:
        raise ValueError(f"the range {value!r} is upside down")
    return ((low, high),)


def parse_address(value: str) -> Address:
    """`host:port`, `[IPv6]:port` or `unix:/path`.

    Raises:
        ValueError: when it is none of them.
    """
    if value.startswith("unix:"):
        path = value[len("unix:") :]
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"{value!r} does not name a socket by its absolute path")
        return Address("", 0, path)
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/@\[\]]+)):(\d{1,5})", value, re.ASCII)
    if not match or not 0 < int(match.group(3)) <= 0xFFFF:
        raise ValueError(f"{mask(value)!r} is none of host:port, [IPv6 address]:port and unix:/path")
    return Address(match.group(1) or match.group(2), int(match.group(3)))


def parse_url(value: str) -> Url:
    """Split an absolute http or https URL; nothing in it is normalised.

    Raises:
        ValueError: when a client could not send it as it stands.
    """
    if re.search(r"[^\x21-\x7e]", value):
        raise ValueError("a URL holds visible ASCII only: percent-encode the rest")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{mask(value)!r} is not an absolute http:// or https:// URL")
    port = _default_port(parts.scheme) if parts.port is None else parts.port
    userinfo = parts.netloc.rpartition("@")[0]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, userinfo, parts.hostname, port, target, mask(value))


class _Reader:
    """The keys of one check, read by type; every error names the check and the key."""

    def __init__(self, name: str, keys: dict[str, t.Any]) -> None:
        self.name = name
        self.keys = keys

    def check_keys(self, kind: str) -> None:
        known = _KIND_KEYS[kind] | _EVERY_KIND
        for key in self.keys:
            if key in known:
                continue
            if key in CHECK_OPTIONS:
                raise self.error(key, f"does not belong to a {kind} check")
            import difflib  # noqa: PLC0415  # only a mistake pays for it

            near = difflib.get_close_matches(key, sorted(known), 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"known keys are {', '.join(sorted(known))}"
            raise HealthError(f"check {self.name!r}: unknown key {key!r}: {hint}")

    def error(self, key: str, text: str) -> HealthError:
        return HealthError(f"check {self.name!r}: {key}: {text}")

    def by(self, key: str, parse: t.Callable[[t.Any], t.Any], default: t.Any = None) -> t.Any:
        try:
            return parse(self.keys[key]) if key in self.keys else default
        except (ValueError, re.error) as exc:
            raise self.error(key, str(exc)) from exc

    def text(self, key: str, default: str = "") -> str:
        return t.cast("str", self.by(key, _line, default))

    def number(self, key: str, default: t.Any, low: float, high: float) -> t.Any:
        def parse(value: t.Any) -> float:
            try:
                number = float("nan" if isinstance(value, bool) else value)
            except (TypeError, ValueError):
                number = float("nan")
            if not low <= number <= high:
                raise ValueError(f"{value!r} is not a number between {low:g} and {high:g}")
            return number

        return self.by(key, parse, default)

    def mapping(self, key: str, value: t.Callable[[t.Any], t.Any]) -> dict[str, t.Any]:
        given = self.keys.get(key, {})
        if not isinstance(given, t.Mapping):
            raise self.error(key, "not a dictionary of header fields")
        for name in given:
            if not _TOKEN.fullmatch(str(name)):
                raise self.error(key, f"{name!r} is not a header field's name")
        try:
            return {str(name): value(item) for name, item in given.items()}
        except (ValueError, re.error) as exc:
            raise self.error(key, str(exc)) from exc


def _parse(reader: _Reader, kind: str) -> Check:
    url = reader.by("url", lambda value: parse_url(_line(value)))
    default = parse_address(_url_address(url)) if url else reader.by(kind, lambda value: parse_address(_line(value)))
    method = reader.by("method", _method, "GET")
    body = reader.by("body", lambda value: re.compile(str(value)))
    if body and method == "HEAD":
        raise reader.error("body", "an answer to HEAD has none")
    headers = reader.mapping("request_headers", _line)
    own = sorted(_OWN_HEADERS.intersection(map(str.lower, headers)))
    if own:
        raise reader.error("request_headers", f"{own[0]} is set by the check itself (host has its own key)")
    return Check(
        name=reader.name,
        kind=kind,
        target=url.text if url else str(default),
        address=reader.by("address", lambda value: parse_address(_line(value)), default),
        url=url,
        host=reader.by("host", _authority, url.authority if url else default.host),
        sni=reader.by("sni", _server_name, url.host if url else default.host),
        method=method,
        request_headers=headers,
        status=reader.by("status", parse_status, ((200, 399),)),
        location=reader.by("location", _expected),
        headers=reader.mapping("headers", lambda value: None if value is None else _expected(value)),
        body=body,
        max_latency=reader.number("max_latency", None, 0.001, 3600),
        redirects=reader.by("follow_redirects", _redirects, 0),
        verify=reader.by("verify", _flag, True),
        ca=reader.text("ca"),
        min_days=reader.number("min_days", 7, 0, 36500),
        timeout=reader.number("timeout", 3, 0.01, 300),
        origin={key: reader.keys[key] for key in _ORIGIN if key in reader.keys},
    )


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _url_address(url: Url | None) -> str:
    return str(Address(url.host, url.port)) if url else ""


def _line(value: t.Any) -> str:
    if isinstance(value, (bool, dict, list, type(None))):
        raise ValueError(f"a {type(value).__name__} where a text is wanted: quote it")  # noqa: TRY004  # caught above
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", str(value)):
        raise ValueError("holds control characters")
    return str(value)


def _expected(value: t.Any) -> str | Pattern:
    text = _line(value)
    return re.compile(text[1:]) if text.startswith("~") else text


def _method(value: t.Any) -> str:
    if not _TOKEN.fullmatch(str(value)):
        raise ValueError(f"{value!r} is not a method")
    return str(value)


def _authority(value: t.Any) -> str:
    if re.search(r"[^\x21-\x7e]|[/@]", str(value)):
        raise ValueError(f"{value!r} is not a Host header field's value")
    return str(value)


def _server_name(value: t.Any) -> str:
    if not re.fullmatch(r"|[0-9A-Za-z_:-][0-9A-Za-z_.:-]*", str(value)):
        raise ValueError(f"{value!r} is not a server name")
    return str(value)


def _flag(value: t.Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError(f"{value!r} is neither true nor false")
    return text in _TRUE


def _redirects(value: t.Any) -> int:
    text = str(value).lower()
    if text in _FALSE:
        return 0
    if not re.fullmatch(r"[1-9]|1\d|20", text):
        raise ValueError(f"{value!r} is neither false nor a number of redirects up to 20")
    return int(text)
