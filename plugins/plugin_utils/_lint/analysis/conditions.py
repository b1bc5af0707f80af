# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Read what an `if` compares."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

_PARTS: t.Final = 3


class IfComparison(t.NamedTuple):
    """The condition of an `if` that compares a variable with a text or a regular expression."""

    #: The variable as written, with its dollar sign.
    subject: str
    operator: str
    operand: str

    @property
    def variable(self) -> str:
        """The name of the variable in lower case."""
        return self.subject.strip("${}").lower()

    @property
    def is_regex(self) -> bool:
        """True where the operand is a pattern that has to match."""
        return self.operator in ("~", "~*")


def if_comparison(directive: Directive) -> IfComparison | None:
    """Return what an `if` compares; None for file tests and for a variable alone."""
    args = condition_args(directive)
    return IfComparison(*args) if len(args) == _PARTS else None
