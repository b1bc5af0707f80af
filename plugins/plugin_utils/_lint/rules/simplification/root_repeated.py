# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a root that every location repeats and the server does not have.

A location that is added without it serves nginx's own folder.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("root-repeated", "advice", "Every location has the same root, and the server has none")


def check(context: Context) -> Iterator[Finding]:
    """Check every server without a root."""
    for block in context.blocks_named("server"):
        if block.effective("root") or block.gap:
            continue
        locations = [each for each in block.blocks if each.name == "location"]
        roots = [each.own["root"][0] for each in locations if each.own.get("root") and each.own["root"][0].args]
        if len(roots) > 1 and len({each.args[0] for each in roots}) == 1:
            message = (
                f"{len(roots)} locations say root {roots[0].args[0]} and the server does not: a location that is added without "
                "it serves nginx's own folder; say it once, in the server"
            )
            yield RULE.at(roots[0].place, message, [related("again", each.place) for each in roots[1:]])
