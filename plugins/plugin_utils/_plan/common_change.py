# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Tell which hosts of one run share one change though their configurations differ: one tells it, the others refer to it.

Two hosts have a change in common when everything that decides is equal once the words of the host (its names, addresses and
listeners) are replaced: the statements that change, their files and lines, every group's key, every other reason to refuse, and
every gap of the comparison. Whatever cannot be shown to be equal is no match.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import Unit
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    BehaviourChange,
    ComparedSide,
    GateFailure,
    RouteCheckReport,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.accept_keys import HostWords, sockets_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.formatting import request_line
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.sides import BlockLocator
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from .bisect import FailingRequest
from .edits import LAYOUT, Edits, edits
from .run_cache import key_of
from .sources import ConfigSource, changed_files


@dataclass(frozen=True)
class CommonChange:
    """The change of one host, and what was found.

    Attributes:
        before: the configuration from before, None where the host has none.
        after: the candidate.
        report: of the route check.
        guilty: why the change is refused, nothing where it is not.
        failing: the requests that a search for guilty lines is about.
        staged: the files that staging found to differ, None where the candidate was not staged.
    """

    before: ConfigSource | None
    after: ConfigSource
    report: RouteCheckReport
    guilty: Sequence[GateFailure]
    failing: Sequence[FailingRequest]
    staged: Sequence[str] | None = None

    def key(self, host_names: Iterable[str], options: Sequence[str]) -> str | None:
        """Return a key that hosts share which have all of this in common, None for a host that shares nothing.

        Args:
            host_names: names and addresses of the host.
            options: whatever else decides.
        """
        report, groups = self.report, [*self.report.changes, *self.report.accepted]
        if not (groups or self.guilty) or not all(change.key for change in groups):
            return None
        words = HostWords(host_names, (_sockets(self.before), _sockets(self.after)))

        def masked(value: object) -> str:
            return words.masked(json.dumps(value, default=str))

        return key_of(
            "common change",
            options,
            sorted([change.name, change.key, str(change.accepted is not None)] for change in groups),
            [[each.name, change.key] for each in self.guilty if isinstance(change := each.reason, BehaviourChange)],
            [masked(each.as_dict()) for each in self.guilty if not isinstance(each.reason, BehaviourChange)],
            [masked(each.as_dict()) for each in report.unverified],
            [masked(each.as_dict()) for each in (*report.accept_expired, *report.accept_unused)],
            sorted(masked([each.state, each.kind, each.change.line]) for each in report.accounts),
            [masked([request_line(each.probe), each.about, each.missing]) for each in self.failing],
            masked(_statements(_edits(self.before, self.after))),
            None if self.before is None else masked(changed_files(self.before, self.after, self.staged)),
        )

    @property
    def words(self) -> str:
        """Return what another host with this in common has: `the same 5 groups`."""
        groups = [each.reason for each in self.guilty if isinstance(each.reason, BehaviourChange)]
        told = groups if self.guilty else self.report.changes
        others = len(self.guilty) - len(groups)
        parts = [counted(len(told), "group")] if told else []
        parts += [f"{counted(others, 'reason')} that no key accepts"] if others else []
        return f"the same {' and '.join(parts) or 'change'}"


def _sockets(side: ConfigSource | None) -> Sequence[t.Any]:
    return [] if side is None else sockets_of(BlockLocator(ComparedSide((), config=side.loaded)))


def _edits(before: ConfigSource | None, after: ConfigSource) -> Edits:
    # Files outside the folder are read by nginx as well.
    old: Mapping[str, bytes] = {} if before is None else {**before.files, **before.elsewhere}
    return edits(old, {**after.files, **after.elsewhere})


def _statements(found: Edits) -> list[object]:
    """Return the changed statements with files and lines, and how a search takes them apart; without what stays the same."""
    places = [
        [each.id, each.file, each.kind, each.line_before, each.line_after, each.parent]
        for each in found.changes.values()
    ]
    texts = [
        [file.path, file.only, [part for part in file.parts if file.only or (part[0] != "=" and part[1] != LAYOUT)]]
        for file in found.files
    ]
    return [places, [_nested(unit) for unit in found.units], texts]


def _nested(unit: Unit) -> object:
    return [_nested(child) for child in unit.children] if unit.children else sorted(unit.ids)
