# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

r"""Find a server that serves files such as `.git/config`.

Where the root is the checkout of a repository, its whole history can be downloaded.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import (
    APPLICATION_PASS_DIRECTIVES,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("dotfiles-exposed", "advice", "Files such as .git/config are served", security=4.0)
#: Folders that builds write into, and that are no checkout of a repository.
_BUILT: t.Final = re.compile(r"(?:^|/)(?:dist|build|out|public|_site|html|static|assets|media|pub)/?$")
_DOTTED: t.Final = ("/\\.", "/.git", "/[.]", "(\\.", "(^|/)\\.")
#: Directives with which a block answers without files.
_ANSWERS: t.Final = (*APPLICATION_PASS_DIRECTIVES, "return")


def check(context: Context) -> Iterator[Finding]:
    """Check every server with a root."""
    for block in context.blocks_named("server"):
        roots = block.effective("root")
        if not roots or not roots[-1].args or block.gap or any(each in block.own for each in _ANSWERS):
            continue
        root = roots[-1]
        if any(_keeps_dotfiles(each) for each in block.inner()) or _BUILT.search(root.args[0]) or "$" in root.args[0]:
            continue
        message = (
            f"everything below {root.args[0]} is served, files with a dot as well: where it is the checkout of a repository, "
            r"GET /.git/config answers; add location ~ /\.(?!well-known) { deny all; } or serve a folder below it"
        )
        yield RULE.at(root.place, message)


def _keeps_dotfiles(block: ConfigBlock) -> bool:
    """Return whether a location refuses files with a dot, or serves no files at all for every path."""
    args = block.directive.args if block.name == "location" and block.directive is not None else []
    if any(any(mark in each for mark in _DOTTED) for each in args):
        return "deny" in block.own or "return" in block.own
    return args in (["/"], ["^~", "/"]) and any(each in block.own for each in (*_ANSWERS, "deny"))
