# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Facts that the data of a rollout does not have."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import listed

from .record import RunRecord
from .report import RolloutReport

#: Outcomes of hosts to which nothing was done.
_UNCHANGED: t.Final = frozenset({"unchanged", "refused", "unreachable"})
#: Outcomes after which a host may have acted by itself.
_LOST: t.Final = frozenset({"unknown", "unreachable", "failed"})


def unknowns(report: RolloutReport, record: RunRecord) -> list[str]:
    """Return what cannot be told, one sentence each."""
    said = []
    unread = _without_journal(record)
    if unread:
        said.append(f"What {listed(unread)} did by itself: the journal could not be read")
    lost = [row.host for row in report.hosts if row.outcome in ("unknown", "unreachable") and not row.now]
    if lost:
        said.append(f"What {listed(lost)} runs now: it was not asked, or did not answer")
    compared = {host for each in report.behaviour if each.verified for host in each.hosts}
    blind = [row.host for row in report.hosts if row.outcome not in _UNCHANGED and row.host not in compared]
    if blind:
        said.append(f"What each request gets before and after on {listed(blind)}: no route check says so")
    if not report.run.ok and report.run.finished and not report.culprits:
        said.append("Which line is guilty: nothing named one")
    if report.run.finished is None:
        said.append("When the run ended, and why: its controller did not live to say so")
    return said


def _without_journal(record: RunRecord) -> list[str]:
    """Return the hosts whose journal may be incomplete: they never answered, or may have acted by themselves."""
    return [
        row.host
        for row in record.hosts
        if not record.was_asked(row.host) and (not record.has_journal(row.host) or row.outcome in _LOST)
    ]
