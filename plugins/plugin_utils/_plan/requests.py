# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests as users and health checks write them, made into probes."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import (
    Address,
    Check,
    HealthError,
    Url,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._health.probe import parse_probe
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.cases import WrittenRequest, make_request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.addresses import default_client
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.listeners import is_literal, listen_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket, router_address
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router

from .bisect import FailingRequest
from .sources import ConfigSource


def request_of(
    fields: Mapping[str, object], before: ConfigSource, after: ConfigSource, *, probe_id: str = "b1"
) -> Probe:
    """Make the probe of a request as written in a task or in a file of expectations.

    Args:
        fields: the request's keys: `url`, or `scheme`, `host`, `port` and `path`, and those of docs/expectations.md.
        before: the configuration from before.
        after: the configuration from after; its sockets come first.
        probe_id: the id of the probe.

    Raises:
        RouteError: no client could send it.
    """
    arrivals = Arrivals(before.loaded, after.loaded)
    return replace(
        make_request(WrittenRequest.from_json(fields), {}).probe(probe_id, arrivals, "expect"), why="asked for"
    )


class CheckRequests(t.NamedTuple):
    """The requests that do what a health check does.

    Attributes:
        failing: its request, and a handshake where it verifies a certificate too.
        reason: why there is none, in words; empty where there is one.
    """

    failing: list[FailingRequest]
    reason: str = ""


def requests_of_check(
    check: Mapping[str, object], before: ConfigSource, after: ConfigSource, *, probe_id: str = "b1"
) -> CheckRequests:
    """Make the requests that do what a health check does: from this host, to its address, with its PROXY line or without.

    Args:
        check: its keys, see `_health.definition`; or those of a default probe, see `_health.probe`.
        before: the configuration from before.
        after: the configuration from after; its sockets come first.
        probe_id: the id of the first probe.

    Raises:
        RouteError: no client could send it.
    """
    try:
        # A default probe has keys of its own beside those of a check.
        made = parse_probe(check).check
    except HealthError as error:
        return CheckRequests([], str(error))
    secure = made.kind == "certificate" or (isinstance(made.target, Url) and made.target.scheme == "https")
    routers = [Router(side.loaded) for side in (after, before)]
    given = made.kind != "url" or bool(check.get("address"))
    listen = _listen_at(made.address, routers, secure=secure) if given else None
    if given and listen is None:
        return CheckRequests([], f"neither configuration listens on {made.address}")
    if made.kind == "url":
        probe = _request(check, made, before, after, probe_id)
    else:
        probe = Probe(probe_id, t.cast("ListenSocket", listen), follow=False, origin="expect")
        probe = replace(probe, protocol="tcp" if made.kind == "tcp" else "tls", why="asked for")
    listen = replace(probe.listen if listen is None else listen, proxy_protocol=made.proxy_protocol)
    probe = replace(probe, listen=listen, sni=(made.sni or None) if listen.ssl else None)
    own = _own_client(made.address) if given else None
    probe = replace(probe, client=own or default_client(listen.address))
    failing = [FailingRequest(probe, only=_aspects(made))]
    if made.kind == "url" and listen.ssl and made.verify:
        # A certificate that is refused leaves the answer as it was.
        shake = replace(probe, id=f"{probe_id}+tls", protocol="tls", target="/", method="GET", host=None, headers=[])
        failing.append(FailingRequest(shake, beside=True, only=["tls"]))
    return CheckRequests(failing)


def _aspects(check: Check) -> list[str]:
    """Return the aspects of an outcome that may let a check fail, what it expects among them.

    A header that it does not look at does not. What the upstream is asked for counts, since the real one decides the answer.
    """
    if check.kind != "url":
        return ["tls", "status"] if check.kind == "certificate" else ["status", "upstream", "body"]
    headers = [f"header:{name.lower()}" for name in check.headers]
    return ["status", "chain", "location", *headers, "upstream", "upstream-headers", "body", "errors"]


def _request(
    check: Mapping[str, object], made: Check, before: ConfigSource, after: ConfigSource, probe_id: str
) -> Probe:
    headers = check.get("request_headers")
    fields: dict[str, object] = {
        "url": str(check["url"]).partition("#")[0],
        "method": made.method,
        "host": made.host,
        "headers": {name: str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {},
    }
    return request_of(fields, before, after, probe_id=probe_id)


def _listen_at(address: Address, routers: Sequence[Router], *, secure: bool) -> ListenSocket | None:
    """Return the socket that a connection arrives at, as the check speaks there; None where neither configuration has one."""
    literal = "127.0.0.1" if address.host == "localhost" else address.host
    for router in routers:
        if address.path:
            listener = router.listener(f"unix:{address.path}", 0)
        elif is_literal(Socket(router_address(literal), address.port)):
            listener = router.listener(router_address(literal), address.port)
        else:
            # The address of a name is not known here.
            listener = next((each for each in router.listeners.values() if each.socket.port == address.port), None)
        found = None if listener is None else listen_of(listener)
        if found is not None:
            # A wildcard socket is reached at the loopback address, where clients are others.
            return replace(found, ssl=secure, address=literal if _is_loopback(literal) else found.address)
    return None


def _own_client(address: Address) -> str | None:
    """Return the address that this host has when it asks one of its own; None where that is not known."""
    if address.host == "localhost" or _is_loopback(address.host):
        return "::1" if ":" in address.host else "127.0.0.1"
    return address.host if is_literal(Socket(router_address(address.host), address.port)) else None


def _is_loopback(host: str) -> bool:
    return host == "::1" or (host.startswith("127.") and is_literal(Socket(host, 0)))
