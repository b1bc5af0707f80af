# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find answers that name the version of nginx.

The version says which vulnerabilities the server has.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("server-tokens", "advice", "Answers name the version of nginx", security=2.0)
_EFFECT: t.Final = (
    "the Server header and every error page name the version of nginx, which says what it is vulnerable to; "
    "server_tokens off leaves the name only"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every server_tokens, and the default where the whole configuration is known."""
    for _block, directive in context.directives("server_tokens"):
        if directive.args[:1] in (["on"], ["build"]):
            fix = context.editor.replace_word(directive, 1, "off")
            yield RULE.at(directive.place, f"server_tokens {directive.args[0]}: {_EFFECT}", fix=fix)
    if context.router.partial:
        return
    for block in context.blocks_named("http"):
        servers = [each for each in block.blocks if each.name == "server"]
        if block.directive is None or not servers or block.own.get("server_tokens") is not None:
            continue
        if not all(each.own.get("server_tokens") for each in servers):
            yield RULE.at(block.directive.place, f"server_tokens is on by default: {_EFFECT}")
