# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Outages: failed requests of listeners, servers and names that are out as a whole get a class of their own."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from urllib.parse import urlsplit

from .magnitude import CountedRequest, Outages, area_of, is_plain, is_technical, units_of
from .outcome_pair import is_answered
from .probe_requests import host_of, path_of

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

    from .grouping import ChangedRequest
    from .magnitude import OutageUnit
    from .request_facts import SurvivingBlocks
    from .sides import BlockLocator, ServedBy

#: Classes of a request that fails now; where a whole unit does, they are an outage.
_FAILURES: t.Final = frozenset({"error-introduced", "redirect-loop", "lost", "status-changed", "redirect-changed"})
_LOGIN: t.Final = "auth-added"


class OutageFinder:
    """Find what is out as a whole.

    Args:
        probes: all requests.
        locators: of both configurations.
        served: the blocks that answered, before and after.
        blocks: the blocks that both configurations have.
        unstable: the indexes of probes whose status differs from run to run; they prove nothing.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        locators: tuple[BlockLocator, BlockLocator],
        served: tuple[Sequence[ServedBy], Sequence[ServedBy]],
        blocks: SurvivingBlocks,
        unstable: Collection[int],
    ) -> None:
        self._probes = probes
        self._old = locators[0]
        self._before, self._after = locators[0].side.outcomes, locators[1].side.outcomes
        self._served = served
        self._blocks = blocks
        self._unstable = unstable

    def classified(self, items: Sequence[ChangedRequest]) -> Iterator[ChangedRequest]:
        """Yield the changes; failures of what is out as a whole are in the class `outage`."""
        if self._old.router is None or not any(item.name == _LOGIN or item.name in _FAILURES for item in items):
            # Without a configuration nothing tells how much a listener or a server is.
            yield from items
            return
        outages = Outages(self._counted(items))
        for item in items:
            unit = outages.of(self._units(item.index)) if self._has_failed(item) else None
            yield item if unit is None else replace(item, name="outage", was=item.name, unit=unit)

    def _has_failed(self, item: ChangedRequest) -> bool:
        if not is_answered(self._before[item.index]):
            return False
        return item.name == _LOGIN or (item.name in _FAILURES and not is_answered(self._after[item.index]))

    def _counted(self, items: Sequence[ChangedRequest]) -> Iterator[CountedRequest]:
        """Yield the plain requests that tell whether listeners, servers and names still work.

        What only machines ask for, what is new, and the login page itself do not show that a site works.
        """
        closed = {item.index for item in items if item.name == _LOGIN}
        logins = {area_of(urlsplit(self._after[index].location or "").path) for index in closed} - {""}
        for index, probe in enumerate(self._probes):
            if index in self._unstable or not is_plain(probe):
                continue
            failed = index in closed or not is_answered(self._after[index])
            before, after = self._served[0][index], self._served[1][index]
            is_aside = is_technical(probe) or area_of(path_of(probe)) in logins or self._blocks.is_added(after.block)
            if failed or not is_aside:
                yield CountedRequest(
                    (probe.listen.address, probe.listen.port, probe.method, probe.target),
                    self._units(index),
                    answered=is_answered(self._before[index]),
                    failed=failed,
                    silent=self._after[index].status is None,
                    server=before.server.place if before.server is not None else None,
                )

    def _units(self, index: int) -> tuple[OutageUnit, ...]:
        probe, server = self._probes[index], self._served[0][index].server
        host = host_of(probe)
        return units_of(
            probe, server.place if server else None, host if self._old.names_host(host, probe.listen) else ""
        )
