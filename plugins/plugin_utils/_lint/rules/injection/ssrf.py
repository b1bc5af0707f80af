# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a target whose host a client chooses.

nginx then connects to hosts that only it can reach, such as 169.254.169.254.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import PASS_DIRECTIVES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.taint import origin_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.taint import TaintFlow
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("ssrf", "warning", "A client chooses the host that nginx connects to", security=8.6)


def check(context: Context) -> Iterator[Finding]:
    """Check every target with variables, unless only nginx itself sends requests to its block."""
    for block, directive in context.directives(*PASS_DIRECTIVES):
        text = directive.args[0] if directive.args else ""
        if "$" not in text or "internal" in block.own:
            continue
        for part, flow in context.taint.flows(text, block, sink=directive.name):
            if not flow.fixed:
                shown = f"${part.variable}" if part.variable else f"${part.capture}"
                by = "" if flow.variable == shown else f" by {flow.variable}"
                message = (
                    f"{shown} decides on the host in {directive.name} {text}, and a client chooses it{by}: "
                    f"{_example(flow, directive)}; let it choose among written values with a map"
                )
                yield RULE.at(directive.place, message, origin_of(flow, directive))
                break


def _example(flow: TaintFlow, directive: Directive) -> str:
    if flow.variable in {"$host", "$http_host"}:
        return "whatever Host header a request has, nginx sends it there"
    if directive.name == "proxy_pass":
        return "requests can be sent to hosts that only this machine reaches, such as 169.254.169.254"
    return "requests can be sent to any host"
