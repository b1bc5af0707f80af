# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a file of configuration that nothing includes.

nginx never reads it, however right it looks.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("unused-snippet", "advice", "A file of configuration that nothing includes")


def check(context: Context) -> Iterator[Finding]:
    """Report the files that the loader did not read, where the whole configuration is known."""
    if context.router.partial:
        return
    for path in context.config.unread:
        message = (
            "nothing includes this file, so nginx never reads it: include it, delete it, or write its name as the pattern "
            "of an include has it"
        )
        yield RULE.at(Place(path, 1), message)
