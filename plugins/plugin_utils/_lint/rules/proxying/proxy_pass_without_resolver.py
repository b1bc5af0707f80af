# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a target with a variable whose host name nginx cannot look up.

nginx looks such a name up for every request, with its own `resolver` only.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    proxy_passes,
    upstreams_by_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import (
    PATH_VARIABLES,
    parse_proxy_target,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import ProxyTarget
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "proxy-pass-without-resolver", "error", "A proxy_pass with variables to a host name, and no resolver to look it up"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every target with a variable outside of the reach of a `resolver`."""
    if context.router.partial:
        return
    names = _Names(context)
    for directive, target in proxy_passes(context):
        if target.dynamic and not names.has_resolver(directive):
            for text, place in names.values(directive, target):
                found = parse_proxy_target(text)
                if found.is_name and not found.dynamic and not names.is_known(found):
                    message = (
                        f'requests to "{found.host}" get a 502 (no resolver defined to resolve {found.host}): the target has a '
                        "variable, so nginx looks the name up for every request, with its own resolver only. "
                        "Add a resolver, or an upstream of this name"
                    )
                    where = [related("the name comes from here", place.place)] if place is not directive else []
                    yield RULE.at(directive.place, message, where)
                    break


class _Names:
    """The hosts that nginx knows by itself: `upstream` blocks, and literal targets, which it looks up at its start."""

    def __init__(self, context: Context) -> None:
        self._maps = context.definitions.maps
        self._upstreams = upstreams_by_name(context)
        self._literal = {
            (target.host, target.port or target.default_port)
            for _directive, target in proxy_passes(context)
            if not target.dynamic
        }
        self._resolvers = {id(each.parent) for each in context.named("resolver")}
        self._sets: dict[tuple[str, int], list[Directive]] = {}
        for directive in context.named("set"):
            if len(directive.args) > 1:
                variable = directive.args[0].lstrip("$").lower()
                self._sets.setdefault((variable, id(directive.parent)), []).append(directive)

    def is_known(self, target: ProxyTarget) -> bool:
        """Return whether nginx has the addresses of a target since its start."""
        by_name = target.host in self._upstreams and not target.port
        return by_name or (target.host, target.port or target.default_port) in self._literal

    def has_resolver(self, directive: Directive) -> bool:
        """Return whether a `resolver` holds where the directive stands."""
        block = directive.parent
        while block is not None:
            if id(block) in self._resolvers:
                return True
            block = block.parent
        return False

    def values(self, directive: Directive, target: ProxyTarget) -> Iterator[tuple[str, Directive]]:
        """Yield the targets that are certain to be asked for, as far as one variable decides them, and their origin."""
        text = directive.args[0]
        if target.host:
            yield text[: text.index("$")], directive
            return
        scheme, _sep, rest = text.rpartition("://")
        parts = parse_template(rest)
        if not parts or not parts[0].variable or "$" in scheme:
            return
        if len(parts) > 1 and parts[1].literal[:1] not in (":", "/", "?") and parts[1].variable not in PATH_VARIABLES:
            return
        port = parts[1].literal.partition("/")[0] if len(parts) > 1 and parts[1].literal.startswith(":") else ""
        for value, place in self._assigned(parts[0].variable, directive):
            yield f"{scheme}://{value}{port}" if scheme else value, place

    def _assigned(self, variable: str, directive: Directive) -> Iterator[tuple[str, Directive]]:
        table = self._maps.get(variable)
        if table is not None:
            values = [*table.exact.values(), *(value for _pattern, value in table.regexes), table.default]
            yield from ((value, table.directive) for value in values if value and not variables_of(value))
            return
        outer = directive.parent
        reaching: list[Directive] = []
        while outer is not None:
            reaching += self._sets.get((variable, id(outer)), ())
            outer = outer.parent
        if len(reaching) == 1:
            yield reaching[0].args[1], reaching[0]
