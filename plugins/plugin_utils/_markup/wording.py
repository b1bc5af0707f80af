# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Phrases of reports: numbers with their nouns, and lists that end in a number."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

_LISTED: t.Final = 10


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: `1 request`, `2 requests`.

    Args:
        number: how many.
        noun: the noun of one.
        plural: the noun of others. Default: the noun with an `s`.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = _LISTED) -> str:
    """Write names with commas; count those beyond `most`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
