# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request that a client sends next when it is redirected, if it stays with these servers. No I/O."""

from __future__ import annotations

import contextlib
import re
import typing as t
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from .._common.server_names import NameTable
from .._wire.outcomes import ProbeOutcome
from .._wire.probes import EdgeEntry, Headers, ListenSocket, Probe
from .networks import is_literal, is_loopback

_REDIRECTS = {301, 302, 303, 307, 308}
_FORWARDED = "x-forwarded-proto"
_PORTS = {"http": 80, "https": 443}
#: The edge where none is declared.
_AUTOMATIC = EdgeEntry(names=["*"], to=80, headers=[["X-Forwarded-Proto", "https"]])
#: A redirect chain longer than this is given up, as clients do (browsers after 20).
MOST_HOPS = 20


def url_of(probe: Probe) -> str:
    """Return the URL as the client knows it: behind an edge that ends TLS, X-Forwarded-Proto has its scheme."""
    listen = probe.listen
    forwarded = [value for name, value in probe.headers if name.lower() == _FORWARDED]
    scheme = "https" if listen.ssl else "http"
    port = listen.port or 80
    if not listen.ssl and forwarded and forwarded[0] in _PORTS:
        port = _PORTS[forwarded[0]] if port == _PORTS[scheme] or forwarded[0] != scheme else port
        scheme = forwarded[0]
    host = probe.host or probe.sni or "localhost"
    if port != _PORTS[scheme] and not re.search(r":\d+$", host):
        host += f":{port}"
    return f"{scheme}://{host}{probe.target}" if probe.target.startswith("/") else f"{scheme}://{host}/"


def next_probe(
    probe: Probe,
    outcome: ProbeOutcome,
    listens: t.Sequence[ListenSocket],
    edge: t.Sequence[EdgeEntry],
    names: t.Optional[NameTable[bool]] = None,
    *,
    guess: bool = False,
) -> t.Union[Probe, str, None]:
    """Return the probe that follows a redirect.

    Args:
        probe: the request that was redirected.
        outcome: what came of it.
        listens: the sockets of both configurations.
        edge: proxies that https of a name without a TLS socket goes to; an automatic entry holds when there is none.
        names: of the servers; hosts beyond them and the edge's are external. None: no host is external.
        guess: a host is not external either where the socket that it would arrive at has no server names in one of the
            configurations: if the host is served here, the default server answers it.

    Returns:
        The next probe, "external" when it leaves these servers, None when the answer is no redirect.
    """
    if outcome.status not in _REDIRECTS or not outcome.location:
        return None
    try:
        parts = urlsplit(urljoin(url_of(probe), outcome.location.replace(" ", "%20")))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "external"
    if parts.scheme not in _PORTS or not host:
        return "external"
    port = port or _PORTS[parts.scheme]
    same = host == (urlsplit(url_of(probe)).hostname or "")
    served = names is None or names.find(host)[0] or any(is_named(host, entry.names) for entry in edge)
    arrival = _arrival(probe, host, port, listens, edge, secure=parts.scheme == "https")
    if arrival is None or not (same or served or (guess and _may_be_served_here(arrival[0], listens, parts.scheme))):
        return "external"
    listen, headers = arrival
    authority = f"[{host}]" if ":" in host else host
    again = outcome.status in {307, 308} or probe.method in {"GET", "HEAD"}
    return replace(
        probe,
        listen=listen,
        # RFC 6066, section 3: an address is no server name.
        sni=host if listen.ssl and not is_literal(host) else None,
        host=authority if port == _PORTS[parts.scheme] else f"{authority}:{port}",
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=headers,
        method=probe.method if again else "GET",
        body=probe.body if again else "",
    )


def _arrival(
    probe: Probe,
    host: str,
    port: int,
    listens: t.Sequence[ListenSocket],
    edge: t.Sequence[EdgeEntry],
    *,
    secure: bool,
) -> t.Optional[t.Tuple[ListenSocket, Headers]]:
    # The socket that gets the next request, and its header fields.
    now = probe.listen
    listen = _listener(now, listens, port, secure=secure, host=host)
    headers = [pair for pair in probe.headers if pair[0].lower() not in {_FORWARDED, "host"}]
    if listen is None and not edge and port == _PORTS["https" if secure else "http"]:
        # Nothing listens at the usual port: what is in front brings it to another one, as for a container.
        listen = _mapped(now, listens, secure=secure, host=host)
    if listen is None and secure:
        entry = next((entry for entry in edge if is_named(host, entry.names)), None)
        if entry is None and edge:
            return None
        entry = entry or _AUTOMATIC
        listen = _listener(now, listens, entry.to, secure=entry.tls, host=host)
        if listen is None and not edge:
            listen = _mapped(now, listens, secure=False, host=host)
        set_here = {name.lower() for name, _value in entry.headers}
        headers = [pair for pair in headers if pair[0].lower() not in set_here] + [list(pair) for pair in entry.headers]
    elif not secure and len(headers) < len(probe.headers):
        headers.append(["X-Forwarded-Proto", "http"])
    return None if listen is None else (listen, headers)


def _may_be_served_here(listen: ListenSocket, listens: t.Iterable[ListenSocket], scheme: str) -> bool:
    # A host without a server of its own: only a socket without names says nothing against it. Where there are TLS sockets,
    # https would arrive at one of them.
    if scheme == "https" and not listen.ssl and any(each.ssl for each in listens):
        return False
    return listen.names is not None and _takes_any_host(listen)


def _mapped(
    now: ListenSocket, listens: t.Iterable[ListenSocket], *, secure: bool, host: str
) -> t.Optional[ListenSocket]:
    # A socket of any port that serves the host. Another one than this comes first: the port that only redirects is
    # rarely the one that the redirect leads to, and where all of them redirect, the circle is found all the same.
    local = is_loopback(now.address)
    found = [
        listen
        for listen in listens
        if listen.ssl == secure
        and not listen.address.startswith("unix:")
        and is_loopback(listen.address) == local
        and (_takes_any_host(listen) or is_literal(host) or is_named(host, listen.names or ()))
    ]
    v6 = ":" in now.address

    def rank(listen: ListenSocket) -> t.Tuple[bool, bool, bool, bool]:
        return (
            _takes_any_host(listen),
            listen.port == now.port,
            listen.address != now.address,
            (":" in listen.address) != v6,
        )

    return min(found, key=rank, default=None)


def host_of(authority: str) -> str:
    """Return the host of a Host header: without its port, and an IPv6 address without its brackets."""
    return authority[1:].partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]


def _takes_any_host(listen: ListenSocket) -> bool:
    # No client asks for `_` and its like.
    return listen.nameless is True or not any(any(map(str.isalnum, name)) for name in listen.names or ())


def name_table(names: t.Iterable[str]) -> NameTable[bool]:
    """Return a table of names: a look-up takes as long among ten thousand as among ten."""
    table: NameTable[bool] = NameTable(_compiled)
    table.add_all(names, True)
    return table


def is_named(host: str, names: t.Iterable[str]) -> bool:
    """Tell whether a host is one of some server names."""
    return bool(name_table(names).find(host)[0])


def _compiled(regex: str) -> t.Pattern[str]:
    # One that Python cannot read matches no host.
    with contextlib.suppress(re.error):
        return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", regex), re.IGNORECASE)
    return re.compile("(?!)")


def _listener(
    now: ListenSocket, listens: t.Iterable[ListenSocket], port: int, *, secure: bool, host: str
) -> t.Optional[ListenSocket]:
    # The one where this client would arrive: at its address if it listens there, else one of the same family.
    found = [
        listen
        for listen in listens
        if listen.port == port
        and listen.ssl == secure
        and not listen.address.startswith("unix:")
        and (not secure or not listen.names or is_literal(host) or is_named(host, listen.names))
    ]
    v6 = ":" in now.address

    def rank(listen: ListenSocket) -> t.Tuple[bool, bool, bool]:
        address = listen.address
        return address != now.address, (":" in address) != v6, address not in {"0.0.0.0", "::"}  # noqa: S104

    return min(found, key=rank, default=None)
