# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rewrite directives at work (ngx_http_rewrite_module.c)."""

from __future__ import annotations

import typing as t

from .conditions import denies, evaluate, forget_captures
from .outcome import Outcome, Step
from .pattern import compile_pattern
from .run import ABSOLUTE, LOWEST_ERROR, REDIRECTS
from .template import split_args

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import Scope
    from .run import Next, Run


class _Stop:
    """The rest of a scope's rewrite directives is skipped."""


_STOP: t.Final = _Stop()
Result = Outcome | _Stop | None


class RewriteProgram:
    """Execute a scope's rewrite directives. The caller handles errors."""

    def __init__(self, run: Run, error: Callable[[int, Directive], Outcome | Next]) -> None:
        self._run = run
        self._error = error

    def execute(self, scope: Scope) -> Result:
        """Execute the directives in order; return what ended them, None where all were executed."""
        for directive, pattern in scope.steps:
            if pattern is not None and pattern.search(self._run.state.uri) is None:
                # Long lists of rewrites are common, and most of them do not match.
                self._run.state.captures = ()
                continue
            result = self._execute(directive, scope)
            if result is not None:
                return result
        return None

    def _execute(self, directive: Directive, scope: Scope) -> Result:
        name = directive.name
        if name == "if":
            return self._branch(directive, scope)
        if name == "rewrite":
            return self._rewrite(directive)
        if name == "return":
            return self._return(directive)
        if name == "break":
            self._run.uri_changed = False
            return _STOP
        if name == "include":
            return self._run.unknown("an included file is not at hand")
        self._assign(directive)
        return None

    def _assign(self, directive: Directive) -> None:
        variable = directive.args[0].lstrip("$").lower()
        known = directive.name == "set" and len(directive.args) > 1
        value = self._run.state.text(directive.args[1]) if known else None
        if variable == "args" and value is not None:
            self._run.state.args = value
        else:
            self._run.state.values[variable] = value

    def _branch(self, directive: Directive, scope: Scope) -> Result:
        inner = scope.branch(directive)
        holds = evaluate(directive, self._run.state, self._run.request.missing, switches=self._run.request.switches)
        if holds is None:
            return self._undecidable(inner, scope)
        if not holds:
            return None
        if scope is not self._run.server.scope:
            self._run.scope = inner
        return self.execute(inner)

    def _undecidable(self, inner: Scope, scope: Scope) -> Result:
        """Pass an undecidable `if` where it only denies or assigns, else end the simulation."""
        forget_captures(inner.directive, self._run.state)
        if inner.program and all(denies(directive) for directive in inner.program[:1]):
            return None
        if any(directive.name != "set" for directive in inner.program):
            return self._run.unknown("an if that cannot be decided")
        for directive in inner.program:
            self._run.state.values[directive.args[0].lstrip("$").lower()] = None
        if scope is not self._run.server.scope:
            self._run.undecided = True
        return None

    def _rewrite(self, directive: Directive) -> Result:
        pattern = compile_pattern(directive.args[0])
        if pattern is None:
            return self._run.unknown("a rewrite regex could not be read")
        match = pattern.search(self._run.state.uri)
        if match is None:
            self._run.state.captures = ()
            return None
        self._run.state.matched(match)
        replacement = directive.args[1]
        flag = directive.args[2] if len(directive.args) > 2 else ""  # noqa: PLR2004 -- regex and replacement come first
        keep_args = not replacement.endswith("?")
        uri_parts, args_parts = split_args(replacement.removesuffix("?"))
        uri = self._run.state.join(uri_parts)
        args = None if args_parts is None else self._run.state.join(args_parts)
        if uri is None or (args_parts is not None and args is None):
            return self._run.unknown(f"what {replacement} stands for")
        if keep_args and self._run.state.args:
            args = f"{args}&{self._run.state.args}" if args is not None else self._run.state.args
        if flag in ("redirect", "permanent") or replacement.startswith(ABSOLUTE):
            status = 301 if flag == "permanent" else 302
            return self._run.redirect(status, uri + (f"?{args}" if args is not None else ""), directive)
        return self._rewritten(directive, uri, args or "", flag)

    def _rewritten(self, directive: Directive, uri: str, args: str, flag: str) -> Result:
        if not uri:
            return self._finish(self._error(500, directive))
        self._run.state.uri, self._run.state.args = uri, args
        self._run.internal = True
        self._run.uri_changed = flag != "break"
        self._run.trace.append(Step(directive, uri + (f"?{args}" if args else "")))
        return _STOP if flag in ("last", "break") else None

    def _return(self, directive: Directive) -> Outcome:
        """Execute a `return`."""
        first = directive.args[0] if directive.args else ""
        status = int(first) if first.isdecimal() else 302
        text = directive.args[1] if len(directive.args) > 1 else ("" if first.isdecimal() else first)
        if status in REDIRECTS and text:
            location = self._run.state.text(text)
            if location is None:
                return self._run.unknown(f"what {text} stands for")
            return self._run.redirect(status, location, directive)
        if status >= LOWEST_ERROR and not text:
            return self._finish(self._error(status, directive))
        self._run.trace.append(Step(directive, str(status)))
        return self._run.end("return", status)

    def _finish(self, step: t.Any) -> Outcome:
        """Run the phases that follow from within a program, which a `return` ends for good."""
        while not isinstance(step, Outcome):
            step = step()
        return step
