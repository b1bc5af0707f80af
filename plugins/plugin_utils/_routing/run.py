# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The state of one simulated request, and how a simulation ends."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin

from .outcome import Outcome, Request, Step
from .select import bare_host
from .variables import State

if t.TYPE_CHECKING:
    import re

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import Scope
    from .outcome import Kind
    from .select import Server
    from .variables import Definitions

#: NGX_HTTP_MAX_URI_CHANGES (src/http/ngx_http_request.h).
MAX_URI_CHANGES: t.Final = 10
REDIRECTS: t.Final = frozenset({301, 302, 303, 307, 308})
#: The lowest status of an error.
LOWEST_ERROR: t.Final = 400
ABSOLUTE: t.Final = ("http://", "https://", "$scheme")

#: A phase of nginx: it returns the next one, or the outcome.
Next = t.Callable[[], t.Any]


class Run:
    """One request's way through a server: its URI, scope, variables and what sent it elsewhere so far."""

    def __init__(self, server: Server, definitions: Definitions, request: Request, match: re.Match[str] | None) -> None:
        self.server = server
        self.request = request
        self.scope: Scope = server.scope
        self.trace: list[Step] = []
        self.changes = MAX_URI_CHANGES + 1
        self.uri_changed = False
        self.internal = False
        self.error_page_used = False
        #: The status that an error page is sent with, where `=` does not leave it to the page.
        self.err_status: int | None = None
        #: What follows depends on an index file that may not exist.
        self.assumed = False
        #: An undecidable `if` may have put other settings in place of the location's.
        self.undecided = False
        self.state = State(
            definitions,
            scheme=request.scheme,
            host=bare_host(request.host),
            port=request.listener.socket.port,
            server_name=server.first_name,
            uri=request.uri,
            args=request.args,
            request_uri=request.request_uri,
        )
        if match is not None:
            self.state.matched(match)

    def redirect(self, status: int, location: str, directive: Directive) -> Outcome:
        """End with a redirect, unless an error page takes its place."""
        if any(str(status) in page.args[:-1] for page in self.scope.effective("error_page")):
            return self.unknown("an error_page for redirects")
        location = self.absolute(location)
        self.trace.append(Step(directive, location))
        return self.end("redirect", status, location)

    def absolute(self, location: str) -> str:
        """Return the URL that the client is sent to: ngx_http_header_filter() completes paths, the client the rest."""
        scope = self.scope
        if location.startswith(ABSOLUTE[:2]):
            return location
        if not location.startswith("/") or not scope.flag("absolute_redirect", default=True):
            return urljoin(self.request.url, location) if location else self.request.url
        host = self.server.first_name if scope.flag("server_name_in_redirect", default=False) else self.state.host
        default = 443 if self.request.scheme == "https" else 80
        port = self.state.port if scope.flag("port_in_redirect", default=True) else 0
        return f"{self.request.scheme}://{host}{f':{port}' if port not in (0, default) else ''}{location}"

    def unknown(self, reason: str) -> Outcome:
        """End undecided, with the reason."""
        return self.end("unknown", reason=reason)

    def end(self, kind: Kind, status: int | None = None, location: str | None = None, reason: str = "") -> Outcome:
        """End with an outcome."""
        if self.assumed and kind != "content":
            kind, status, location, reason = "unknown", None, None, reason or "which index file exists"
        if self.err_status is not None and kind in ("content", "return") and (status or 0) < LOWEST_ERROR:
            status = self.err_status
        return Outcome(kind, status, location, tuple(self.trace), reason)
