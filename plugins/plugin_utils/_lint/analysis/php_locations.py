# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Recognise locations that get requests for PHP scripts."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from .blocks import ConfigBlock

_PHP: t.Final = re.compile(r"\\?\.php|\bphp\b|\(php", re.IGNORECASE)


def php_location_args(block: ConfigBlock) -> list[str]:
    """Return the arguments of the location around a block when requests for PHP scripts get there, else an empty list."""
    location = block.enclosing("location")
    args = location.directive.args if location is not None and location.directive is not None else []
    return args if args and _PHP.search(args[-1]) else []
