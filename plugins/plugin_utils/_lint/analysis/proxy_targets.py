# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Parse the targets of `proxy_pass` and its like, as ngx_parse_url() (src/core/ngx_inet.c) does."""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

PASS_DIRECTIVES: t.Final = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass")
#: Those behind which an application may stand, with headers and pages of its own.
APPLICATION_PASS_DIRECTIVES: t.Final = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass")
#: Those that speak HTTP: they have a scheme, and a port of their own where none is written.
HTTP_PASS_DIRECTIVES: t.Final = ("proxy_pass", "grpc_pass")
#: Variables that begin with a slash, so that what stands before them is a whole authority.
PATH_VARIABLES: t.Final = frozenset({"request_uri", "uri", "document_uri"})
_URL: t.Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*|\$\w+)://)?(?P<authority>[^/?]*)(?P<uri>.*)", re.DOTALL
)
_PATH: t.Final = re.compile(r"\$\{?(?:" + "|".join(sorted(PATH_VARIABLES)) + r")\b\}?")
_PORTS: t.Final = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}


class ProxyTarget(t.NamedTuple):
    """A parsed target. `host` is empty for a unix socket and where a variable decides it."""

    scheme: str
    host: str
    #: The port as written, 0 without one.
    port: int
    #: The rest behind the authority: a path, a query, variables.
    uri: str
    #: True where it has a variable: nginx then parses the target anew for every request.
    dynamic: bool

    @property
    def default_port(self) -> int:
        """The port of a target that writes none; 0 for protocols without one."""
        return _PORTS.get(self.scheme, 0)

    @property
    def is_name(self) -> bool:
        """True where the host is a name, not an address."""
        return bool(self.host) and not is_address(self.host)


@lru_cache(maxsize=16384)
def parse_proxy_target(text: str) -> ProxyTarget:
    """Split a target as written into its parts."""
    # Every part of the pattern may be empty: it matches any text.
    match = t.cast("re.Match[str]", _URL.fullmatch(text))
    scheme, authority, uri = (match["scheme"] or "").lower(), match["authority"], match["uri"]
    dynamic = "$" in text
    if authority.startswith("unix:"):
        return ProxyTarget(scheme, "", 0, uri.partition(":")[2], dynamic)
    path = _PATH.search(authority)
    if path is not None:
        authority, uri = authority[: path.start()], authority[path.start() :] + uri
    if "$" in authority:
        return ProxyTarget(scheme, "", 0, uri, dynamic)
    host, _sep, port = authority.rpartition(":") if re.search(r":\d+$", authority) else (authority, "", "")
    return ProxyTarget(scheme, host.lower(), int(port or 0), uri, dynamic)
