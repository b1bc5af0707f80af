# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the time since the host booted, which no clock setting changes, and which boot it is."""

from __future__ import annotations

import os
import time


def timestamp() -> str:
    """Return the time in UTC to the millisecond (RFC 3339)."""
    seconds, thousandths = divmod(int(time.time() * 1000), 1000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{thousandths:03}Z", time.gmtime(seconds))


def boottime() -> float:
    """Return the seconds since boot, time asleep included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return the id of this boot.

    It is the kernel's id with the start of process 1, because a container that is started again keeps its kernel.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            kernel = file.read().strip()
    except OSError:
        kernel = ""
    return f"{kernel}/{started(1)}"


def ticks() -> float:
    """Return the clock ticks since boot, the unit of the start times of processes."""
    return boottime() * os.sysconf("SC_CLK_TCK")


def remaining(boot: str, until: float) -> float:
    """Return the seconds until a moment of a boot: 0 once it has passed, and after a reboot."""
    return max(0.0, until - boottime()) if boot == boot_id() else 0.0


def started(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot (proc(5)), None for a zombie or no process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
