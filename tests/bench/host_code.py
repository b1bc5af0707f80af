# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the bytes of host code cost: to build a module's payload, to send it, to unpack and import it on the host.

Prints figures for docs/decisions/0006-bytes-of-host-code.md and has no limits: tests/meta bounds the bytes. Run it by
itself: `python tests/bench/host_code.py`. Times are of the processor, so that other work hardly matters. The comparison is
`ansible.builtin.ping`, which every execution pays for.
"""

from __future__ import annotations

import importlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/meta")]

import ansible.modules.ping  # noqa: E402
from ansible import constants  # noqa: E402
from ansible.executor.module_common import modify_module  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.plugins.loader import init_plugin_loader  # noqa: E402
from ansible.template import Templar  # noqa: E402
from project import sent_along  # noqa: E402

ROUNDS = 5
MODULES = ("nginx_diff", "nginx_health", "nginx_release_info", "nginx_route_check", "nginx_bisect", "nginx_release")
SIZES = (250, 300, 400)


class Cost(t.NamedTuple):
    """One execution: kilobytes of source and of payload, milliseconds to build it (once a run) and on the host."""

    source: float
    payload: float
    build: float
    host: float


def used() -> float:
    """Seconds of the processor that ended child processes took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cost(name: str, path: Path, source: float) -> Cost:
    builds, runs = [], []
    for _round in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            constants.DEFAULT_LOCAL_TMP = cache
            began = time.process_time()
            built = modify_module(
                module_name=name,
                module_path=str(path),
                module_args={"no_such_option": True},  # refused after all imports, before the module does anything
                templar=Templar(loader=DataLoader()),
                task_vars={"ansible_python_interpreter": sys.executable},
                module_compression="ZIP_DEFLATED",
            )
            builds.append(time.process_time() - began)
        data = built[0] if isinstance(built, tuple) else built.b_module_data
        began = used()
        done = subprocess.run([sys.executable, "-"], input=data, capture_output=True, check=False, timeout=60)
        runs.append(used() - began)
        assert b"no_such_option" in done.stdout, done.stderr.decode()
    return Cost(source, len(data) / 1000, min(builds) * 1000, min(runs) * 1000)


def main() -> None:
    init_plugin_loader()
    place = Path(importlib.import_module("ansible_collections.failsafe.nginx").__path__[0])  # below ansible_collections
    ping = cost("ansible.builtin.ping", Path(str(ansible.modules.ping.__file__)), 0)
    print(f"{'':<20}{'source':>8}{'payload':>9}{'build':>9}{'host':>9}   beside ping: payload, build, host")
    print(f"{'ping':<20}{0:>5.0f} KB{ping.payload:>6.0f} KB{ping.build:>6.0f} ms{ping.host:>6.0f} ms")
    found = []
    for name in MODULES:
        source = sum(file.stat().st_size for file in sent_along(ROOT / f"plugins/modules/{name}.py")) / 1000
        one = cost(f"failsafe.nginx.{name}", place / f"plugins/modules/{name}.py", source)
        found.append(one)
        ratios = (f"{mine / its:.2f}" for mine, its in zip(one[1:], ping[1:], strict=True))
        print(
            f"{name:<20}{one.source:>5.0f} KB{one.payload:>6.0f} KB{one.build:>6.0f} ms{one.host:>6.0f} ms"
            f"   {'   '.join(ratios)}"
        )
    sources = [one.source for one in found]
    for label, values, base in (
        ("payload", [one.payload for one in found], ping.payload),
        ("build", [one.build for one in found], ping.build),
        ("host", [one.host for one in found], ping.host),
    ):
        line = statistics.linear_regression(sources, values)
        told = ", ".join(f"{size} KB {(line.intercept + line.slope * size) / base:.2f}" for size in SIZES)
        print(f"{label}: {line.slope * 100 / base:.2f} of ping's for each 100 KB; {told}")


if __name__ == "__main__":
    main()
