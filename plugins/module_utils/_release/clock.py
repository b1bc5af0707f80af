# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Time that nobody can set: seconds since the host booted, and which boot it is."""

from __future__ import annotations

import os
import time
import typing as t


def boottime() -> float:
    """Seconds since boot, time asleep included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Names this boot: the kernel's, and its first process's, since a container that is started again keeps the kernel."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            kernel = file.read().strip()
    except OSError:
        kernel = ""
    return f"{kernel}/{started(1)}"


def clock() -> dict[str, t.Any]:
    """This moment, comparable with the start times of processes."""
    return {"boot": boot_id(), "ticks": boottime() * os.sysconf("SC_CLK_TCK")}


def window(seconds: float) -> dict[str, t.Any]:
    """The time from now on, as notes in the store have it."""
    return {"boot": boot_id(), "until": boottime() + seconds}


def left(note: t.Mapping[str, t.Any]) -> float:
    """Seconds that are left of a `window`: none after a reboot, whatever the clock on the wall says."""
    return max(0.0, float(note["until"]) - boottime()) if note["boot"] == boot_id() else 0.0


def started(pid: int) -> t.Optional[int]:
    """The start time of a process in clock ticks since boot (proc(5)), None if there is none or it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
