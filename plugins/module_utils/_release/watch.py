# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What waits for the end of a lease: small, since it may wait for long, and started from `failsafe-nginx.pyz`."""

from __future__ import annotations

import json
import os
import sys
import time
import typing as t

from .clock import left, started

_LONGEST = 20.0  # seconds; after a suspend the time left is looked at again at the latest then


def main(argv: t.Sequence[str]) -> int:
    """`watch TOKEN [--detach]`: wait, then become `expire TOKEN`. Ends early when the lease was given back."""
    archive = os.path.realpath(sys.argv[0])
    note = os.path.join(os.path.dirname(archive), "lease.json")
    token = argv[0]
    if "--detach" in argv and _in_foreground():
        return 0
    while True:
        remaining = _remaining(note, token)
        if remaining is None:
            return 0
        if remaining <= 0:
            os.execv(sys.executable, [sys.executable, "-I", archive, "expire", token])  # noqa: S606 - no shell
        time.sleep(min(remaining, _LONGEST))


def _remaining(note: str, token: str) -> float | None:
    try:
        with open(note, "rb") as file:
            lease = json.loads(file.read().decode("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return _LONGEST  # look again: what cannot be read now may not end the watch
    return left(lease) if lease["token"] == token else None


def _in_foreground() -> bool:
    """Fork, and tell the starter who goes on: no leader of a session, and nobody's child."""
    child = os.fork()
    if child:
        sys.stdout.write(json.dumps({"pid": child, "start_time": started(child)}) + "\n")
        sys.stdout.flush()
        return True
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nowhere, handle)
    return False
