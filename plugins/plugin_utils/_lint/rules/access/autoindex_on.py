# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a listing of a folder's files that every client can read.

nginx lists the files of a folder without an index file, forgotten backups included.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.access_control import is_restricted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("autoindex-on", "advice", "Every client can list the files of a folder", security=3.0)


def check(context: Context) -> Iterator[Finding]:
    """Check every `autoindex on` that no access rule restricts."""
    for block, directive in context.directives("autoindex"):
        if directive.args[:1] == ["on"] and not is_restricted(block) and "internal" not in block.own:
            message = (
                "a request for a folder without an index file is answered with the list of its files, "
                "forgotten backups included; restrict it with allow and deny, or write autoindex off"
            )
            yield RULE.at(directive.place, message)
