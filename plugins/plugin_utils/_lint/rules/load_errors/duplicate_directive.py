# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a directive that stands twice in a block that may have it once.

nginx refuses the whole configuration ("directive is duplicate").
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data.directives import ONCE
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("duplicate-directive", "error", "A directive stands twice in a block: nginx does not start")


def check(context: Context) -> Iterator[Finding]:
    """Check what stands more than once in a block; the same line twice can go, because it says the same as once."""
    for block, directives in context.blocks.repeated:
        first = directives[0]
        if block.name not in ONCE.get(first.name, ()):
            continue
        for directive in directives[1:]:
            if not context.reads_both(first, directive):
                continue
            same = directive.raw_args == first.raw_args and directive.block is None
            fix = context.editor.remove(directive) if same and directive.place != first.place else None
            message = (
                f"{first.name} stands in this {block.name} already: nginx refuses the whole configuration "
                f'("{first.name}" directive is duplicate); delete one'
            )
            yield RULE.at(directive.place, message, [related("the first one", first.place)], fix=fix)
