# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The request that a probe stands for: its URL, host, path and listener."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin, urlsplit, urlunsplit

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import normalise
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import router_address

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe

_PORTS: t.Final = {"http": 80, "https": 443}
#: The header by which a proxy that ends TLS tells the client's scheme.
FORWARDED_SCHEME: t.Final = "x-forwarded-proto"

#: Ends of the id of a probe that is sent again with more files there: those that the configuration names, those that
#: requests ask for, those that nginx reported missing.
NAMED_FILES, REQUESTED_FILES, REPORTED_FILES = "+fallback", "+files", "+reported"
SENT_AGAIN: t.Final = (NAMED_FILES, REQUESTED_FILES, REPORTED_FILES)


def planned_id(probe_id: str) -> str:
    """Return the id of the probe of the plan that a probe is, or was sent again for."""
    return probe_id.partition("+")[0] if probe_id.endswith(SENT_AGAIN) else probe_id


def host_of(probe: Probe) -> str:
    """Return the host that a probe asks for, in lower case without port; "" without one."""
    host = (probe.host or probe.sni or "").lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")


def path_of(probe: Probe) -> str:
    """Return the path that a probe asks for, decoded as nginx decodes it; "" for an invalid one."""
    return normalise(probe.target.partition("?")[0]) or ""


def is_scenario(probe: Probe) -> bool:
    """Return True for a probe under made-up circumstances: upstreams that answer as told, files that are created."""
    return bool(probe.answers or probe.made_files)


def socket_key(listen: ListenSocket) -> tuple[str, int]:
    """Return address and port as `Router.listener` takes them: `*` for all, brackets around IPv6."""
    return router_address(listen.address), listen.port


def listener_name(listen: ListenSocket) -> str:
    """Return a listener as `listen` would name it: `*:80`, `[::]:443`, `unix:/run/x.sock`."""
    address, port = socket_key(listen)
    return address if address.startswith("unix:") else f"{address}:{port}"


def url_of(probe: Probe) -> str:
    """Return the URL that a client of this probe asks for; TLS may end in front of nginx."""
    scheme = "https" if probe.listen.ssl else "http"
    port = probe.listen.port or _PORTS[scheme]
    forwarded = next((value for name, value in probe.headers if name.lower() == FORWARDED_SCHEME), scheme)
    if forwarded != scheme and forwarded in _PORTS:
        scheme, port = forwarded, _PORTS[forwarded]
    host = probe.host or probe.sni or ""
    if not host:
        address = probe.listen.address
        host = f"[{address}]" if ":" in address and not address.startswith("unix:") else address
    authority = host if port == _PORTS[scheme] or host.rpartition(":")[2].isdecimal() else f"{host}:{port}"
    return f"{scheme}://{authority}{probe.target if probe.target.startswith('/') else '/' + probe.target}"


def clean_url(url: str, base: str = "") -> str | None:
    """Return the one spelling of a URL: lower-case host, no default port, no fragment; None for an invalid one.

    Args:
        url: a URL, or a reference as in `Location`.
        base: the URL that a reference is relative to.
    """
    try:
        parts = urlsplit(urljoin(base, url))
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return urlunsplit((parts.scheme, authority, parts.path or "/", parts.query, ""))
