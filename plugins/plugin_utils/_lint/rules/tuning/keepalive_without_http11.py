# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an upstream's keepalive that requests switch off again.

Without HTTP/1.1 and an empty Connection header the upstream closes after each answer.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "keepalive-without-http11",
    "warning",
    "An upstream's keepalive has no effect: every request opens a connection",
    until="1.29.7",
)


def check(context: Context) -> Iterator[Finding]:
    """Check every proxy_pass to an upstream with keepalive."""
    keepalive = _keepalive_upstreams(context)
    for block, directive in context.directives("proxy_pass") if keepalive else ():
        name = _upstream_name(directive)
        kept = keepalive.get(name)
        if kept is None or block.gap:
            continue
        missing = _missing(block)
        if missing:
            message = (
                f"upstream {name} keeps connections, but requests from here ask for the opposite: without "
                f"{' and '.join(missing)} nginx sends {_sent(missing)}, the upstream closes after each answer, "
                "and every request opens a connection of its own"
            )
            yield RULE.at(directive.place, message, [related("to be kept", kept.place)])


def _keepalive_upstreams(context: Context) -> dict[str, Directive]:
    """Return the `keepalive` of every upstream that has one, by the upstream's name in lower case."""
    return {
        block.directive.args[0].lower(): block.own["keepalive"][-1]
        for block in context.blocks_named("upstream")
        if block.directive is not None and block.directive.args and "keepalive" in block.own
    }


def _upstream_name(directive: Directive) -> str:
    """Return the authority of a proxy_pass, which may be the name of an upstream."""
    target = directive.args[0] if directive.args else ""
    return re.sub(r"^https?://", "", target).partition("/")[0].lower() if target.startswith("http") else ""


def _missing(block: ConfigBlock) -> list[str]:
    """Return the directives that the block needs for its upstream to keep connections."""
    missing = []
    if block.value("proxy_http_version", "1.0") == "1.0":
        missing.append("proxy_http_version 1.1")
    headers = {each.args[0].lower(): each.args[1] for each in block.effective("proxy_set_header") if len(each.args) > 1}
    if headers.get("connection", "close").lower() == "close":
        missing.append('proxy_set_header Connection ""')
    return missing


def _sent(missing: list[str]) -> str:
    """Return what nginx sends by default, in words."""
    sent = ["HTTP/1.0" if "version" in missing[0] else "", "Connection: close" if "Connection" in missing[-1] else ""]
    return " with ".join(each for each in sent if each)
