# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the directives that pass requests on, and the upstreams that they name."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import shared

from .proxy_targets import PASS_DIRECTIVES, parse_proxy_target

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

    from .proxy_targets import ProxyTarget


class ProxyPass(t.NamedTuple):
    """A directive such as `proxy_pass`, and where it sends requests."""

    directive: Directive
    target: ProxyTarget


@shared
def proxy_passes(context: Context) -> list[ProxyPass]:
    """Return every directive inside `http` that passes requests on."""
    return [ProxyPass(each, parse_proxy_target(each.args[0])) for each in context.named(*PASS_DIRECTIVES) if each.args]


@shared
def upstreams_by_name(context: Context) -> dict[str, Directive]:
    """Return the `upstream` blocks by their names in lower case."""
    return {each.args[0].lower(): each for each in context.named("upstream") if each.args}


def location_of(context: Context, directive: Directive) -> Location | None:
    """Return the location that a directive stands in directly; None inside of `if`, `limit_except` and elsewhere."""
    _server, scope = context.scopes.get(id(directive.parent), (None, None))
    return scope.location if scope is not None else None
