# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The account of every change: shown, without effect, not visible in one response, or not exercised."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .attribution import SemanticChange

State = t.Literal["shown", "without-effect", "not-visible", "not-exercised"]

#: State -> its words in reports, in their order.
STATES: t.Final[dict[State, str]] = {
    "shown": "shown",
    "without-effect": "without effect",
    "not-visible": "not visible in one response",
    "not-exercised": "not exercised",
}
#: Groups and probes of one change that are listed.
_MOST: t.Final = 10


class AccountedGroup(t.NamedTuple):
    """A group of changed requests: its class, server and place, as the report names them."""

    name: str
    server: str
    where: str


@dataclass(frozen=True)
class ChangeAccount:
    """The account of one change of the semantic diff.

    Attributes:
        number: of the change in the diff.
        groups: the groups of changed requests that show it.
        witnesses: ids of probes for which the two configurations could have decided differently.
        kind: of what is not visible in one response: `logging`, `timeouts`, ...
        reason: why it is not visible, or not exercised.
    """

    number: int
    change: SemanticChange
    state: State
    groups: tuple[AccountedGroup, ...] = ()
    witnesses: tuple[str, ...] = ()
    kind: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        place = self.change.after or self.change.before
        return {
            "change": self.number,
            "line": self.change.line,
            "place": {"file": place.file, "line": place.line} if place else None,
            "state": self.state,
            "groups": [
                {"class": each.name, "server": each.server, "where": each.where} for each in self.groups[:_MOST]
            ],
            "groups_count": len(self.groups),
            "witnesses": list(self.witnesses[:_MOST]),
            "kind": self.kind or None,
            "reason": self.reason or None,
        }


def count_states(accounts: Iterable[ChangeAccount]) -> dict[str, int]:
    """Return how many changes are in each state, in the order of `STATES`."""
    counts = Counter(each.state for each in accounts)
    return {state: counts[state] for state in STATES}
