# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a proxy_pass that builds its URI from the path alone.

With a variable nginx sends the URI as it is written, so what the client put behind the `?` is lost.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    location_of,
    proxy_passes,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import PATH_VARIABLES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("proxy-pass-drops-arguments", "advice", "A proxy_pass with variables loses what follows the ?")
_ARGUMENTS: t.Final = frozenset({"args", "is_args", "query_string", "request_uri"})
#: Variables that hold the path and no arguments.
_PATHS: t.Final = PATH_VARIABLES - {"request_uri"}


def check(context: Context) -> Iterator[Finding]:
    """Check every proxy_pass with variables in its URI that stands in a location."""
    for directive, target in proxy_passes(context):
        if directive.name != "proxy_pass" or not target.dynamic or location_of(context, directive) is None:
            continue
        parts = parse_template(target.uri)
        names = {part.variable for part in parts}
        takes_path = bool(names & _PATHS) or any(part.capture > 0 for part in parts)
        if takes_path and not names & _ARGUMENTS and "?" not in target.uri:
            message = (
                f"{directive.args[0]} has no arguments: with a variable in proxy_pass nginx sends the URI as it is written, so "
                "what a client puts behind the ? is lost. Add $is_args$args, where the upstream reads them"
            )
            yield RULE.at(directive.place, message)
