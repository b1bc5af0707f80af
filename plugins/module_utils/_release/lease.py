# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The dead-man's switch: whatever becomes of the run, the host's own engine acts when the lease is over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import typing as t

from .clock import boottime, left, started
from .errors import ReleaseError

#: The lease's note in the store. Whoever reads it there under the lock may act on it.
LEASE = "lease.json"
#: How long a run counts as alive where the host itself does not watch it, in seconds.
TRIAL = 180.0
_SYSTEMD = "/run/systemd/system"  # sd_booted(3)
_TRANSIENT = "/run/systemd/transient"
_TIMEOUT = 30  # seconds for starting or stopping the switch

Lease = t.Dict[str, t.Any]


def booted_with_systemd() -> bool:
    """Whether systemd is what started this host."""
    return os.path.isdir(_SYSTEMD)


def start(archive: str, token: str, seconds: float) -> Lease:
    """Start what wakes up in `seconds` and looks at the lease: a systemd timer, or a process of its own.

    Raises `ReleaseError` where neither can be started.
    """
    if not os.path.isfile(archive):
        raise ReleaseError(f"{archive} is not there: stage again", "lease")
    argv = [sys.executable or "/usr/bin/python3", "-I", archive, "watch", token]
    problem = "no systemd"
    if booted_with_systemd() and os.geteuid() == 0:
        unit = f"failsafe-nginx-lease-{token}"
        problem = run(_timer(unit, seconds, argv))[1]
        if not problem:
            return {"mechanism": "systemd", "unit": unit}
    told, failure = run([*argv, "--detach"])
    try:
        process = {name: int(json.loads(told)[name]) for name in ("pid", "start_time")}
    except (ValueError, KeyError, TypeError):
        raise ReleaseError(
            f"nothing on this host can be told to roll back when the lease ends ({problem}; {failure or told});"
            " activate with require_lease=false to do without",
            "lease",
        ) from None
    return {"mechanism": "watcher", **process}


def _timer(unit: str, seconds: float, argv: t.Sequence[str]) -> list[str]:
    # The timer is monotonic. What the service starts (an nginx without a unit of its own) has to outlive it.
    return [
        "systemd-run", "--quiet", "--collect", f"--unit={unit}",
        "--description=Roll nginx's configuration back unless it is confirmed",
        f"--on-active={max(seconds, 0.1):.3f}s", "--timer-property=AccuracySec=100ms",
        "--property=KillMode=process", "--property=Restart=on-abnormal", "--property=RestartSec=1",
        "--", *argv,
    ]  # fmt: skip


def alive(lease: Lease) -> bool:
    """Whether what was started still waits."""
    if lease["mechanism"] == "systemd":
        return any(os.path.exists(f"{_TRANSIENT}/{lease['unit']}.{kind}") for kind in ("timer", "service"))
    return lease["mechanism"] == "watcher" and bool(started(lease["pid"]) == lease["start_time"])


def stop(lease: Lease) -> None:
    """End what waits, as far as it is there and is not this very process; without its lease it would do nothing."""
    if lease["mechanism"] == "systemd":
        acting = sys.argv[1:3] == ["expire", lease["token"]]
        units = [f"{lease['unit']}.{kind}" for kind in (("timer",) if acting else ("timer", "service"))]
        if alive(lease):
            run(["systemctl", "stop", "--quiet", *units])
    elif lease["mechanism"] == "watcher" and lease["pid"] != os.getpid() and alive(lease):
        with contextlib.suppress(OSError):
            os.kill(lease["pid"], signal.SIGTERM)


def shown(lease: Lease | None) -> Lease | None:
    """A lease for results."""
    if lease is None:
        return None
    known = {name: lease[name] for name in ("release", "mechanism", "seconds")}
    return {**known, "expires_in": round(left(lease), 1), "alive": alive(lease)}


def run(argv: t.Sequence[str]) -> tuple[str, str]:
    """Standard output, and what went wrong."""
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
    told = done.stderr.decode("utf-8", "backslashreplace").strip()
    failure = "" if done.returncode == 0 else told or f"{argv[0]} ended with status {done.returncode}"
    return done.stdout.decode("utf-8", "backslashreplace"), failure


@contextlib.contextmanager
def beating(beat: t.Callable[[], None], every: float, seconds: float) -> t.Iterator[None]:
    """Call `beat` now and then from another thread, for `seconds` at most: a run that hangs counts as dead."""
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
