# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a pattern for trusted origins that matches foreign ones.

An attacker registers such a name, and its pages read answers in the name of a visitor.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.conditions import if_comparison
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.foreign_origins import foreign_origin
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "origin-regex-unanchored", "warning", "A pattern for trusted origins matches foreign ones", security=7.0
)
_ORIGIN: t.Final = "$http_origin"


def check(context: Context) -> Iterator[Finding]:
    """Check the conditions and maps that read the Origin header."""
    for _block, directive in context.directives("if"):
        test = if_comparison(directive)
        trusts = any(each.name in ("add_header", "set") for each in directive.children)
        if trusts and test is not None and test.is_regex and test.subject.lower() == _ORIGIN:
            yield from _check_pattern(directive, test.operand, caseless=test.operator == "~*")
    for _block, directive in context.directives("map"):
        if directive.args and directive.args[0].lower() == _ORIGIN:
            for entry in directive.children:
                # A pattern that maps to nothing keeps origins out.
                if entry.name.startswith("~") and entry.args and entry.args[0] not in ("", "0"):
                    caseless = entry.name.startswith("~*")
                    yield from _check_pattern(entry, entry.name[2 if caseless else 1 :], caseless=caseless)


def _check_pattern(directive: Directive, pattern: str, *, caseless: bool) -> Iterator[Finding]:
    foreign = foreign_origin(pattern, caseless=caseless)
    if foreign:
        message = (
            f"the pattern {pattern} also matches the Origin {foreign}, which an attacker can register: its pages may then read "
            r"answers in the name of a visitor; begin with ^https://, end with $ and write every dot as \."
        )
        yield RULE.at(directive.place, message)
