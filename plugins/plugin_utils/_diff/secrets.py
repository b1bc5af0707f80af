# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Values that a secret replaced: they were secret too, though no variable holds them any more."""

from __future__ import annotations

import typing as t
from itertools import zip_longest

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .change import Change


def counterparts(changes: Iterable[Change], mask: Callable[[str], str]) -> Iterator[str]:
    """Return the arguments that stand where the other configuration has a secret.

    Args:
        changes: what was found.
        mask: gives a text with its known secrets masked.
    """
    for change in changes:
        for before, after in change.directives:
            if before is not None and after is not None and before.block is None and after.block is None:
                yield from _beside(before, after, mask)
                yield from _beside(after, before, mask)


def _beside(directive: Directive, other: Directive, mask: Callable[[str], str]) -> Iterator[str]:
    for known, unknown in zip_longest(directive.args, other.args, fillvalue=""):
        if known != unknown and mask(known) != known:
            yield unknown
