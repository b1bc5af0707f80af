# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a proxy_pass whose URI and whose location do not end alike.

nginx puts the URI in the place of the location's name, letter by letter, so a slash is doubled or missing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    location_of,
    proxy_passes,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "proxy-pass-slash", "warning", "The location and the URI of proxy_pass do not end alike, so paths are glued wrongly"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every proxy_pass with a literal target in a prefix location."""
    for directive, target in proxy_passes(context):
        location = location_of(context, directive)
        if directive.name != "proxy_pass" or target.dynamic or location is None:
            continue
        name, uri = location.name, target.uri
        if location.modifier not in ("", "^~") or not uri or "?" in uri or not name.startswith("/"):
            continue
        if any(each.name in ("rewrite", "include") for each in location.scope.program):
            # After `rewrite ... break` the URI of proxy_pass is not used.
            continue
        example = _example(name, uri)
        if example is not None:
            asked, sent, better = example
            advice = f'write "{better}" as URI' if better else f'write "{name}/" as location'
            message = (
                f"GET {asked} is sent upstream as {sent}: nginx puts {uri} in the place of {name} and adds the rest as it is; "
                f"{advice}"
            )
            yield RULE.at(directive.place, message, [related("in this location", location.scope.directive.place)])


def _example(name: str, uri: str) -> tuple[str, str, str] | None:
    """Return a path, what the upstream gets for it, and a better URI (empty for none); None where the ends agree."""
    if name.endswith("/") and uri[-1].isalnum():
        return name + "x", uri + "x", uri + "/"
    if name[-1].isalnum() and uri.endswith("/"):
        return name + "/x", uri + "/x", uri.rstrip("/")
    return None
