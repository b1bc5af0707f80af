# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The conditions of `if`, as ngx_http_rewrite_if_condition() reads them: true, false or unknown."""

from __future__ import annotations

import typing as t

from .files import below_root, is_file, is_folder, is_switch
from .pattern import compile_pattern

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .variables import State

_PAIR: t.Final = 2
_COMPARISON: t.Final = 3
_ERRORS: t.Final = 400


def condition_args(directive: Directive) -> list[str]:
    """Return the words between the parentheses, wherever spaces stand around these."""
    args = list(directive.args)
    if args and args[0].startswith("("):
        args[0] = args[0][1:]
        args[-1] = args[-1].removesuffix(")")
        if not args[0]:
            del args[0]
        if args and not args[-1] and len(args) != _COMPARISON:
            del args[-1]
    return args


def asks_for_switch(directive: Directive) -> bool:
    """Tell whether an `if` asks for a file that works as a switch."""
    args = condition_args(directive)
    return len(args) == _PAIR and args[0].lstrip("!") in ("-f", "-d", "-e") and is_switch(args[1])


def evaluate(directive: Directive, state: State, missing: frozenset[str], *, switches: bool | None) -> bool | None:
    """Tell whether the condition holds; None when the configuration alone does not tell. A regex sets the captures."""
    args = condition_args(directive)
    if len(args) == _PAIR and args[0].lstrip("!").startswith("-"):
        if asks_for_switch(directive):
            return None if switches is None else switches is not args[0].startswith("!")
        return _file_test(args[0], args[1], state, missing)
    if not args or not args[0].startswith("$"):
        return None
    value = state.value(args[0][1:].strip("{}").lower())
    if value is None:
        return None
    if len(args) == 1:
        return value not in ("", "0")
    if len(args) != _COMPARISON:
        return None
    operator, operand = args[1], args[2]
    if operator in ("=", "!="):
        expected = state.text(operand)
        return None if expected is None else (value == expected) is (operator == "=")
    return _regex_test(operator, operand, value, state)


def _regex_test(operator: str, operand: str, value: str, state: State) -> bool | None:
    if operator not in ("~", "~*", "!~", "!~*"):
        return None
    pattern = compile_pattern(operand, caseless=operator.endswith("*"))
    if pattern is None:
        return None
    match = pattern.search(value)
    if match is None:
        state.captures = ()
    else:
        state.matched(match)
    return (match is not None) is not operator.startswith("!")


def _file_test(operator: str, operand: str, state: State, missing: frozenset[str]) -> bool | None:
    path = below_root(operand, state)
    if path is None:
        return None
    found = {
        "f": is_file(path, missing),
        "d": is_folder(path, missing),
        "e": is_file(path, missing) or is_folder(path, missing),
    }.get(operator[-1])
    return None if found is None else found is not operator.startswith("!")


def forget_captures(condition: Directive, state: State) -> None:
    """Clear the captures after a regex that does not match; make them unknown after one that may have matched."""
    operators = {arg for arg in condition.args if arg.lstrip("!") in ("~", "~*")}
    if operators:
        passes = condition.block is not None and any(denies(child) for child in condition.block[:1])
        state.captures = () if passes and not any(each.startswith("!") for each in operators) else None


def denies(directive: Directive) -> bool:
    """Tell whether a directive is a `return` of an error."""
    first = directive.args[0] if directive.args else ""
    return directive.name == "return" and first.isdecimal() and int(first) >= _ERRORS
