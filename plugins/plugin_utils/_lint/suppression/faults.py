# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Mistakes in the comments and entries that suppress findings."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.edits import Fix


class SuppressionFault(t.NamedTuple):
    """One thing that is wrong, for a rule of the family `suppressions` to report."""

    place: Place
    message: str
    fix: Fix | None = None


def is_suppressible(rule: str) -> bool:
    """Return whether findings of a known rule can be accepted.

    What was not read was not checked, and a suppression cannot hide that another one does nothing.
    """
    return rule not in registry.FAMILIES["suppressions"] and not registry.rule(rule).unreadable
