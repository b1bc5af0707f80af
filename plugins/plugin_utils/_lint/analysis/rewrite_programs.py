# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the certain end of a block's rewrite directives, and the directives behind it that never run."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope

#: Patterns that match every URI.
ALWAYS: t.Final = frozenset(
    {
        *("", "^", "/", "^/", ".", ".*", "^.*", "^.*$", ".*$", "(.*)", "^(.*)", "^(.*)$", "(.*)$"),
        *(".+", "^.+", "^.+$", "(.+)", "^(.+)", "^(.+)$"),
        *("^/.*", "^/.*$", "/.*", "/(.*)", "^/(.*)", "^/(.*)$", "/(.*)$", "^(/.*)$", "^(/.*)"),
    }
)
_FLAGS: t.Final = frozenset({"last", "break", "redirect", "permanent"})
_ABSOLUTE: t.Final = ("http://", "https://", "$scheme")


def ends_program(directive: Directive) -> bool:
    """Return whether every rewrite directive behind this one in its block is dead (ngx_http_rewrite_module.c)."""
    if directive.name in ("return", "break"):
        return True
    return directive.name == "rewrite" and directive.args[0] in ALWAYS and _leaves(directive)


def _leaves(rewrite: Directive) -> bool:
    return bool(_FLAGS.intersection(rewrite.args[2:3])) or rewrite.args[1].startswith(_ABSOLUTE)


def _may_skip(directive: Directive) -> bool:
    """Return whether some requests leave the program here without an answer."""
    if directive.name == "if":
        return any(_may_skip(child) for child in directive.children)
    return directive.name in ("break", "include") or (
        directive.name == "rewrite" and bool({"last", "break"}.intersection(directive.args[2:3]))
    )


def certain_return(scope: Scope) -> Directive | None:
    """Return the `return` that answers every request of this block; None where some requests may not reach it."""
    for directive in scope.program:
        if directive.name == "return":
            return directive
        if _may_skip(directive) or "_by_lua" in directive.name:
            return None
    return None


def dead_directives(program: list[Directive]) -> Iterator[tuple[Directive, list[Directive]]]:
    """Yield the directive that ends a program, with the rewrite directives behind it that never run."""
    for index, directive in enumerate(program):
        if ends_program(directive):
            # A break behind it is harmless: it is often written for safety.
            rest = [each for each in program[index + 1 :] if each.name not in ("include", "break")]
            if rest:
                yield directive, rest
            return
