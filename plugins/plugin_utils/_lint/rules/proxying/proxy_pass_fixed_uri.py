# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a proxy_pass with a variable in its host and a URI without one.

With a variable nginx sends the URI as it is written, so every path becomes that one URI.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    location_of,
    proxy_passes,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_literals import literals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

RULE: t.Final = Rule(
    "proxy-pass-fixed-uri", "warning", "A proxy_pass with variables and a URI sends every path to that one URI"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every proxy_pass with variables in a location of more than one path."""
    for directive, target in proxy_passes(context):
        location = location_of(context, directive)
        if directive.name != "proxy_pass" or not target.dynamic or location is None:
            continue
        if not target.uri or "$" in target.uri or "?" in target.uri or _has_one_path(location):
            continue
        message = (
            f"GET {_sample(location)} is sent upstream as {target.uri}, and so is every other path: with a variable in "
            f"proxy_pass nginx sends the URI as it is written. Leave {target.uri} away to send the client's URI, or write the "
            "new one with variables"
        )
        yield RULE.at(directive.place, message, [related("in this location", location.scope.directive.place)])


def _has_one_path(location: Location) -> bool:
    if location.is_regex:
        found = literals(location.name)
        return found is None or (found.whole and found.starts and found.stops)
    return location.modifier == "="


def _sample(location: Location) -> str:
    """Return a path of a location."""
    if location.is_regex:
        samples = sample_pattern(location.name, caseless=location.modifier == "~*")
        return samples[0].text if samples else "/x"
    return "/x" if location.modifier == "@" else location.name + ("x" if location.name.endswith("/") else "/x")
