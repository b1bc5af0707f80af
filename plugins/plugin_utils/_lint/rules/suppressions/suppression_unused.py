# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a suppression without a finding to suppress.

It would hide the next mistake at its place.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.suppressions import suppressions
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("suppression-unused", "warning", "A failsafe:ignore comment without a finding to suppress")


def check(context: Context) -> Iterator[Finding]:
    """Report every comment and entry that suppressed nothing."""
    for source in suppressions(context):
        for fault in source.unused():
            yield RULE.at(fault.place, fault.message, fix=fault.fix)
