# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests as users and health checks write them, made into probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.cases import WrittenRequest, make_request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals

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


def request_of_check(
    check: Mapping[str, object], before: ConfigSource, after: ConfigSource, *, probe_id: str = "b1"
) -> Probe | None:
    """Make the probe that sends what a health check sends, None for a check without a URL.

    Raises:
        RouteError: no client could send it.
    """
    if not check.get("url"):
        return None
    url = str(check["url"]).partition("#")[0]
    method = check.get("method") or "GET"
    request = make_request(WrittenRequest(url=url, method=str(method)), {})
    port = str(check.get("address") or "").rpartition(":")[2]
    if port.isdigit():
        name, _colon, given = request.authority.rpartition(":")
        url = f"{request.scheme}://{name if given.isdigit() else request.authority}:{port}{request.target}"
    headers = check.get("request_headers")
    fields: dict[str, object] = {
        "url": url,
        "method": method,
        "host": check.get("host") or request.authority,
        "headers": {name: str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {},
    }
    if check.get("sni"):
        fields["sni"] = check["sni"]
    return request_of(fields, before, after, probe_id=probe_id)
