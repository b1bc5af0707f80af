# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a TLS upstream whose certificate is not verified.

An attacker on the way can then answer in its place.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import parse_proxy_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "upstream-tls-unverified",
    "advice",
    "An attacker on the way can answer in the place of a TLS upstream",
    security=4.0,
)


def check(context: Context) -> Iterator[Finding]:
    """Check every https or grpcs target that is a host name with a dot.

    An address, or an upstream's name, may well stand for this machine.
    """
    for block, directive in context.directives("proxy_pass", "grpc_pass"):
        target = parse_proxy_target(directive.args[0]) if directive.args else None
        if target is None or target.scheme not in ("https", "grpcs") or "." not in target.host:
            continue
        prefix = "grpc" if directive.name == "grpc_pass" else "proxy"
        if is_address(target.host) or block.gap or block.value(f"{prefix}_ssl_verify", "off") == "on":
            continue
        message = (
            f"nginx takes any certificate from {target.host}: an attacker on the way can read and change "
            f"everything; add {prefix}_ssl_verify on, {prefix}_ssl_trusted_certificate with its authority, and "
            f"{prefix}_ssl_server_name on"
        )
        yield RULE.at(directive.place, message)
