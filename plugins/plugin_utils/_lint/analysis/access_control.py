# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find out whether a block restricts which clients get an answer."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .blocks import ConfigBlock

_CHECKS: t.Final = ("deny", "auth_basic", "auth_request", "auth_jwt", "access_by_lua_block", "access_by_lua_file")


def is_restricted(block: ConfigBlock) -> bool:
    """Return whether an access rule, a password or a client certificate restricts a block."""
    if any(block.value(each, "off") != "off" for each in _CHECKS):
        return True
    return block.value("ssl_verify_client", "off") == "on"
