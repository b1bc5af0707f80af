# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an add_header for Content-Type.

nginx adds it beside its own one, and clients choose one of the two.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.edits import Fix
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "add-header-content-type", "advice", "add_header makes a second Content-Type instead of another one"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every add_header, unless the block hides the upstream's header."""
    for block, directive in context.directives("add_header"):
        args = directive.args
        if len(args) > 1 and args[0].lower() == "content-type" and "proxy_hide_header" not in block.own:
            message = (
                f"add_header adds a second Content-Type beside nginx's own ({block.value('default_type', 'text/plain')}, or by "
                f"the extension), and clients choose one of the two; default_type {directive.raw_args[1]} sets the only one"
            )
            yield RULE.at(directive.place, message, fix=_default_type(context, block, directive))


def _default_type(context: Context, block: ConfigBlock, directive: Directive) -> Fix | None:
    """Return the same header by default_type, for an answer that nginx gives itself."""
    if "return" not in block.own or "default_type" in block.own or "$" in directive.args[1]:
        return None
    fix = context.editor.replace_word(directive, 0, "default_type") + context.editor.remove_word(directive, 1)
    for index in range(3, len(directive.args) + 1):
        fix += context.editor.remove_word(directive, index)
    return fix
