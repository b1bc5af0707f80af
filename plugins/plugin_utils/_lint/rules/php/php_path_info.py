# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a PATH_INFO that is always empty.

try_files makes the URI the script alone before `$fastcgi_path_info` is evaluated.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("php-path-info", "warning", "PATH_INFO is always empty after try_files")


def check(context: Context) -> Iterator[Finding]:
    """Check every PATH_INFO beside a try_files of the script."""
    for block, directive in context.directives("fastcgi_param"):
        if directive.args[:2] != ["PATH_INFO", "$fastcgi_path_info"]:
            continue
        lookup = _script_lookup(block)
        if lookup is not None and "fastcgi_pass" in block.own and "fastcgi_split_path_info" in block.own:
            message = (
                "try_files has made the URI the script alone by the time this is evaluated, so $fastcgi_path_info is always "
                "empty: GET /index.php/a gets the script no PATH_INFO; before it is lost, keep it by "
                "set $path_info $fastcgi_path_info and pass fastcgi_param PATH_INFO $path_info"
            )
            yield RULE.at(directive.place, message, [related("the URI changes here", lookup.place)])


def _script_lookup(block: ConfigBlock) -> Directive | None:
    """Return the try_files that looks for the script and for no other file, which might change the URI to another one."""
    for directive in block.own.get("try_files", ()):
        match directive.args:
            case ["$fastcgi_script_name" | "$document_root$fastcgi_script_name", _fallback]:
                return directive
    return None
