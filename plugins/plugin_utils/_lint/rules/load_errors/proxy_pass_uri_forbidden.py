# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a URI in proxy_pass where nginx cannot use one.

The URI takes the place of the location's name (ngx_http_proxy_pass()). A regex, a named location and an `if` have none.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import parse_proxy_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("proxy-pass-uri-forbidden", "error", "A URI in proxy_pass where nginx cannot use one")


def check(context: Context) -> Iterator[Finding]:
    """Check every proxy_pass with a URI and without variables."""
    for block, directive in context.directives("proxy_pass"):
        where = _without_name(block)
        target = parse_proxy_target(directive.args[0]) if directive.args and where else None
        if target is None or target.dynamic or not target.uri:
            continue
        message = (
            f"the URI {target.uri} would take the place of the location's name, and {where} has none that could be "
            "cut off: nginx refuses the whole configuration; leave the URI out, and change the path with rewrite ... break "
            "before"
        )
        yield RULE.at(directive.place, message)


def _without_name(block: ConfigBlock) -> str:
    """Return a block without a prefix that nginx could cut off, as a message names it; "" for all others."""
    if block.directive is None or block.name not in ("location", "if", "limit_except"):
        return ""
    if block.name != "location":
        return {"if": "an if", "limit_except": "limit_except"}[block.name]
    args = block.directive.args
    if not args or not args[0].startswith(("@", "~")):
        return ""
    return f"location {' '.join(block.directive.raw_args)}"
