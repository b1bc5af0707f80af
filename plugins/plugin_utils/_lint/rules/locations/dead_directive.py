# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a directive behind the one that ends its block.

nginx runs rewrite directives in their order and stops at a `return`, a `break` or a rewrite that leaves the block.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import (
    certain_return,
    dead_directives,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope

RULE: t.Final = Rule("dead-directive", "warning", "A directive behind the one that ends its block")


def check(context: Context) -> Iterator[Finding]:
    """Check the rewrite directives of every server and location, and those of every `if`."""
    for _server, scope in context.scopes.values():
        if scope.program:
            yield from _check_scope(scope)
    for block in context.named("if"):
        program = [child for child in block.children if child.name in ("set", "rewrite", "return", "break")]
        for end, rest in dead_directives([each for each in program if len(each.args) > (each.name == "rewrite")]):
            yield _finding(end, rest)


def _check_scope(scope: Scope) -> Iterator[Finding]:
    for end, rest in dead_directives(scope.program):
        yield _finding(end, rest)
    handlers = [each for each in (scope.try_files, scope.handler) if each is not None]
    answer = certain_return(scope) if handlers and scope.directive.name == "location" else None
    if answer is not None:
        yield _finding(answer, handlers)


def _finding(end: Directive, rest: list[Directive]) -> Finding:
    first = rest[0]
    words = " ".join([end.name, *end.raw_args])
    what_ends = "the request" if end.name == "return" else "the rewrite directives of this block"
    more = f", nor do the {len(rest) - 1} behind it" if len(rest) > 1 else ""
    message = (
        f"{first.name} never runs{more}: `{words}` (line {end.line}) ends {what_ends} before. "
        "Put it first, or make the other one conditional"
    )
    return RULE.at(first.place, message, [related("ends here", end.place)])
