# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Count the requests of each server: all, those that get something else, and those that fail now."""

from __future__ import annotations

import typing as t
from collections import Counter

from .grouping import server_label
from .outcome_diff import final_status
from .probe_requests import host_of, is_scenario
from .report import RequestCount

if t.TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

    from .sides import ServedBy

_BAD: t.Final = 400


def count_requests(
    probes: Sequence[Probe],
    outcomes: tuple[Sequence[ProbeOutcome], Sequence[ProbeOutcome]],
    served: tuple[Sequence[ServedBy], Sequence[ServedBy]],
    changed: Collection[str],
) -> dict[str, RequestCount]:
    """Return server -> the numbers of its requests; handshakes alone are none.

    Args:
        probes: all requests.
        outcomes: of both sides.
        served: the blocks that answered, on both sides. A request belongs to the server that answered before.
        changed: the ids of the probes in groups that are not accepted.
    """
    counts = (Counter[str](), Counter[str](), Counter[str]())
    for probe, old, new, before, after in zip(probes, *outcomes, *served, strict=True):
        if is_scenario(probe) or old.tls is not None or new.tls is not None:
            continue
        server = before.server or after.server
        label = server_label(server) if server else host_of(probe)
        is_changed = probe.id in changed
        for count, counted in zip(
            counts, (True, is_changed, is_changed and is_answered(old) and not is_answered(new)), strict=True
        ):
            count[label] += counted
    requests, other, failing = counts
    return {label: RequestCount(requests[label], other[label], failing[label]) for label in requests}


def is_answered(outcome: ProbeOutcome) -> bool:
    """Return True for an answer below 400, at the end of its redirects too, if these end."""
    if outcome.status is None or outcome.status >= _BAD or outcome.chain in ("loop", "too-long"):
        return False
    return (final_status(outcome) or _BAD) < _BAD
