# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Locations in messages."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location


def location_text(location: Location) -> str:
    """Return a location as it is written, with its modifier and in its quotes."""
    return " ".join(["location", *location.scope.directive.raw_args])
