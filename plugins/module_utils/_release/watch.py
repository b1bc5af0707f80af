# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait for the end of a lease, then act.

This runs from `failsafe-nginx.pyz` and loads little, because it may wait for long on a small host.
"""

from __future__ import annotations

import json
import os
import sys
import time
import typing as t

from .clock import remaining, started

_LONGEST = 20.0  # seconds of one sleep: after a suspend more time has passed than was slept


class _Lease(t.NamedTuple):
    """The part of `lease.json` that the watcher needs."""

    token: str
    boot: str
    until: float

    @classmethod
    def from_json(cls, data: t.Mapping[str, t.Any]) -> _Lease:
        return cls(data["token"], data["boot"], float(data["until"]))


def main(argv: t.Sequence[str]) -> int:
    """Run `watch TOKEN [--detach]`: wait, then become `expire TOKEN`. End early when the lease was given back."""
    archive = os.path.realpath(sys.argv[0])
    note = os.path.join(os.path.dirname(archive), "lease.json")
    token = argv[0]
    if "--detach" in argv and _in_foreground():
        return 0
    while True:
        left = _left(note, token)
        if left is None:
            return 0
        if left <= 0:
            os.execv(sys.executable, [sys.executable, "-I", archive, "expire", token])  # noqa: S606 - no shell
        time.sleep(min(left, _LONGEST))


def _left(note: str, token: str) -> float | None:
    """Return the seconds until the lease ends, None if it is gone or another one."""
    try:
        with open(note, "rb") as file:
            lease = _Lease.from_json(json.loads(file.read().decode("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return _LONGEST  # look again: a file that cannot be read now must not end the watch
    return remaining(lease.boot, lease.until) if lease.token == token else None


def _in_foreground() -> bool:
    """Fork, and print the child's process. Return True in the parent.

    The child leads no session and has no living parent.
    """
    child = os.fork()
    if child:
        sys.stdout.write(json.dumps({"pid": child, "start_time": started(child)}) + "\n")
        sys.stdout.flush()
        return True
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nowhere, handle)
    return False
