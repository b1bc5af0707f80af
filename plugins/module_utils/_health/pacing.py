# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pace of default probes: five a second for the host, and no more than the configuration's own limits let pass."""

from __future__ import annotations

import collections
import math
import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from .probe import DefaultProbe, Limit

#: Requests in any second.
PER_SECOND = 5
#: Of them, those that may be sent at once while others are to be kept for repeating a failure.
_AT_ONCE = 3
#: nginx counts in its own clock of milliseconds, and other clients come as well.
_MARGIN = 1.1
_CLOCK = 0.05
#: Seconds until a zone of connections is looked at again while a probe of it is under way.
_BUSY = 0.02


class Pacer:
    """Gives leave to send; shared by the threads of a gate.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: t.Deque[float] = collections.deque(maxlen=PER_SECOND)
        self._last: dict[str, float] = {}
        self._busy: set[str] = set()

    def delay(self, limits: t.Iterable[Limit] = (), *, spread: bool = False) -> float:
        """Return the seconds until a request that meets these limits may be sent; 0 for now. For `spread` see `take`."""
        with self._lock:
            return self._delay(limits, spread=spread)

    def _delay(self, limits: t.Iterable[Limit], *, spread: bool) -> float:
        now = self._clock()
        waits = [0.0]
        if spread and sum(sent > now - 1 for sent in self._sent) >= _AT_ONCE:
            waits.append(self._sent[-1] + 1 / PER_SECOND - now)
        if len(self._sent) == PER_SECOND:
            waits.append(self._sent[0] + 1 - now)
        for limit in limits:
            if limit.period:
                waits.append(self._last.get(limit.zone, float("-inf")) + spacing(limit) - now)
            elif limit.zone in self._busy:
                waits.append(_BUSY)
        return max(waits)

    def take(self, limits: t.Sequence[Limit] = (), *, spread: bool = False) -> bool:
        """Take the leave to send now, if there is one. `release` ends a request that meets limits.

        Args:
            limits: that the request meets.
            spread: leave room for others within this second: a failure is to be seen three times soon.
        """
        with self._lock:
            if self._delay(limits, spread=spread) > 0:
                return False
            now = self._clock()
            self._sent.append(now)
            for limit in limits:
                if limit.period:
                    self._last[limit.zone] = now
                else:
                    self._busy.add(limit.zone)
            return True

    def release(self, limits: t.Iterable[Limit]) -> None:
        """End a request: its connection does not count any more."""
        with self._lock:
            self._busy.difference_update(limit.zone for limit in limits)

    def wait(self, limits: t.Sequence[Limit] = (), *, end: float = float("inf")) -> bool:
        """Wait for the leave and take it; return False where it does not come before `end` by the clock."""
        while not self.take(limits):
            delay = self.delay(limits)
            if self._clock() + delay > end:
                return False
            time.sleep(delay)
        return True


def spacing(limit: Limit) -> float:
    """Return the seconds between two requests of one zone."""
    return limit.period * _MARGIN + _CLOCK


def longest(probes: t.Sequence[DefaultProbe]) -> float:
    """Return the seconds that one request each may take at this pace where every answer takes all of its time."""
    slow = max((probe.check.timeout for probe in probes), default=0.0) * math.ceil(len(probes) / PER_SECOND)
    return duration(probe.limits for probe in probes) + slow


def duration(limits: t.Iterable[t.Iterable[Limit]]) -> float:
    """Return the seconds that one request each of probes with these limits may take by the pace alone."""
    per_zone: dict[str, float] = {}
    count = 0
    for of_probe in limits:
        count += 1
        for limit in of_probe:
            if limit.period:
                per_zone[limit.zone] = per_zone.get(limit.zone, 0) + spacing(limit)
    return max([count / PER_SECOND, *per_zone.values()])
