# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a suppression that does nothing.

It has no reason, or it names a rule that is unknown or cannot be suppressed: what it should hide is reported.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.suppressions import suppressions
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("suppression-invalid", "warning", "A failsafe:ignore comment that does nothing")


def check(context: Context) -> Iterator[Finding]:
    """Report every comment and entry with a mistake."""
    for source in suppressions(context):
        for fault in source.invalid:
            yield RULE.at(fault.place, fault.message, fix=fault.fix)
