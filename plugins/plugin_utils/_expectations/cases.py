# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The cases of `routes.yml`: requests and their expected outcomes."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe, StubAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.addresses import default_client, is_v6
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import (
    is_header,
    is_host,
    is_method,
    is_target,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .matchers import Statuses, Text, fill, placeholders

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals


PORTS: t.Final = {"http": 80, "https": 443}
#: Methods that are followed when they are redirected.
_FOLLOWED: t.Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class ExpectedUpstream:
    """An expected request to an upstream; a field that is None may be anything."""

    target: Text | None = None
    uri: Text | None = None
    method: Text | None = None
    protocol: Text | None = None
    headers: dict[str, Text] = field(default_factory=dict)
    params: dict[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpectedHop:
    """The expected outcome of one request of a redirect chain."""

    status: Statuses | None = None
    url: Text | None = None
    location: Text | None = None
    upstream: tuple[ExpectedUpstream, ...] | None = None


@dataclass(frozen=True)
class ExpectedEnd:
    """The expected end of a redirect chain, and the most redirects that may lead there."""

    hop: ExpectedHop
    max_hops: int | None = None


@dataclass(frozen=True)
class ExpectedOutcome:
    """An expected outcome; a field that is None may be anything. An empty `upstream` means that none is asked."""

    status: Statuses | None = None
    closed: tuple[str, ...] | None = None
    location: Text | None = None
    headers: dict[str, Text] = field(default_factory=dict)
    upstream: tuple[ExpectedUpstream, ...] | None = None
    location_block: Text | None = None
    server: Text | None = None
    errors: Text | None = None
    hops: tuple[ExpectedHop, ...] | None = None
    final: ExpectedEnd | None = None
    chain: str | None = None


@dataclass(frozen=True)
class RouteRequest:
    """One request, placeholders filled in. `host` None is the URL's, `sni` None the host's.

    `values` has the texts of placeholders in the expected outcome.
    """

    scheme: str
    authority: str
    target: str
    method: str = "GET"
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    client: str = ""
    body: str = ""
    version: str = "1.1"
    sni: str | None = None
    address: str = ""
    follow: bool | None = None
    values: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def url(self) -> str:
        """Return the URL that a client asks for."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def line(self) -> str:
        """Return the request in one line, for people."""
        return f"{self.method} {self.url}" + (f" from {self.client}" if self.client else "")

    def probe(self, probe_id: str, arrivals: Arrivals, origin: str) -> Probe:
        """Make the probe that sends it to the socket that its URL arrives at.

        Args:
            probe_id: the id of the probe.
            arrivals: the sockets of both configurations.
            origin: `expect` or `log`.
        """
        name, port = split_authority(self.authority, PORTS[self.scheme])
        v6 = is_v6(self.client) if self.client else is_v6(self.address.strip("[]"))
        arrival = arrivals.of_url(self.scheme, name, port, v6=v6, address=self.address.strip("[]"))
        given = {key.lower() for key, _value in self.headers}
        added = tuple(header for header in arrival.headers if header[0].lower() not in given)
        host = self.authority if self.host is None else self.host
        tls = arrival.listen.ssl
        return Probe(
            probe_id,
            arrival.listen,
            target=self.target,
            method=self.method,
            host=host or None,
            sni=(name if self.sni is None else self.sni) or None if tls else None,
            client=self.client or default_client(arrival.listen.address),
            headers=[list(header) for header in (*self.headers, *added)],
            body=self.body,
            version="1.0" if not host and self.version == "1.1" else self.version,
            follow=self.method in _FOLLOWED if self.follow is None else self.follow,
            origin=origin,
        )


@dataclass(frozen=True)
class Case:
    """One entry of `expect`: requests, the answers of stubs meanwhile, and the expected outcome of each request."""

    name: str
    place: Place
    requests: tuple[RouteRequest, ...]
    then: ExpectedOutcome
    answers: tuple[StubAnswer, ...] = ()


def split_authority(authority: str, default: int) -> tuple[str, int]:
    """Split `host`, `host:port` or `[v6]:port` into host and port."""
    host, colon, port = authority.rpartition(":")
    if colon and port.isdigit() and not (":" in host and not host.endswith("]")):
        return host, int(port)
    return authority, default


@dataclass(frozen=True)
class WrittenRequest:
    """A request as it is written, with placeholders; a field that is left out is None.

    It has a `url`, or a host with `scheme`, `port` and `path`.
    """

    url: str | None = None
    scheme: str | None = None
    host: str | None = None
    port: str | None = None
    path: str | None = None
    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    client: str | None = None
    body: str | None = None
    version: str | None = None
    sni: str | None = None
    address: str | None = None
    follow: bool | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> WrittenRequest:
        """Read the `request` of a task; unknown keys are left alone."""
        texts = {
            each.name: str(data[each.name])
            for each in fields(cls)
            if each.name not in ("headers", "follow") and data.get(each.name) is not None
        }
        headers, follow = data.get("headers"), data.get("follow")
        pairs = headers.items() if isinstance(headers, Mapping) else ()
        return cls(
            headers=tuple((str(name), str(value)) for name, value in pairs),
            follow=None if follow is None else bool(follow),
            **texts,
        )

    def filled(self, values: Mapping[str, str]) -> WrittenRequest:
        """Fill in placeholders.

        Raises:
            RouteError: a placeholder has no value.
        """
        texts = {
            each.name: fill(text, values) for each in fields(self) if isinstance(text := getattr(self, each.name), str)
        }
        for text in texts.values():
            for name in placeholders(text):
                raise RouteError(f"{{{name}}} stands for nothing: each has {', '.join(values) or 'no names'}")
        headers = tuple((fill(name, values), fill(value, values)) for name, value in self.headers)
        return WrittenRequest(headers=headers, follow=self.follow, **texts)


def make_request(written: WrittenRequest, values: dict[str, str]) -> RouteRequest:
    """Make a request that a client can send.

    Args:
        written: the request as it is written.
        values: the texts of its placeholders.

    Raises:
        RouteError: no client could send it; the message has no place yet.
    """
    filled = written.filled(values)
    if filled.url is not None:
        scheme, authority, target = split_url(filled.url)
        host = filled.host
    else:
        scheme, host, target = filled.scheme or "https", None, "/" if filled.path is None else filled.path
        if scheme not in PORTS:
            raise RouteError(f'scheme has to be http or https, not "{scheme}"')
        authority = (filled.host or "") + (f":{filled.port}" if filled.port is not None else "")
    request = RouteRequest(
        scheme,
        authority,
        target,
        method="GET" if filled.method is None else filled.method,
        host=host,
        headers=filled.headers,
        client=filled.client or "",
        body=filled.body or "",
        version="1.1" if filled.version is None else filled.version,
        sni=filled.sni,
        address=filled.address or "",
        follow=filled.follow,
    )
    _refuse_unsendable(request)
    return _with_values(request, values)


def _refuse_unsendable(request: RouteRequest) -> None:
    if not is_target(request.target):
        raise RouteError(
            f'"{request.target}" is no path that a request can carry: write it percent-encoded, from its /'
        )
    if not is_method(request.method):
        raise RouteError(f'"{request.method}" is no method that nginx reads: capitals')
    for host in (request.authority, request.host or "x"):
        if not is_host(host or ""):
            raise RouteError(f'"{host}" is no host')
    for name, value in request.headers:
        if not is_header(name, value):
            raise RouteError(f'"{name}: {value}" is no header field: one line of printable ASCII')
        if name.lower() in ("host", "content-length", "transfer-encoding"):
            raise RouteError(
                f"{name} is not for headers: " + ("write host" if name.lower() == "host" else "it is made")
            )
    if any(ord(character) > 0xFF for character in request.body):  # noqa: PLR2004 -- bodies are latin-1
        raise RouteError("the body has characters that are no bytes (latin-1)")


def _with_values(request: RouteRequest, values: dict[str, str]) -> RouteRequest:
    """Add the texts of placeholders in `then`: nginx's words for the parts of a request, and the case's own names."""
    path, _mark, query = request.target.partition("?")
    host, port = split_authority(request.authority, PORTS[request.scheme])
    request.values.update(
        {
            "url": request.url,
            "scheme": request.scheme,
            "host": host,
            "port": str(port),
            "method": request.method,
            "request_uri": request.target,
            "uri": path,
            "path": path.removeprefix("/"),
            "args": query,
            **values,
        }
    )
    return request


BUILT_IN: t.Final = ("url", "scheme", "host", "port", "method", "request_uri", "uri", "path", "args")


def split_url(url: str) -> tuple[str, str, str]:
    """Split a URL into scheme, authority and request target.

    Raises:
        RouteError: it is no URL of http or https.
    """
    try:
        parts = urlsplit(url)
        _checked = parts.port
    except ValueError as error:
        raise RouteError(f'"{url}" is no URL: {error}') from None
    if parts.scheme not in PORTS or not parts.netloc:
        raise RouteError(f'"{url}" is no URL that begins with http:// or https:// and a host')
    if "@" in parts.netloc or parts.fragment or "#" in url:
        raise RouteError(f'"{url}" has a user or a fragment, which no client sends')
    target = url[url.index("://") + 3 + len(parts.netloc) :]
    return parts.scheme, parts.netloc, target if target.startswith("/") else f"/{target}"
