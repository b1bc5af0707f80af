# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find host names that nginx looks up once, at its start or reload.

nginx keeps asking the old addresses when DNS changes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    proxy_passes,
    upstreams_by_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import parse_proxy_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("upstream-dns-frozen", "advice", "A host name that nginx looks up once, at its start")


def check(context: Context) -> Iterator[Finding]:
    """Report each literal host name once, with every place that names it."""
    for host, directives in _literal_hosts(context).items():
        if host == "localhost" or (context.router.partial and "." not in host):
            continue
        message = (
            f'"{host}" is looked up once, when nginx starts or reloads: it keeps asking the old addresses when DNS changes, and '
            "does not start while DNS has none. Where that may happen, give the upstream's server `resolve` (nginx 1.27.3, "
            "with a zone), or use a variable and a resolver"
        )
        yield RULE.at(directives[0].place, message, [related("and here", each.place) for each in directives[1:]])


def _literal_hosts(context: Context) -> dict[str, list[Directive]]:
    """Return the host names in targets and in upstreams, with the directives that name them."""
    upstreams = upstreams_by_name(context)
    found: dict[str, list[Directive]] = {}
    for directive, target in proxy_passes(context):
        if not target.dynamic and target.is_name and target.host not in upstreams:
            found.setdefault(target.host, []).append(directive)
    for upstream in upstreams.values():
        for member in upstream.find("server"):
            target = parse_proxy_target(member.args[0] if member.args else "")
            if target.is_name and "resolve" not in member.args:
                found.setdefault(target.host, []).append(member)
    return found
