# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a directive that the target's nginx does not know yet.

nginx then refuses the whole configuration.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.recent_directives import NEWER
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("directive-too-new", "error", "The target's nginx does not know a directive yet")


def check(context: Context) -> Iterator[Finding]:
    """Check the directives of later versions, for a target whose version is known."""
    if context.target.version is None:
        return
    version = ".".join(map(str, context.target.version))
    for _block, directive in context.directives(*NEWER):
        since = NEWER[directive.name]
        if context.target.at_least(since) is False:
            message = (
                f"{directive.name} came with nginx {since} and the target has {version}, which refuses the whole configuration "
                f'(unknown directive "{directive.name}"); leave it out until all of them are newer'
            )
            yield RULE.at(directive.place, message)
