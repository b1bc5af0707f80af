# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a `$1` that the regular expression has no group for.

Such a capture is always empty, so a part of the path or of a header is lost.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.captures import missing_capture
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.conditions import if_comparison
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import variables_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

RULE: t.Final = Rule("capture-missing", "warning", "A $1 or $2 that the regular expression has no group for")
#: Directives that use the captures of a location or an `if`, and have no expression of their own.
_USERS: t.Final = re.compile(
    r"return|set|root|alias|try_files|proxy_set_header|add_header|auth_request|\w+_(?:pass|param)"
)


def check(context: Context) -> Iterator[Finding]:
    """Check rewrites, and the users of captures where only one expression can have set them."""
    for directive in context.named("rewrite"):
        if len(directive.args) > 1:
            yield from _missing(directive, directive.args[0], [directive.args[1]])
    for location in context.locations:
        if location.is_regex or location.scope.program:
            yield from _of_location(location, context)


def _missing(
    directive: Directive, pattern: str, texts: list[str], origin: Directive | None = None
) -> Iterator[Finding]:
    missing = missing_capture(pattern, texts)
    if missing is not None:
        number, count = missing
        groups = {0: "no group", 1: "one group"}.get(count, f"{count} groups")
        message = f"${number} is always empty: {pattern} has {groups}. Add the parentheses, or count again"
        places = [related("the regular expression", origin.place)] if origin is not None else []
        yield RULE.at(directive.place, message, places)


def _of_location(location: Location, context: Context) -> Iterator[Finding]:
    """Check what a regex location and its regex conditions leave, where nothing else can have set captures."""
    if location.is_regex and not any(_sets_captures(each) for each in location.scope.program):
        for user in location.scope.directive.children:
            if _USERS.fullmatch(user.name) and not _has_maps(user, context):
                yield from _missing(user, location.name, user.args, location.scope.directive)
    for block in location.scope.program:
        test = if_comparison(block) if block.name == "if" else None
        if test is None or not test.is_regex:
            continue
        for user in block.children:
            if user.name == "rewrite":
                break
            if _USERS.fullmatch(user.name) and not _has_maps(user, context):
                yield from _missing(user, test.operand, user.args, block)


def _sets_captures(directive: Directive) -> bool:
    return directive.name in ("rewrite", "if", "include") or "_by_lua" in directive.name


def _has_maps(directive: Directive, context: Context) -> bool:
    """Return whether a map is evaluated, whose own expressions set captures too."""
    return any(context.definitions.maps.keys() & variables_of(text) for text in directive.args if "$" in text)
