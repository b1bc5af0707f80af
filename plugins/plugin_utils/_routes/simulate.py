# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a request gets, in the order of nginx's phases (src/http/ngx_http_core_module.c), with "unknown" as an answer.

Server rewrite, find location, location rewrite, access, try_files, content; internal redirects start over at the server
rewrite, named locations at the location rewrite. After ten changes of the URI nginx gives up with a 500.
"""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin

from .conditions import denies, evaluate, forget_captures
from .errors import RouteError
from .files import is_file, is_folder, is_missing
from .outcome import Outcome, Request, Step
from .pattern import compile_pattern
from .select import Router, Server, bare_host
from .template import split_args
from .variables import State

if t.TYPE_CHECKING:
    import re

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import Scope
    from .outcome import Kind
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
_Result = Outcome | _Stop | None


def simulate(router: Router, definitions: Definitions, request: Request) -> Outcome:
    """What a request gets.

    Raises:
        RouteError: the URI does not begin with a slash.
    """
    if not request.uri.startswith("/"):
        msg = f"not a path: {request.uri}"
        raise RouteError(msg)
    selected = router.select(request.listener, request.host)
    if selected is None:
        return Outcome("unknown", reason="a server_name regex could not be read")
    return _Simulation(selected.server, definitions, request, selected.match).run()


class _Simulation:
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

    def run(self) -> Outcome:
        step: t.Any = self.server_rewrite
        while not isinstance(step, Outcome):
            step = step()
        return step

    # -- phases: each returns the next one, or the outcome

    def server_rewrite(self) -> Outcome | Next:
        self.scope, self.undecided = self.server, False
        if self.server.effective("ssl_reject_handshake") and self.server.flag("ssl_reject_handshake", default=False):
            return self.end("unknown", reason="the TLS handshake is rejected")
        result = self.rewrites(self.server)
        if isinstance(result, Outcome):
            return result
        if self.server.effective("server_rewrite_by_lua"):
            return self.unknown("Lua")
        return self.find_location

    def find_location(self) -> Outcome | Next:
        self.scope, self.undecided, self.uri_changed = self.server, False, False
        found = self.server.locations.find(self.state.uri)
        if not found.certain:
            return self.unknown("a location regex could not be read")
        if found.location is None:
            return self.access
        self.scope = found.location.for_get
        if found.match is not None:
            self.state.matched(found.match)
        if found.location.internal and not self.internal:
            return self.error(404, found.location.directive)
        if found.add_slash:
            args = f"?{self.state.args}" if self.state.args else ""
            return self.redirect(301, found.location.name + args, found.location.directive)
        return self.location_rewrite

    def location_rewrite(self) -> Outcome | Next:
        self.uri_changed = False
        result = self.rewrites(self.scope)
        if isinstance(result, Outcome):
            return result
        if self.scope.effective("rewrite_by_lua"):
            return self.unknown("Lua")
        if self.uri_changed:
            return self.change() or self.find_location
        return self.access

    def access(self) -> Outcome | Next:
        if self.undecided:
            return self.unknown("an if that cannot be decided")
        if self.scope.effective("access_by_lua"):
            return self.unknown("Lua")
        rules = self.scope.effective("allow")
        if rules and rules[0].name == "deny" and rules[0].args == ["all"] and not self.scope.effective("satisfy"):
            return self.error(403, rules[0])
        return self.try_files if self.scope.try_files is not None else self.content

    def try_files(self) -> Outcome | Next:
        directive = t.cast("Directive", self.scope.try_files)
        for template in directive.args[:-1]:
            folder = template.endswith("/")
            path = self.state.text(template.removesuffix("/"))
            if path is None:
                return self.unknown(f"what {template} stands for")
            if folder and "$" not in template:
                return self.unknown("whether a folder exists")
            # "$uri/" loses its slash before it is filled in, so "/" and "/app/" arrive with the URI's own.
            if is_folder(path or "/", self.request.missing) if folder else is_file(path, self.request.missing):
                self.state.uri = path or "/"
                return self.content
        fallback = directive.args[-1]
        if fallback.startswith("="):
            return self.error(int(fallback[1:]) if fallback[1:].isdecimal() else 500, directive)
        target = self.state.text(fallback)
        if target is None:
            return self.unknown(f"what {fallback} stands for")
        return self.internal_redirect(target, directive)

    def content(self) -> Outcome | Next:
        if self.scope.handler is not None:
            return self.end("content", 200)
        if self.state.uri.endswith("/"):
            return self.index()
        if is_missing(self.state.uri, self.request.missing):
            return self.error(404, None)
        return self.end("content", 200)

    def index(self) -> Outcome | Next:
        """ngx_http_index_handler(): the first index file that exists, by an internal redirect."""
        found = self.scope.effective("index")
        names = (found[-1].args if found else None) or ["index.html"]
        if names[0].startswith("/"):
            target = self.state.text(names[0])
            if target is None:
                return self.unknown(f"what {names[0]} stands for")
            return self.internal_redirect(target, found[-1], args=self.state.args)
        if is_missing(self.state.uri, self.request.missing):
            return self.error(404, None)
        # The only index file that is named is one that exists; of several, or of nginx's own, nobody knows.
        self.assumed = self.assumed or not found or len(names) > 1
        name = self.state.text(names[0])
        if name is None or not is_file(self.state.uri + name, self.request.missing):
            return self.unknown("which index file exists")
        return self.internal_redirect(self.state.uri + name, found[-1] if found else None, args=self.state.args)

    # -- internal redirects

    def change(self) -> Outcome | None:
        """Counts one change of the URI."""
        self.changes -= 1
        return self.end("internal-cycle", 500) if self.changes == 0 else None

    def internal_redirect(self, target: str, directive: Directive | None, args: str | None = None) -> Outcome | Next:
        if directive is not None:
            self.trace.append(Step(directive, target))
        if target.startswith("@"):
            return self.named(target)
        uri, _sep, own_args = target.partition("?")
        cycle = self.change()
        if cycle is not None:
            return cycle
        self.internal = True
        self.state.uri = uri
        self.state.args = own_args if args is None else args
        return self.server_rewrite

    def named(self, name: str) -> Outcome | Next:
        cycle = self.change()
        if cycle is not None:
            return cycle
        location = self.server.locations.named.get(name)
        if location is None:
            if self.server.incomplete:
                return self.unknown("an included file is not at hand")
            return self.error(500, None, "missing-named-location")
        self.internal = True
        self.scope, self.undecided = location.for_get, False
        return self.location_rewrite

    def error(self, status: int, directive: Directive | None, kind: Kind = "return") -> Outcome | Next:
        """ngx_http_special_response_handler(): the error page that holds here, if it may still be used."""
        if directive is not None:
            self.trace.append(Step(directive, str(status)))
        if not self.error_page_used and self.changes != 0:
            for page in self.scope.effective("error_page"):
                if str(status) in page.args[:-1]:
                    return self.send_error_page(status, page)
        return self.end(kind, status)

    def send_error_page(self, status: int, page: Directive) -> Outcome | Next:
        if not self.scope.flag("recursive_error_pages", default=False):
            self.error_page_used = True
        target = self.state.text(page.args[-1])
        if target is None:
            return self.unknown(f"what {page.args[-1]} stands for")
        answer = next((arg[1:] for arg in page.args if arg.startswith("=")), None)
        code = status if answer is None else int(answer) if answer.isdecimal() else None
        if target.startswith(("/", "@")):
            self.err_status = code
            return self.internal_redirect(target, page)
        return self.redirect(code if code in REDIRECTS else 302, target, page)

    # -- the rewrite program

    def rewrites(self, scope: Scope) -> _Result:
        for directive, pattern in scope.steps:
            if pattern is not None and pattern.search(self.state.uri) is None:
                # Long lists of rewrites are common, and most of them do not match.
                self.state.captures = ()
                continue
            result = self.execute(directive, scope)
            if result is not None:
                return result
        return None

    def execute(self, directive: Directive, scope: Scope) -> _Result:
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

    def branch(self, directive: Directive, scope: Scope) -> _Result:
        inner = scope.branch(directive)
        holds = evaluate(directive, self.state, self.request.missing)
        if holds is None:
            return self.undecidable(inner, scope)
        if not holds:
            return None
        if scope is not self.server:
            self.scope = inner
        return self.rewrites(inner)

    def undecidable(self, inner: Scope, scope: Scope) -> _Result:
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

    def rewrite(self, directive: Directive) -> _Result:
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

    def rewritten(self, directive: Directive, uri: str, args: str, flag: str) -> _Result:
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
