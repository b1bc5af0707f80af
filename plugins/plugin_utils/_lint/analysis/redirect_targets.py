# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Targets of redirects."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.run import REDIRECTS

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive


def redirect_target(directive: Directive) -> str:
    """Return where a `return` or `rewrite` redirects to, or "" where it does not redirect."""
    args = directive.args
    if directive.name == "return":
        return args[1] if len(args) > 1 and args[0].isdecimal() and int(args[0]) in REDIRECTS else ""
    external = args[2:3] in (["redirect"], ["permanent"])
    return args[1] if len(args) > 1 and (external or args[1].startswith(("http://", "https://", "$scheme"))) else ""
