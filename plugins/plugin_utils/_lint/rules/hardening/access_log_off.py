# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find whole servers whose requests leave no trace.

Neither an attack nor an outage can be looked into afterwards.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("access-log-off", "advice", "Requests of whole servers leave no trace")


def check(context: Context) -> Iterator[Finding]:
    """Check every `access_log off` of whole servers that do not only redirect."""
    for block, directive in context.directives("access_log"):
        if directive.args[:1] == ["off"] and block.name in ("http", "server") and "return" not in block.own:
            message = (
                f"nothing that is asked of this {block.name} is written down: neither an attack nor an outage can be looked "
                "into afterwards; switch it off for the locations that are noise"
            )
            yield RULE.at(directive.place, message)
