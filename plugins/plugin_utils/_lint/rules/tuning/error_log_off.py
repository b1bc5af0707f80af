# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find `error_log off`.

error_log has no off: nginx writes a file of that name.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("error-log-off", "warning", "error_log off writes a file named off")


def check(context: Context) -> Iterator[Finding]:
    """Check every error_log."""
    for _block, directive in context.directives("error_log"):
        if directive.args[:1] == ["off"]:
            message = (
                "error_log has no off: nginx writes a file named off in its prefix folder, where errors go unseen; "
                "error_log /dev/null crit drops them, a path keeps them"
            )
            yield RULE.at(directive.place, message)
