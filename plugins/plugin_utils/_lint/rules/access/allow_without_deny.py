# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a list of `allow` without any `deny`.

nginx lets in every address that no rule matches.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("allow-without-deny", "warning", "allow without deny lets every client in", security=6.5)


def check(context: Context) -> Iterator[Finding]:
    """Check every block with `allow`, unless another check may stand beside it."""
    for block in context.blocks_named("http", "server", "location", "limit_except"):
        allowed = block.own.get("allow")
        if not allowed or "deny" in block.own or block.gap or block.value("satisfy", "all") == "any":
            continue
        if any(each.args[:1] == ["all"] for each in allowed):
            continue
        dropped = block.parent.effective("deny") if block.parent is not None else []
        because = " (those of the block around do not count beside rules of its own)" if dropped else ""
        message = (
            f"this {block.name} allows {', '.join(each.args[0] for each in allowed if each.args)} and has no deny{because}: "
            "nginx lets in every address that no rule matches; end the list with deny all"
        )
        yield RULE.at(allowed[0].place, message, [related("not inherited", each.place) for each in dropped])
