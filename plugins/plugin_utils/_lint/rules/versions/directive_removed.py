# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a directive that the target's nginx no longer knows.

nginx then refuses the whole configuration.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("directive-removed", "error", "The target's nginx no longer knows a directive")
#: Directive -> a version that no longer has it, and its successor (https://nginx.org/en/CHANGES).
_REMOVED: t.Final = {
    "ssl": ("1.25.1", "the ssl parameter of listen"),
    "limit_zone": ("1.7.6", "limit_conn_zone"),
    "satisfy_any": ("1.22.1", "satisfy any"),
    "spdy_headers_comp": ("1.22.1", "http2"),
    "spdy_chunk_size": ("1.22.1", "http2_chunk_size"),
}


def check(context: Context) -> Iterator[Finding]:
    """Check the directives that nginx has removed."""
    for _block, directive in context.directives(*_REMOVED):
        version, successor = _REMOVED[directive.name]
        if context.target.at_least(version) and (directive.name != "ssl" or directive.args[:1] in (["on"], ["off"])):
            message = (
                f"nginx {version} and newer do not know {directive.name}: the target refuses the whole configuration "
                f'(unknown directive "{directive.name}"); use {successor}'
            )
            yield RULE.at(directive.place, message)
