# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What safety costs one host: bringing it back after a kill, bringing changes to its disk, keeping its store.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`.
Nginx has no part in these figures: its own start comes on top. The files are on the disk of the temporary folder.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/unit"), str(ROOT / "tests/unit/plugins/module_utils/_release")]

importlib.import_module("conftest")  # makes the collection importable
from release_world import FakeHost, World, of  # noqa: E402

from ansible_collections.failsafe.nginx.plugins.module_utils._release.engine import Engine  # noqa: E402

FILES, ROUNDS, RELEASES = 100, 12, 30
RECOVERY_S, FSYNC_MS, STORE_RATIO = 1.0, 50.0, 10.0


def wanted(text: str) -> t.Any:
    return of({f"conf.d/{number}.conf": f"# {text} {number}\n" * 40 for number in range(FILES)})


class Syncs:
    """The time that the disk takes, and how often it is asked."""

    def __init__(self) -> None:
        self.real, self.seconds, self.calls = os.fsync, 0.0, 0

    def __call__(self, handle: int) -> None:
        began = time.perf_counter()
        self.real(handle)
        self.seconds += time.perf_counter() - began
        self.calls += 1

    def __enter__(self) -> t.Self:
        self.seconds, self.calls, os.fsync = 0.0, 0, self
        return self

    def __exit__(self, *_error: object) -> None:
        os.fsync = self.real


def alone(top: Path) -> float:
    """Milliseconds of the quickest of a few single fsyncs: what the disk takes now, with whatever else it does."""
    times = []
    for number in range(ROUNDS):
        with open(top / str(number), "wb") as file:
            file.write(b"x" * 2000)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return min(times)


def world(top: Path) -> World:
    made = World(top / "host")
    made.deploy(wanted("first"))
    return made


def activation(made: World) -> tuple[float, float, int]:
    """Milliseconds of fsync, milliseconds in all and the number of fsyncs: the best of several activations, since others use the disk."""
    rows = []
    for number in range(ROUNDS):
        release = made.engine().stage(wanted(f"number {number}"))["release"]
        with Syncs() as syncs:
            began = time.perf_counter()
            made.engine().activate(release, reload=False)
            rows.append((syncs.seconds * 1000, (time.perf_counter() - began) * 1000, syncs.calls))
        made.engine().activate(release, reload=True)
        made.engine().confirm(release)
    return min(rows)


class Killer:
    """Kills the process when half of the files were replaced."""

    def __init__(self) -> None:
        self.left = FILES // 2

    def __call__(self, step: str) -> None:
        self.left -= step.startswith("replace conf.d/")
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def recovery(made: World) -> float:
    """Seconds that `failsafe-nginx recover` takes when half of the files were replaced."""
    times = []
    for number in range(ROUNDS):
        release = made.engine().stage(wanted(f"killed {number}"))["release"]
        child = os.fork()
        if child == 0:
            dying = Engine(made.engine().settings, host=FakeHost(made.config_dir), before=Killer())
            dying.activate(release, reload=False)
        os.waitpid(child, 0)
        began = time.perf_counter()
        argv = [sys.executable, "-I", str(made.store / "failsafe-nginx.pyz"), "recover", "--boot"]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
        times.append(time.perf_counter() - began)
        if '"changed": true' not in done.stdout:
            raise SystemExit(f"nothing was recovered: {done.stdout}")
    return min(times)


def growth(made: World) -> tuple[float, int]:
    """The size of the stored releases after many of them beside one tree's, and the bytes of journal that one leaves."""
    journal = made.store / "journal.jsonl"
    begin = journal.stat().st_size
    for number in range(RELEASES):
        made.deploy(wanted(f"grown {number}"), keep=3)
    stored, tree = (
        sum(path.stat().st_size for path in top.rglob("*") if path.is_file())
        for top in (made.store / "releases", made.config_dir)
    )
    return stored / tree, (journal.stat().st_size - begin) // RELEASES


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory() as folder:
        made = world(Path(folder))
        syncs, whole, calls = activation(made)
        seconds = recovery(made)
        ratio, journal = growth(made)
        single = alone(Path(folder))
    rows = [
        ("recovery after a kill, s", seconds, RECOVERY_S),
        (f"fsync of an activation of {FILES} files, ms", syncs, FSYNC_MS),
        (f"store after {RELEASES} releases, keep 3, trees", ratio, STORE_RATIO),
    ]
    for name, value, limit in rows:
        print(f"{name:<50} {value:8.2f}  limit {limit:6.2f}  {'ok' if value <= limit else 'MISSED'}")
    print(f"(an activation takes {whole:.0f} ms with {calls} fsyncs, of which one alone takes {single:.2f} ms now;")
    print(f" a deploy leaves {journal} bytes of journal)")
    return int(any(value > limit for _name, value, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
