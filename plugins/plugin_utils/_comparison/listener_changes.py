# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Changes of listeners that one request alone does not tell: what other addresses of the same port answer."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

from .grouping import server_label
from .probe_requests import host_of, listener_name

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

    from .sides import ServedBy

_EVERYWHERE: t.Final = ("0.0.0.0", "::")  # noqa: S104 -- compared, never bound here
#: Classes of a request that got an answer before and gets none now.
_GONE: t.Final = frozenset({"lost", "outage"})


class ListenerChanges:
    """Compare requests with the same ones at the other addresses of their port.

    Args:
        probes: all requests.
        old: their outcomes before.
        new: their outcomes after.
        served: the blocks that answer them now.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        old: Sequence[ProbeOutcome],
        new: Sequence[ProbeOutcome],
        served: Sequence[ServedBy],
    ) -> None:
        self._probes, self._old, self._new, self._served = probes, old, new, served

    @cached_property
    def _neighbours(self) -> dict[tuple[object, ...], list[int]]:
        found: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for index, probe in enumerate(self._probes):
            found[_key(probe)].append(index)
        return found

    def class_of(self, index: int, name: str) -> str:
        """Return the class of a change, `listener-narrowed` for what only a wildcard listener lost.

        nginx listens at single addresses of this port instead, and the same request gets the same status there.
        Whether a client asks at another address of the host is not known here.
        """
        if name not in _GONE or self._probes[index].listen.address not in _EVERYWHERE:
            return name
        if self._old[index].status is None or self._new[index].closed != "refused":
            return name
        v6 = _is_v6(self._probes[index])
        kept = (
            other
            for other in self._neighbours[_key(self._probes[index])]
            if _is_v6(self._probes[other]) is v6 and self._probes[other].listen.address not in _EVERYWHERE
        )
        answers = ((self._old[other].status, self._new[other].status) for other in kept)
        same = any(new is not None and old == new for old, new in answers)
        return "listener-narrowed" if same else name

    def note(self, index: int, name: str) -> str:
        """Return a sentence where a new listener answers a name with another server than its neighbours do; else ""."""
        probe, server = self._probes[index], self._served[index].server
        if name != "new" or self._old[index].closed != "refused" or server is None or not host_of(probe):
            return ""
        for other in self._neighbours[_key(probe)]:
            usual = self._served[other].server
            if usual is not None and usual.place != server.place and self._old[other].status is not None:
                return (
                    f"{host_of(probe)}: the server {server_label(server)} answers at {listener_name(probe.listen)}, "
                    f"but {server_label(usual)} does at {listener_name(self._probes[other].listen)}"
                )
        return ""


def _key(probe: Probe) -> tuple[object, ...]:
    # A client that knows the address only asks for the one where it connects.
    host = host_of(probe)
    host = "" if is_address(host) else host
    return (host, probe.listen.port, probe.listen.ssl, probe.method, probe.target, str(probe.headers))


def _is_v6(probe: Probe) -> bool:
    return ":" in probe.listen.address and not probe.listen.address.startswith("unix:")
