# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find redirects that lead a client in a circle, or on without an end.

Browsers give up with ERR_TOO_MANY_REDIRECTS: the page cannot be reached.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.request_loops import request_loops
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("redirect-loop", "error", "Redirects lead a client in a circle, or on without an end")


def check(context: Context) -> Iterator[Finding]:
    """Report each chain of redirects that does not end."""
    for loop in request_loops(context):
        if loop.kind == "redirect":
            yield RULE.at(loop.place, loop.message, loop.related)
