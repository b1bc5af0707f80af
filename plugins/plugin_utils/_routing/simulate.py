# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Simulate a request in the order of nginx's phases (src/http/ngx_http_core_module.c), with "unknown" as an outcome.

Server rewrite, find location, location rewrite, access, try_files, content; internal redirects start over at the server
rewrite, named locations at the location rewrite. After ten changes of the URI nginx gives up with a 500.
"""

from __future__ import annotations

import typing as t

from .errors import RouteError
from .files import is_file, is_folder, is_missing
from .outcome import Outcome, Request, Step
from .program import RewriteProgram
from .run import MAX_URI_CHANGES, REDIRECTS, Run
from .select import Router, Server

if t.TYPE_CHECKING:
    import re

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import Scope
    from .outcome import Kind
    from .program import Result
    from .run import Next
    from .variables import Definitions

__all__ = ["MAX_URI_CHANGES", "REDIRECTS", "simulate"]


def simulate(router: Router, definitions: Definitions, request: Request) -> Outcome:
    """Return what a request gets.

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
    """Run nginx's phases for one request."""

    def __init__(self, server: Server, definitions: Definitions, request: Request, match: re.Match[str] | None) -> None:
        self._run = Run(server, definitions, request, match)

    def run(self) -> Outcome:
        step: t.Any = self.server_rewrite
        while not isinstance(step, Outcome):
            step = step()
        return step

    def _execute(self, scope: Scope) -> Result:
        if not scope.steps:
            return None
        # Kept as an attribute, the program would refer back to this object: a cycle that only the collector frees.
        return RewriteProgram(self._run, self.error).execute(scope)

    # -- phases: each returns the next one, or the outcome

    def server_rewrite(self) -> Outcome | Next:
        self._run.scope, self._run.undecided = self._run.server.scope, False
        if self._run.server.scope.effective("ssl_reject_handshake") and self._run.server.scope.flag(
            "ssl_reject_handshake", default=False
        ):
            return self._run.end("unknown", reason="the TLS handshake is rejected")
        result = self._execute(self._run.server.scope)
        if isinstance(result, Outcome):
            return result
        if self._run.server.scope.effective("server_rewrite_by_lua"):
            return self._run.unknown("Lua")
        return self.find_location

    def find_location(self) -> Outcome | Next:
        self._run.scope, self._run.undecided, self._run.uri_changed = self._run.server.scope, False, False
        found = self._run.server.scope.locations.find(self._run.state.uri)
        if not found.certain:
            return self._run.unknown("a location regex could not be read")
        if found.location is None:
            return self.access
        self._run.scope = found.location.for_get
        if found.match is not None:
            self._run.state.matched(found.match)
        if found.location.scope.internal and not self._run.internal:
            return self.error(404, found.location.scope.directive)
        if found.add_slash:
            args = f"?{self._run.state.args}" if self._run.state.args else ""
            return self._run.redirect(301, found.location.name + args, found.location.scope.directive)
        return self.location_rewrite

    def location_rewrite(self) -> Outcome | Next:
        self._run.uri_changed = False
        result = self._execute(self._run.scope)
        if isinstance(result, Outcome):
            return result
        if self._run.scope.effective("rewrite_by_lua"):
            return self._run.unknown("Lua")
        if self._run.uri_changed:
            return self.change() or self.find_location
        return self.access

    def access(self) -> Outcome | Next:
        if self._run.undecided:
            return self._run.unknown("an if that cannot be decided")
        if self._run.scope.effective("access_by_lua"):
            return self._run.unknown("Lua")
        rules = self._run.scope.effective("allow")
        if rules and rules[0].name == "deny" and rules[0].args == ["all"] and not self._run.scope.effective("satisfy"):
            return self.error(403, rules[0])
        return self.try_files if self._run.scope.try_files is not None else self.content

    def try_files(self) -> Outcome | Next:
        directive = t.cast("Directive", self._run.scope.try_files)
        for template in directive.args[:-1]:
            folder = template.endswith("/")
            path = self._run.state.text(template.removesuffix("/"))
            if path is None:
                return self._run.unknown(f"what {template} stands for")
            if folder and "$" not in template:
                return self._run.unknown("whether a folder exists")
            # "$uri/" loses its slash before it is filled in, so "/" and "/app/" arrive with the URI's own.
            if (
                is_folder(path or "/", self._run.request.missing)
                if folder
                else is_file(path, self._run.request.missing)
            ):
                self._run.state.uri = path or "/"
                return self.content
        fallback = directive.args[-1]
        if fallback.startswith("="):
            return self.error(int(fallback[1:]) if fallback[1:].isdecimal() else 500, directive)
        target = self._run.state.text(fallback)
        if target is None:
            return self._run.unknown(f"what {fallback} stands for")
        return self.internal_redirect(target, directive)

    def content(self) -> Outcome | Next:
        if self._run.scope.handler is not None:
            return self._run.end("content", 200)
        if self._run.state.uri.endswith("/"):
            return self.index()
        if is_missing(self._run.state.uri, self._run.request.missing):
            return self.error(404, None)
        return self._run.end("content", 200)

    def index(self) -> Outcome | Next:
        """Redirect internally to the first index file that exists (ngx_http_index_handler())."""
        found = self._run.scope.effective("index")
        names = (found[-1].args if found else None) or ["index.html"]
        if names[0].startswith("/"):
            target = self._run.state.text(names[0])
            if target is None:
                return self._run.unknown(f"what {names[0]} stands for")
            return self.internal_redirect(target, found[-1], args=self._run.state.args)
        if is_missing(self._run.state.uri, self._run.request.missing):
            return self.error(404, None)
        # The only index file that is named is one that exists; of several, or of nginx's own, that is unknown.
        self._run.assumed = self._run.assumed or not found or len(names) > 1
        name = self._run.state.text(names[0])
        if name is None or not is_file(self._run.state.uri + name, self._run.request.missing):
            return self._run.unknown("which index file exists")
        return self.internal_redirect(
            self._run.state.uri + name, found[-1] if found else None, args=self._run.state.args
        )

    # -- internal redirects

    def change(self) -> Outcome | None:
        """Count one change of the URI; return the outcome after too many."""
        self._run.changes -= 1
        return self._run.end("internal-cycle", 500) if self._run.changes == 0 else None

    def internal_redirect(self, target: str, directive: Directive | None, args: str | None = None) -> Outcome | Next:
        if directive is not None:
            self._run.trace.append(Step(directive, target))
        if target.startswith("@"):
            return self.named(target)
        uri, _sep, own_args = target.partition("?")
        cycle = self.change()
        if cycle is not None:
            return cycle
        self._run.internal = True
        self._run.state.uri = uri
        self._run.state.args = own_args if args is None else args
        return self.server_rewrite

    def named(self, name: str) -> Outcome | Next:
        cycle = self.change()
        if cycle is not None:
            return cycle
        location = self._run.server.scope.locations.named.get(name)
        if location is None:
            if self._run.server.scope.incomplete:
                return self._run.unknown("an included file is not at hand")
            return self.error(500, None, "missing-named-location")
        self._run.internal = True
        self._run.scope, self._run.undecided = location.for_get, False
        return self.location_rewrite

    def error(self, status: int, directive: Directive | None, kind: Kind = "return") -> Outcome | Next:
        """Send the error page that holds here, if it may still be used (ngx_http_special_response_handler())."""
        if directive is not None:
            self._run.trace.append(Step(directive, str(status)))
        if not self._run.error_page_used and self._run.changes != 0:
            for page in self._run.scope.effective("error_page"):
                if str(status) in page.args[:-1]:
                    return self.send_error_page(status, page)
        return self._run.end(kind, status)

    def send_error_page(self, status: int, page: Directive) -> Outcome | Next:
        if not self._run.scope.flag("recursive_error_pages", default=False):
            self._run.error_page_used = True
        target = self._run.state.text(page.args[-1])
        if target is None:
            return self._run.unknown(f"what {page.args[-1]} stands for")
        answer = next((arg[1:] for arg in page.args if arg.startswith("=")), None)
        code = status if answer is None else int(answer) if answer.isdecimal() else None
        if target.startswith(("/", "@")):
            self._run.err_status = code
            return self.internal_redirect(target, page)
        return self._run.redirect(code if code in REDIRECTS else 302, target, page)
