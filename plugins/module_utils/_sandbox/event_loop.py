# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An epoll loop: the stubs and the client of a world take turns in one process."""

from __future__ import annotations

import heapq
import select
import time
import typing as t

Handler = t.Callable[[], None]
_WRITE = select.EPOLLOUT | select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR


class EventLoop:
    """Handlers by descriptor and by time."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: t.Dict[int, Handler] = {}
        self._timers: t.List[t.Tuple[float, int, Handler]] = []
        self._count = 0

    def add(self, handle: int, handler: Handler) -> None:
        """Call `handler` whenever the descriptor can be read."""
        self._handlers[handle] = handler
        self._epoll.register(handle, select.EPOLLIN)

    def writable(self, handle: int, *, wanted: bool) -> None:
        """Call the handler for room to write as well, or no longer."""
        self._epoll.modify(handle, _WRITE if wanted else select.EPOLLIN)

    def remove(self, handle: int) -> None:
        """Forget a descriptor."""
        if self._handlers.pop(handle, None):
            self._epoll.unregister(handle)

    def closing(self, handle: int) -> None:
        """Forget a descriptor that is closed next: the kernel takes it out by itself."""
        self._handlers.pop(handle, None)

    def later(self, seconds: float, handler: Handler) -> None:
        """Call `handler` once, after that time."""
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, handler))

    def turn(self, seconds: float) -> int:
        """Wait for the next events, at most that many seconds; handle them and return their number."""
        if self._timers:
            seconds = max(0.0, min(seconds, self._timers[0][0] - time.monotonic()))
        try:
            events = self._epoll.poll(seconds)
        except InterruptedError:
            return 0
        for handle, _event in events:
            handler = self._handlers.get(handle)
            if handler:
                handler()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()
        return len(events)
