# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definition of a check: its keys, the reader of each, and the message for a wrong one."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit


class HealthError(Exception):
    """A check or a gate is defined wrongly. An unhealthy server is a result, never an exception."""


Pattern = t.Pattern[str]
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110 5.6.2
_PORT_LIMIT = 0x10000


class Address(t.NamedTuple):
    """An address to connect to: a host and a port, or the path of a unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Url(t.NamedTuple):
    """A URL in the parts that a client needs: `target` is sent as it stands, `text` is fit to be shown."""

    scheme: str
    userinfo: str
    address: Address
    target: str
    text: str

    @property
    def authority(self) -> str:
        """Return the Host field's value: the port only where it is not the scheme's own (RFC 9110 7.2)."""
        return re.sub(r":443$" if self.scheme == "https" else r":80$", "", str(self.address))


class Check(t.NamedTuple):
    """A valid check. Times are in seconds, status ranges inclusive; an expected text is a string or a regex."""

    name: str
    kind: str
    target: Address | Url
    address: Address
    origin: dict[str, t.Any]
    host: str
    sni: str
    request_headers: dict[str, str]
    headers: dict[str, str | Pattern | None]
    method: str = "GET"
    status: tuple[tuple[int, int], ...] = ((200, 399),)
    location: str | Pattern | None = None
    body: Pattern | None = None
    max_latency: float | None = None
    follow_redirects: int = 0
    verify: bool = True
    ca: str = ""
    proxy_protocol: bool = False
    min_days: float = 7
    timeout: float = 3

    @property
    def label(self) -> str:
        """Return the request as results name it."""
        url = self.target if isinstance(self.target, Url) else None
        via = "" if self.address in (self.target, url and url.address) else f" via {self.address}"
        return f"{self.method} {url.text}{via}" if url else f"{self.kind} {self.target}{via}"


def mask(text: str) -> str:
    """Return a text whose URLs show no userinfo (RFC 3986 3.2.1)."""
    return re.sub(r"(?<=//)[^/?#\s]*@", "***@", text)


def parse_status(value: t.Any) -> tuple[tuple[int, int], ...]:
    """Read inclusive ranges out of a status (200, "200"), a range ("200-399", "2xx") or a list of those; ValueError for others."""
    if isinstance(value, (list, tuple)) and value:
        return tuple(span for item in value for span in parse_status(item))
    whole = re.fullmatch(r"\s*([1-5])xx\s*", str(value), re.ASCII)
    if whole:
        return ((int(f"{whole.group(1)}00"), int(f"{whole.group(1)}99")),)
    match = re.fullmatch(r"\s*([1-9]\d\d)\s*(?:-\s*([1-9]\d\d)\s*)?", str(value), re.ASCII)
    if not match:
        raise ValueError(f"{value!r} is neither a status such as 200 nor a range such as 200-399 nor a list of those")
    low, high = int(match.group(1)), int(match.group(2) or match.group(1))
    if low > high:
        raise ValueError(f"the range {value!r} is upside down")
    return ((low, high),)


def parse_address(value: t.Any) -> Address:
    """Read `host:port`, `[IPv6]:port` or `unix:/path`; ValueError for others."""
    text = _line(value)
    if text.startswith("unix:/"):
        return Address("", 0, text[len("unix:") :])
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/@\[\]]+)):(\d{1,5})", text, re.ASCII)
    if not match or not 0 < int(match.group(3)) < _PORT_LIMIT:
        raise ValueError(f"{mask(text)!r} is none of host:port, [IPv6 address]:port and unix:/path")
    return Address(match.group(1) or match.group(2), int(match.group(3)))


def parse_url(value: t.Any) -> Url:
    """Split an absolute http or https URL, nothing normalised; ValueError if a client could not send it as it stands."""
    text = _line(value)
    if re.search(r"[^\x21-\x7e]", text):
        raise ValueError("a URL holds visible ASCII only: percent-encode the rest")
    try:
        parts = urlsplit(text)
        port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{mask(text)!r} is not an absolute http:// or https:// URL")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, parts.netloc.rpartition("@")[0], Address(parts.hostname, port), target, mask(text))


def _line(value: t.Any) -> str:
    if isinstance(value, (bool, dict, list)):
        raise ValueError(f"a {type(value).__name__} where a text is wanted: quote it")  # noqa: TRY004
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", str(value)):
        raise ValueError("holds control characters")
    return str(value)


def _expected(value: t.Any) -> str | Pattern:
    """Read an expected text as routes.yml writes it: `text`, `~regex`, or one of `is`, `contains` and `matches`."""
    if isinstance(value, t.Mapping):
        if len(value) != 1 or next(iter(value)) not in ("is", "contains", "matches"):
            raise ValueError("give a text, or one of is, contains and matches")
        how, text = next(iter(value.items()))
        return _line(text) if how == "is" else re.compile(re.escape(_line(text)) if how == "contains" else _line(text))
    text = _line(value)
    return re.compile(text[1:]) if text.startswith("~") else text


def _matching(pattern: str, what: str) -> t.Callable[[t.Any], str]:
    def parse(value: t.Any) -> str:
        if not re.fullmatch(pattern, _line(value), re.ASCII):
            raise ValueError(f"{value!r} is not {what}")
        return str(value)

    return parse


def _number(low: float, high: float) -> t.Callable[[t.Any], float]:
    def parse(value: t.Any) -> float:
        number = float(_line(value))
        if not low <= number <= high:
            raise ValueError(f"{value!r} is not between {low:g} and {high:g}")
        return number

    return parse


def _fields(parse: t.Callable[[t.Any], t.Any]) -> t.Callable[[t.Any], dict[str, t.Any]]:
    def parse_all(value: t.Any) -> dict[str, t.Any]:
        if not isinstance(value, t.Mapping):
            raise ValueError("not a dictionary of header fields")  # noqa: TRY004
        return {_matching(_TOKEN, "a header field's name")(name): parse(item) for name, item in value.items()}

    return parse_all


def _request_fields(value: t.Any) -> dict[str, str]:
    fields = _fields(_line)(value)
    for name in fields:
        if name.lower() in ("host", "connection", "content-length", "transfer-encoding"):
            raise ValueError(f"{name} is set by the check itself (host has its own key)")
    return fields


def _flag(value: t.Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise ValueError(f"{value!r} is neither true nor false")
    return text in ("true", "yes", "on", "1")


def _redirects(value: t.Any) -> int:
    text = "0" if str(value).lower() in ("false", "no") else str(value)
    return int(_matching(r"\d|1\d|20", "false or a number up to 20")(text))


_URL, _TLS, _ALL = ("url",), ("url", "certificate"), ("url", "tcp", "certificate")
# Every key: its type in an Ansible argument specification, the kinds of checks that have it, how it is read.
_KEYS: dict[str, tuple[str, tuple[str, ...], t.Callable[[t.Any], t.Any]]] = {
    "name": ("str", _ALL, str),
    "url": ("str", _URL, parse_url),
    "tcp": ("str", ("tcp",), parse_address),
    "certificate": ("str", ("certificate",), parse_address),
    "address": ("str", _ALL, parse_address),
    "host": ("str", _URL, _matching(r"[^\s/@]+", "a Host header field's value")),
    "sni": ("str", _TLS, _matching(r"|[\w:-]+(\.[\w:-]+)*\.?", "a server name")),
    "method": ("str", _URL, _matching(_TOKEN, "a method")),
    "request_headers": ("dict", _URL, _request_fields),
    "status": ("raw", _URL, parse_status),
    "location": ("raw", _URL, _expected),
    "headers": ("dict", _URL, _fields(lambda value: None if value in (None, "") else _expected(value))),
    "body": ("str", _URL, lambda value: re.compile(_line(value))),
    "max_latency": ("float", _ALL, _number(0.001, 3600)),
    "follow_redirects": ("raw", _URL, _redirects),
    "verify": ("bool", _TLS, _flag),
    "ca": ("path", _TLS, _line),
    "proxy_protocol": ("bool", _TLS, _flag),
    "min_days": ("int", ("certificate",), _number(0, 36500)),
    "timeout": ("float", _ALL, _number(0.01, 300)),
}
_ORIGIN = ("origin", "file", "line")

# Modules that take checks share this; the values of request_headers are credentials more often than not.
CHECK_OPTIONS = {
    key: {"type": kind, "no_log": True} if key == "request_headers" else {"type": kind}
    for key, (kind, _kinds, _parse) in _KEYS.items()
}


def parse_check(definition: t.Mapping[str, t.Any]) -> Check:
    """Validate one check. A key whose value is None counts as absent.

    Raises:
        HealthError: naming the check, the key and what is wrong with it.
    """
    if not isinstance(definition, t.Mapping):
        raise HealthError(f"a check is a dictionary, not a {type(definition).__name__}")
    keys = {str(key): value for key, value in definition.items() if value is not None}
    kinds = [kind for kind in _ALL if kind in keys]
    name = mask(str(keys.get("name") or (keys[kinds[0]] if kinds else "without a name")))
    if len(kinds) != 1:
        raise HealthError(f"check {name!r}: give one of url, tcp and certificate, not {' and '.join(kinds) or 'none'}")
    values = {key: _read(name, kinds[0], key, value) for key, value in keys.items() if key not in _ORIGIN}
    target = values.pop(kinds[0])
    address = target.address if isinstance(target, Url) else target
    defaults: dict[str, t.Any] = {
        "address": address,
        "host": target.authority if isinstance(target, Url) else "",
        "sni": address.host,
        "request_headers": {},
        "headers": {},
    }
    origin = {key: keys[key] for key in _ORIGIN if key in keys}
    check = Check(kind=kinds[0], target=target, origin=origin, **{**defaults, **values, "name": name})
    if not check.sni and check.verify and getattr(target, "scheme", kinds[0]) in ("https", "certificate"):
        raise HealthError(f"check {name!r}: sni: without a name there is nothing to verify: set verify to false")
    if check.body and check.method == "HEAD":
        raise HealthError(f"check {name!r}: body: an answer to HEAD has none")
    return check


def _read(name: str, kind: str, key: str, value: t.Any) -> t.Any:
    known = sorted(key for key, (_type, kinds, _parse) in _KEYS.items() if kind in kinds)
    if key in known:
        try:
            return _KEYS[key][2](value)
        except (ValueError, re.error) as exc:
            raise HealthError(f"check {name!r}: {key}: {exc}") from exc
    if key in _KEYS:
        raise HealthError(f"check {name!r}: {key}: does not belong to a {kind} check")
    import difflib  # noqa: PLC0415  # only a mistake pays for it

    near = difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"known keys are {', '.join(known)}"
    raise HealthError(f"check {name!r}: unknown key {key!r}: {hint}")
