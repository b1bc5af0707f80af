# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Changes with their risk, and the order of risks."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place

#: What a change may do, worst first.
RISKS: t.Final = (
    "access-control",
    "tls",
    "routing",
    "upstream",
    "code",
    "headers",
    "cache",
    "logging",
    "tuning",
    "cosmetic",
)
Risk = t.Literal[
    "access-control", "tls", "routing", "upstream", "code", "headers", "cache", "logging", "tuning", "cosmetic"
]
Kind = t.Literal["added", "removed", "changed", "moved", "renamed", "reordered"]
#: How bad each risk is: 0 is the worst.
RANK: t.Final[dict[str, int]] = {risk: rank for rank, risk in enumerate(RISKS)}


class DiffError(Exception):
    """Two configurations cannot be compared: one was not read as a whole, or an option is wrong."""


@dataclass(frozen=True)
class Lost:
    """An inherited directive that no longer holds in a block because the block has its own."""

    place: Place
    text: str
    #: How one line calls it: the header, or the whole directive.
    name: str

    def as_dict(self) -> dict[str, t.Any]:
        return {"file": self.place.file, "line": self.place.line, "text": self.text}


@dataclass(frozen=True)
class Change:
    """One difference in what the configuration means.

    An added or removed block is one change, whatever is in it. `block` names what is around the change (or the block
    itself, where it is one), in the new configuration or else in the old one. `servers` holds the names of the servers
    concerned; empty where it may be all. `line` says it in one line.
    """

    kind: Kind
    risk: Risk
    before: Place | None
    after: Place | None
    block: str
    servers: tuple[str, ...]
    line: str
    before_text: str | None = None
    after_text: str | None = None
    lost: tuple[Lost, ...] = ()
    #: The directives before and after, for the search of causes; several where a snippet is included several times.
    directives: tuple[tuple[Directive | None, Directive | None], ...] = field(default=(), compare=False, repr=False)

    @property
    def place(self) -> Place:
        """Return the place in the new configuration, or else in the old one."""
        return t.cast("Place", self.after or self.before)

    def as_dict(self) -> dict[str, t.Any]:
        """Return the change as JSON data, the contract with everything outside this room."""
        return {
            "kind": self.kind,
            "risk": self.risk,
            "before": _place(self.before),
            "after": _place(self.after),
            "block": self.block,
            "servers": list(self.servers),
            "line": self.line,
            "before_text": self.before_text,
            "after_text": self.after_text,
            "lost": [each.as_dict() for each in self.lost],
        }

    @property
    def order(self) -> tuple[t.Any, ...]:
        """Return the key that sorts the worst risk first, then file and line."""
        place = self.place
        return (RANK[self.risk], place.file, place.line, place.column, self.kind, self.block, self.line)


def _place(place: Place | None) -> dict[str, t.Any] | None:
    return None if place is None else {"file": place.file, "line": place.line}


def fold(changes: t.Iterable[Change]) -> list[Change]:
    """Join the changes of a snippet that is included in many blocks into one, with the servers of all."""
    groups: dict[tuple[t.Any, ...], list[Change]] = {}
    for change in changes:
        key = (change.kind, change.risk, change.before, change.after, change.before_text, change.after_text)
        groups.setdefault(key, []).append(change)
    return [_folded(group) for group in groups.values()]


def _folded(group: list[Change]) -> Change:
    first = group[0]
    if len(group) == 1:
        return first
    more = len(group) - 1
    everywhere = not all(change.servers for change in group)
    return replace(
        first,
        line=f"{first.line} (and in {more} more place{'' if more == 1 else 's'})",
        servers=() if everywhere else tuple(dict.fromkeys(name for change in group for name in change.servers)),
        lost=tuple(dict.fromkeys(each for change in group for each in change.lost)),
        directives=tuple(pair for change in group for pair in change.directives),
    )


def gate(changes: t.Iterable[Change], fail_on: str) -> list[Change]:
    """Return the changes of the class `fail_on` or a worse one; with `never` none.

    Args:
        changes: what was found.
        fail_on: one of `RISKS`, or `never`.

    Raises:
        DiffError: there is no such class.
    """
    if fail_on == "never":
        return []
    if fail_on not in RANK:
        raise DiffError(f'fail_on has to be one of {", ".join((*RISKS, "never"))}, not "{fail_on}"')
    return [change for change in changes if RANK[change.risk] <= RANK[fail_on]]
