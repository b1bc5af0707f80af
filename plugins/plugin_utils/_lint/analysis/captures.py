# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Compare the numbered captures that a text uses with the groups that its regular expression has."""

from __future__ import annotations

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template


def highest_capture(*texts: str) -> int:
    """Return the highest number of a capture in these texts, 0 for `$0`, -1 where there is none."""
    return max((part.capture for text in texts if "$" in text for part in parse_template(text)), default=-1)


def missing_capture(pattern: str, texts: list[str]) -> tuple[int, int] | None:
    """Return the number of a capture that the pattern has no group for, and how many groups it has.

    Args:
        pattern: a regular expression.
        texts: arguments that are evaluated after the pattern has matched.

    Returns:
        None where every capture has its group, or Python cannot read the pattern.
    """
    highest = highest_capture(*texts)
    compiled = compile_pattern(pattern) if highest > 0 else None
    if compiled is None or highest <= compiled.groups:
        return None
    return highest, compiled.groups
