# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Who may touch this host: the lock of one run of the engine, and the hold of a rollout over many runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import typing as t

from .clock import boot_id, boottime, left, started, window
from .errors import ReleaseError

#: The hold's note in the store.
ROLLOUT = "rollout.json"

Note = t.Dict[str, t.Any]


def acquire(path: str, operation: str) -> int:
    """Take the lock at `path`; the descriptor holds it. Raises `ReleaseError` naming who has it.

    The kernel gives it back with the last process that has it open, so a dead one leaves none behind.
    """
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ReleaseError(f"cannot open the lock {path}: {error.strerror}", "store") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _holder(handle)
            os.close(handle)
            raise ReleaseError(f"another run holds the lock {path}: {holder}", "locked") from None
        if _still_at(handle, path):
            break
        os.close(handle)
    ours = {
        "pid": os.getpid(), "start_time": started(os.getpid()), "host": socket.gethostname(), "boot": boot_id(),
        "since": boottime(), "what": operation,
    }  # fmt: skip
    os.ftruncate(handle, 0)
    # It tells others who holds the lock. A full disk may keep nobody from rolling back.
    with contextlib.suppress(OSError):
        os.pwrite(handle, json.dumps(ours).encode("ascii"), 0)
    return handle


def _still_at(handle: int, path: str) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.stat(path))
    return False


def _holder(handle: int) -> str:
    try:
        data = json.loads(os.pread(handle, 4096, 0).decode("utf-8"))
        age = max(0, int(boottime() - data["since"]))
        who = f"{data['what']} by pid {data['pid']} on {data['host']} for {age} s"
        if data["boot"] == boot_id() and started(data["pid"]) == data["start_time"]:
            return who + "; wait for it"
        return (
            who + ", which is dead, but a process that it started still has the file open (fuser tells which); end that"
        )
    except (ValueError, KeyError, TypeError):
        return "its holder did not say who it is; wait for it"


def hold(identity: str, ttl: float, metadata: Note | None, since: str) -> Note:
    """The note of a rollout that may touch this host."""
    known = metadata or {}
    holder = " ".join(str(known[name]) for name in ("who", "why") if known.get(name))
    return {"id": identity, "holder": holder, "since": since, "began": boottime(), **window(ttl)}


def shown(note: Note | None) -> Note | None:
    """A hold for results, None if there is none or its time is over."""
    if note is None or not left(note):
        return None
    times = {"age": round(boottime() - note["began"]), "expires_in": round(left(note))}
    return {**{name: note[name] for name in ("id", "holder", "since")}, **times}


def refuse_others(note: Note | None, ours: str | None) -> None:
    """Raise `ReleaseError` where another rollout holds this host."""
    found = shown(note)
    if found is None or found["id"] == ours:
        return
    who = f" ({found['holder']})" if found["holder"] else ""
    raise ReleaseError(
        f"rollout {found['id']}{who} holds this host since {found['since']}, for {found['age']} s; wait for it, or give the"
        f" host back with state=unlocked or failsafe-nginx unlock if that run is dead; it ends by itself in"
        f" {found['expires_in']} s",
        "rollout",
        rollout=found,
    )
