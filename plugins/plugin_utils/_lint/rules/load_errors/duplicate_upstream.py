# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find two upstreams of one name.

nginx refuses the whole configuration ("duplicate upstream", ngx_http_upstream_add()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("duplicate-upstream", "error", "Two upstreams of one name: nginx does not start")


def check(context: Context) -> Iterator[Finding]:
    """Compare the names of all upstreams, in any letter case."""
    first: dict[str, Directive] = {}
    for directive in context.named("upstream"):
        name = directive.args[0] if directive.args else ""
        before = first.setdefault(name.lower(), directive)
        if before is not directive and context.reads_both(before, directive):
            message = (
                f'upstream "{name}" is there twice: nginx refuses the whole configuration (duplicate upstream "{name}"); '
                "give one another name"
            )
            yield RULE.at(directive.place, message, [related("the first one", before.place)])
