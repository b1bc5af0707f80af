# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find try_files in a location that proxy_pass answers.

try_files only changes the URI there: proxy_pass sends the request upstream, whether a file exists or not.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    location_of,
    proxy_passes,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import HTTP_PASS_DIRECTIVES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "try-files-with-proxy-pass", "warning", "try_files in front of proxy_pass never sends a file from disk"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every location that proxy_pass or grpc_pass answers."""
    for directive, _target in proxy_passes(context):
        location = location_of(context, directive)
        if directive.name not in HTTP_PASS_DIRECTIVES or location is None or location.scope.handler is not directive:
            continue
        if location.scope.try_files is not None:
            message = (
                "try_files never sends a file here: it only changes the URI, and then proxy_pass sends it upstream, whether the "
                "file exists or not. Put proxy_pass into a location of its own and name that one last: try_files $uri @app"
            )
            yield RULE.at(location.scope.try_files.place, message, [related("everything goes here", directive.place)])
