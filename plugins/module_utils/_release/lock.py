# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the file lock of one run of the engine."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
import typing as t

from .._common.json_fields import decode, encode, unknown_fields
from .._common.json_text import parse_json
from .clock import boot_id, boottime, started
from .errors import ReleaseError

_LONGEST = 4096  # bytes of the note in the lock


@dataclasses.dataclass
class LockHolder:
    """The process that holds the lock for the operation `what`; `since` is in seconds since the boot `boot`."""

    pid: int
    start_time: t.Optional[int]
    host: str
    boot: str
    since: float
    what: str
    extra: t.Dict[str, object] = unknown_fields()


def acquire(path: str, operation: str) -> int:
    """Take the lock at `path` and return the descriptor that holds it.

    The kernel frees the lock with the last process that has it open, so a dead run leaves none behind.

    Raises:
        ReleaseError: another run holds it; the message names that run.
    """
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ReleaseError(f"cannot open the lock {path}: {error.strerror}", "store") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _describe_holder(handle)
            os.close(handle)
            raise ReleaseError(f"another run holds the lock {path}: {holder}", "locked") from None
        if _still_at(handle, path):
            break
        os.close(handle)
    note = LockHolder(os.getpid(), started(os.getpid()), socket.gethostname(), boot_id(), boottime(), operation)
    os.ftruncate(handle, 0)
    # The note is for messages only. A full disk must not prevent a rollback.
    with contextlib.suppress(OSError):
        os.pwrite(handle, json.dumps(encode(note)).encode("ascii"), 0)
    return handle


def _still_at(handle: int, path: str) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.stat(path))
    return False


def _describe_holder(handle: int) -> str:
    try:
        holder = decode(LockHolder, parse_json(os.pread(handle, _LONGEST, 0)))
    except ValueError:
        return "the lock does not name its holder; wait for it"
    age = max(0, int(boottime() - holder.since))
    run = f"{holder.what} by pid {holder.pid} on {holder.host} for {age} s"
    if holder.boot == boot_id() and started(holder.pid) == holder.start_time:
        return run + "; wait for it"
    return run + ", which is dead, but a process that it started still has the file open (fuser names it); end that"
