# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands in a private mount namespace: they see folders in other places, and nothing that they write stays."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import typing as t

from .namespaces import Namespaces, SandboxError


class Completed(t.NamedTuple):
    """The end of a command and its output."""

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False


def run_in_private_mounts(
    binds: t.Sequence[t.Tuple[str, str]],
    argv: t.Sequence[str],
    *,
    env: t.Optional[t.Mapping[str, str]] = None,
    timeout: float = 30.0,
    user: bool = False,
    emptied: t.Sequence[str] = (),
    folders: t.Sequence[str] = (),
) -> Completed:
    """Run `argv` where each `(source, target)` of `binds` shows the source folder at the target.

    Every writable file system, the sources included, is under an overlay whose upper layer is in memory: all that is
    written vanishes. The command shares the network, abstract sockets, /proc, /sys and /dev with other processes.

    Args:
        binds: absolute paths. A target that does not exist is made, in the overlay only.
        argv: the command.
        env: its environment; this process's own by default.
        timeout: seconds; then its whole process group is killed.
        user: make a user namespace as well, for a caller without CAP_SYS_ADMIN.
        emptied: files that the command may append to, shown empty: an overlay copies a file before its first write,
            which for a log of many gigabytes would fill the memory.
        folders: with `user`, folders in which the command may make files and which, or whose parents, have another
            owner; there it would meet EOVERFLOW (75).

    Raises:
        SandboxError: the system denies one of the steps.
    """
    try:
        namespaces = Namespaces(binds, user=user, emptied=emptied, folders=folders)
    except (OSError, AttributeError, ImportError) as error:
        raise SandboxError(f"the C library cannot be called: {error}") from error
    receiver, sender = os.pipe()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd="/",
            start_new_session=True,
            # Unsafe only where another thread holds a lock at the fork; modules have no threads at this point.
            preexec_fn=lambda: namespaces.enter(sender, math.ceil(timeout)),  # noqa: PLW1509
        )
    except OSError as error:
        raise SandboxError(f"{argv[0]} cannot be run in the private mount namespace: {error}") from error
    except subprocess.SubprocessError as error:
        os.close(sender)
        sender = -1
        raise SandboxError(_reason(receiver)) from error
    finally:
        if sender >= 0:
            os.close(sender)
        os.close(receiver)
    return _wait(process, timeout)


def _reason(receiver: int) -> str:
    return os.read(receiver, 4096).decode("utf-8", "replace") or "the child of the sandbox died without a reason"


def _wait(process: subprocess.Popen[bytes], timeout: float) -> Completed:
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        return Completed(process.returncode, stdout, stderr, timed_out=True)
    if process.returncode == -signal.SIGALRM:
        raise SandboxError(f"the private mounts were not made within {timeout:g} s: a file system does not answer")
    return Completed(process.returncode, stdout, stderr)
