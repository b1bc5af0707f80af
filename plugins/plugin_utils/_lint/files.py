# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on which files a location gives away, and who may ask for them."""

from __future__ import annotations

import typing as t

from .analysis import rewrite_programs
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope

    from .context import Context
    from .finding import Finding

TRAVERSAL: t.Final = Rule(
    "alias-traversal", "warning", "An alias that lets clients climb out of its folder", security=7.5
)
GLUED: t.Final = Rule("alias-without-slash", "error", "An alias that glues its folder to the file's name")
BYPASSED: t.Final = Rule(
    "return-bypasses-access", "warning", "A return that answers before access control", security=6.5
)
RULES: t.Final = (TRAVERSAL, GLUED, BYPASSED)
_ACCESS: t.Final = ("allow", "deny", "auth_basic", "auth_request")
_OK: t.Final = range(200, 300)


def check(context: Context) -> Iterator[Finding]:
    """Every alias, and every block that restricts access."""
    for directive in context.named("alias"):
        _server, scope = context.scopes.get(id(directive.parent), (None, None))
        if scope is not None and scope.directive.name == "location" and directive.args:
            yield from _alias(context, directive, t.cast("Location", scope))
    for _server, scope in context.scopes.values():
        yield from _bypassed(scope)


def _alias(context: Context, directive: Directive, location: Location) -> Iterator[Finding]:
    name, path = location.name, directive.args[0]
    if location.modifier not in ("", "^~") or "$" in path or not name.startswith("/"):
        return
    places = [related("in this location", location.directive.place)]
    if not name.endswith("/") and path.endswith("/") and not location.internal:
        message = (
            f"GET {name}../x is answered with {path}../x, a file outside {path}: nginx puts the alias in the place of {name}, "
            f'and what follows need not begin with a slash. Write "{name}/" as location'
        )
        yield TRAVERSAL.at(directive.place, message, places)
    elif name.endswith("/") and path[-1:].isalnum() and not _is_answered(location):
        message = (
            f"GET {name}x asks for the file {path}x: nginx puts the alias in the place of {name}. "
            f'Write "{path}/" as alias, with the slash that the location has'
        )
        yield GLUED.at(directive.place, message, places, fix=context.editor.append(directive, 1, "/"))


def _is_answered(location: Location) -> bool:
    """Whether something else than files may answer."""
    return location.handler is not None or location.try_files is not None or bool(location.program)


def _bypassed(scope: Scope) -> Iterator[Finding]:
    """ngx_http_rewrite_module runs before the access phase, so a `return` is not guarded by it."""
    guards = [each for name in _ACCESS for each in scope.own.get(name, ()) if each.args[:1] not in (["off"], [])]
    if not guards or all(each.name == "allow" for each in guards):
        return
    answer = rewrite_programs.certain_return(scope)
    if answer is None or not answer.args[0].isdecimal() or int(answer.args[0]) not in _OK:
        return
    words = " ".join([answer.name, *answer.raw_args])
    message = (
        f"`{words}` answers everybody: return runs before nginx looks at {guards[0].name} (line {guards[0].line}). "
        "Send the answer from a file or an upstream, or decide with a geo or map and `if`"
    )
    yield BYPASSED.at(answer.place, message, [related("never asked", each.place) for each in guards])
