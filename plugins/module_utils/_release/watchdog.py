# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start, find and stop the watchdog of a lease: a systemd timer or a process that rolls back when the lease ends."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import typing as t

from .._common.json_fields import decode
from .._common.json_text import parse_json
from .clock import boottime, started
from .errors import ReleaseError
from .state import Watchdog

_TIMEOUT = 30  # seconds of a command
_SYSTEMD = "/run/systemd/system"  # sd_booted(3)
_TRANSIENT = "/run/systemd/transient"


@dataclasses.dataclass
class _Process:
    pid: int
    start_time: int


def booted_with_systemd() -> bool:
    """Return whether systemd started this host."""
    return os.path.isdir(_SYSTEMD)


def start(archive: str, token: str, seconds: float) -> Watchdog:
    """Start the watchdog of a lease, which looks at it after so many seconds.

    Raises:
        ReleaseError: neither a timer nor a process can be started.
    """
    if not os.path.isfile(archive):
        raise ReleaseError(f"{archive} is not there: stage again", "lease")
    argv = [sys.executable or "/usr/bin/python3", "-I", archive, "watch", token]
    problem = "no systemd"
    if booted_with_systemd() and os.geteuid() == 0:
        unit = f"failsafe-nginx-lease-{token}"
        problem = run(_timer(unit, seconds, argv))[1]
        if not problem:
            return Watchdog("systemd", unit=unit)
    printed, failure = run([*argv, "--detach"])
    try:
        process = decode(_Process, parse_json(printed))
    except ValueError:
        raise ReleaseError(
            f"nothing on this host can be started that rolls back when the lease ends ({problem}; {failure or printed});"
            " activate with require_lease=false to do without",
            "lease",
        ) from None
    return Watchdog("watcher", pid=process.pid, start_time=process.start_time)


def _timer(unit: str, seconds: float, argv: t.Sequence[str]) -> list[str]:
    # The timer is monotonic. What the service starts (an nginx without a unit of its own) has to outlive it.
    return [
        "systemd-run", "--quiet", "--collect", f"--unit={unit}",
        "--description=Roll nginx's configuration back unless it is confirmed",
        f"--on-active={max(seconds, 0.1):.3f}s", "--timer-property=AccuracySec=100ms",
        "--property=KillMode=process", "--property=Restart=on-abnormal", "--property=RestartSec=1",
        "--", *argv,
    ]  # fmt: skip


def alive(watchdog: Watchdog) -> bool:
    """Return whether the watchdog still waits."""
    if watchdog.mechanism == "systemd":
        return any(os.path.exists(f"{_TRANSIENT}/{watchdog.unit}.{kind}") for kind in ("timer", "service"))
    if watchdog.mechanism != "watcher" or watchdog.pid is None:
        return False
    return started(watchdog.pid) == watchdog.start_time


def stop(watchdog: Watchdog, token: str) -> None:
    """End the watchdog of the lease `token`, unless it is this process. Without its lease it does nothing anyway."""
    if watchdog.mechanism == "systemd":
        acting = sys.argv[1:3] == ["expire", token]
        units = [f"{watchdog.unit}.{kind}" for kind in (("timer",) if acting else ("timer", "service"))]
        if alive(watchdog):
            run(["systemctl", "stop", "--quiet", *units])
    elif watchdog.pid is not None and watchdog.pid != os.getpid() and alive(watchdog):
        with contextlib.suppress(OSError):
            os.kill(watchdog.pid, signal.SIGTERM)


@contextlib.contextmanager
def beating(beat: t.Callable[[], None], every: float, seconds: float) -> t.Iterator[None]:
    """Call `beat` every so many seconds from another thread, for `seconds` at most: a run that hangs counts as dead."""
    end, over = boottime() + seconds, threading.Event()

    def go_on() -> None:
        while not over.wait(every) and boottime() < end:
            beat()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run(argv: t.Sequence[str]) -> tuple[str, str]:
    """Run a command and return its standard output and the failure, empty if there was none."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH") or os.defpath, "LC_ALL": "C.UTF-8"},
            cwd="/",
            timeout=_TIMEOUT,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "", str(error)
    printed = done.stderr.decode("utf-8", "backslashreplace").strip()
    failure = "" if done.returncode == 0 else printed or f"{argv[0]} ended with status {done.returncode}"
    return done.stdout.decode("utf-8", "backslashreplace"), failure
