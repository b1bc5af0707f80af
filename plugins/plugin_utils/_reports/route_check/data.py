# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""JSON: the report as the module returns it."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport


def render(report: RouteCheckReport) -> str:
    """Write a report as JSON, its keys in order, so that two reports can be compared as text."""
    return json.dumps(report.as_dict(), indent=2, sort_keys=True) + "\n"
