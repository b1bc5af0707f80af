# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find rewrites that send a request in a circle.

After ten changes of the URI nginx gives up and answers 500 (ngx_http_core_post_rewrite_phase()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.request_loops import request_loops
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("rewrite-cycle", "error", "Rewrites send a request in a circle until nginx answers 500")


def check(context: Context) -> Iterator[Finding]:
    """Report each circle that a `rewrite`, an `index` or an internal `return` closes."""
    for loop in request_loops(context):
        if loop.kind == "rewrite":
            yield RULE.at(loop.place, loop.message, loop.related)
