# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A rewrite program at work (ngx_http_rewrite_module.c), and what one request's simulation knows so far."""

from __future__ import annotations

import typing as t
from abc import ABC, abstractmethod
from urllib.parse import urljoin

from .conditions import denies, evaluate, forget_captures
from .outcome import Outcome, Request, Step
from .pattern import compile_pattern
from .select import bare_host
from .template import split_args
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
_DENIES: t.Final = 400
_ABSOLUTE: t.Final = ("http://", "https://", "$scheme")

Next = t.Callable[[], t.Any]


class _Stop:
    """The rest of a rewrite program is skipped."""


_STOP: t.Final = _Stop()
Result = Outcome | _Stop | None


class Program(ABC):
    """Runs the rewrite program of any scope. Who runs the other phases says what an error leads to."""

    def __init__(self, server: Server, definitions: Definitions, request: Request, match: re.Match[str] | None) -> None:
        self.server = server
        self.request = request
        self.scope: Scope = server
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

    @abstractmethod
    def error(self, status: int, directive: Directive | None, kind: Kind = "return") -> Outcome | Next:
        """An answer that an error page may take the place of."""

    # -- the rewrite program

    def rewrites(self, scope: Scope) -> Result:
        for directive, pattern in scope.steps:
            if pattern is not None and pattern.search(self.state.uri) is None:
                # Long lists of rewrites are common, and most of them do not match.
                self.state.captures = ()
                continue
            result = self.execute(directive, scope)
            if result is not None:
                return result
        return None

    def execute(self, directive: Directive, scope: Scope) -> Result:
        name = directive.name
        if name == "if":
            return self.branch(directive, scope)
        if name == "rewrite":
            return self.rewrite(directive)
        if name == "return":
            return self.give(directive)
        if name == "break":
            self.uri_changed = False
            return _STOP
        if name == "include":
            return self.unknown("an included file is not at hand")
        self.assign(directive)
        return None

    def assign(self, directive: Directive) -> None:
        variable = directive.args[0].lstrip("$").lower()
        known = directive.name == "set" and len(directive.args) > 1
        value = self.state.text(directive.args[1]) if known else None
        if variable == "args" and value is not None:
            self.state.args = value
        else:
            self.state.values[variable] = value

    def branch(self, directive: Directive, scope: Scope) -> Result:
        inner = scope.branch(directive)
        holds = evaluate(directive, self.state, self.request.missing, switches=self.request.switches)
        if holds is None:
            return self.undecidable(inner, scope)
        if not holds:
            return None
        if scope is not self.server:
            self.scope = inner
        return self.rewrites(inner)

    def undecidable(self, inner: Scope, scope: Scope) -> Result:
        """An `if` that cannot be decided: passes where it only denies or assigns, else ends the simulation."""
        forget_captures(inner.directive, self.state)
        if inner.program and all(denies(directive) for directive in inner.program[:1]):
            return None
        if any(directive.name != "set" for directive in inner.program):
            return self.unknown("an if that cannot be decided")
        for directive in inner.program:
            self.state.values[directive.args[0].lstrip("$").lower()] = None
        if scope is not self.server:
            self.undecided = True
        return None

    def rewrite(self, directive: Directive) -> Result:
        pattern = compile_pattern(directive.args[0])
        if pattern is None:
            return self.unknown("a rewrite regex could not be read")
        match = pattern.search(self.state.uri)
        if match is None:
            self.state.captures = ()
            return None
        self.state.matched(match)
        replacement = directive.args[1]
        flag = directive.args[2] if len(directive.args) > 2 else ""  # noqa: PLR2004 -- regex and replacement come first
        keep_args = not replacement.endswith("?")
        uri_parts, args_parts = split_args(replacement.removesuffix("?"))
        uri = self.state.join(uri_parts)
        args = None if args_parts is None else self.state.join(args_parts)
        if uri is None or (args_parts is not None and args is None):
            return self.unknown(f"what {replacement} stands for")
        if keep_args and self.state.args:
            args = f"{args}&{self.state.args}" if args is not None else self.state.args
        if flag in ("redirect", "permanent") or replacement.startswith(_ABSOLUTE):
            status = 301 if flag == "permanent" else 302
            return self.redirect(status, uri + (f"?{args}" if args is not None else ""), directive)
        return self.rewritten(directive, uri, args or "", flag)

    def rewritten(self, directive: Directive, uri: str, args: str, flag: str) -> Result:
        if not uri:
            return self.finish(self.error(500, directive))
        self.state.uri, self.state.args = uri, args
        self.internal = True
        self.uri_changed = flag != "break"
        self.trace.append(Step(directive, uri + (f"?{args}" if args else "")))
        return _STOP if flag in ("last", "break") else None

    def give(self, directive: Directive) -> Outcome:
        """`return`."""
        first = directive.args[0] if directive.args else ""
        status = int(first) if first.isdecimal() else 302
        text = directive.args[1] if len(directive.args) > 1 else ("" if first.isdecimal() else first)
        if status in REDIRECTS and text:
            location = self.state.text(text)
            if location is None:
                return self.unknown(f"what {text} stands for")
            return self.redirect(status, location, directive)
        if status >= _DENIES and not text:
            return self.finish(self.error(status, directive))
        self.trace.append(Step(directive, str(status)))
        return self.end("return", status)

    def finish(self, step: t.Any) -> Outcome:
        """Goes on with the phases from within a rewrite program, which a `return` ends for good."""
        while not isinstance(step, Outcome):
            step = step()
        return step

    # -- ends

    def redirect(self, status: int, location: str, directive: Directive) -> Outcome:
        if any(str(status) in page.args[:-1] for page in self.scope.effective("error_page")):
            return self.unknown("an error_page for redirects")
        location = self.absolute(location)
        self.trace.append(Step(directive, location))
        return self.end("redirect", status, location)

    def absolute(self, location: str) -> str:
        """The URL that the client is sent to: ngx_http_header_filter() completes paths, the client the rest."""
        scope = self.scope
        if location.startswith(_ABSOLUTE[:2]):
            return location
        if not location.startswith("/") or not scope.flag("absolute_redirect", default=True):
            return urljoin(self.request.url, location) if location else self.request.url
        host = self.server.first_name if scope.flag("server_name_in_redirect", default=False) else self.state.host
        default = 443 if self.request.scheme == "https" else 80
        port = self.state.port if scope.flag("port_in_redirect", default=True) else 0
        return f"{self.request.scheme}://{host}{f':{port}' if port not in (0, default) else ''}{location}"

    def unknown(self, reason: str) -> Outcome:
        return self.end("unknown", reason=reason)

    def end(self, kind: Kind, status: int | None = None, location: str | None = None, reason: str = "") -> Outcome:
        if self.assumed and kind != "content":
            kind, status, location, reason = "unknown", None, None, reason or "which index file exists"
        if self.err_status is not None and kind in ("content", "return") and (status or 0) < _DENIES:
            status = self.err_status
        return Outcome(kind, status, location, tuple(self.trace), reason)
