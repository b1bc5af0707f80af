# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real nginx with a configuration folder, a store and an engine of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

from json_engine import JsonEngine

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import environment
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

PATIENCE = 600  # seconds: a hang ends, a slow machine does not
PORT, OTHER = free_port(), free_port()


def server(answer: str, port: int = PORT) -> str:
    return f"server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }}\n"


class Site:
    """An nginx of its own, with a configuration folder that is not nginx's default."""

    def __init__(self, top: Path) -> None:
        self.top, self.conf, self.store = top, top / "elsewhere/conf", top / "store"
        for name in ("elsewhere/conf/vhosts", "log", "run"):
            (top / name).mkdir(parents=True)
        (self.conf / "main.conf").write_text(
            f"user root; worker_processes 2; pid {top}/run/nginx.pid; error_log {top}/log/error.log;\n"
            f"events {{}}\nhttp {{ access_log off; include vhosts/*.conf; }}\n"
        )
        (self.conf / "vhosts/a.conf").write_text(server("return 200 old;"))

    def engine(self, **settings: t.Any) -> JsonEngine:
        given = {"store": str(self.store), "config_dir": str(self.conf), "main": "main.conf", "prefix": str(self.top)}
        given.update(service_manager="none", owner="web1", reload_timeout=60)
        return JsonEngine(Settings(**{**given, **settings}))

    def run(self) -> None:
        argv = ["nginx", "-c", str(self.conf / "main.conf"), "-p", f"{self.top}/"]
        subprocess.run(argv, env=environment(), check=True, timeout=PATIENCE)

    def get(self, port: int = PORT) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.code)
        except OSError:
            return "down"

    def stop(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            os.kill(json.loads((self.store / "lease.json").read_text())["pid"], signal.SIGTERM)
        self.stop_nginx()

    def stop_nginx(self) -> None:
        try:
            pid = int((self.top / "run/nginx.pid").read_text())
        except (OSError, ValueError):
            return
        # A signal between nginx's start and its first sigsuspend() is lost: ask until it is gone.
        while os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.02)

    def command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run `failsafe-nginx` as someone on the host would."""
        run = [sys.executable, "-I", str(self.store / "failsafe-nginx.pyz"), *argv]
        return subprocess.run(
            run, capture_output=True, text=True, timeout=PATIENCE, check=False, env={"PATH": os.environ["PATH"]}
        )

    def await_(self, wanted: t.Callable[[], bool], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.02)

    def release(self, wanted: t.Any, gate: t.Any = None, *, confirm: bool = True) -> str:
        release: str = self.engine().stage(wanted)["release"]
        self.engine().activate(release, reload=False, gate=gate)
        self.engine().activate(release, reload=True, gate=gate)
        if confirm:
            self.engine().confirm(release)
        return release


PROBES = {"probes": [{"name": "front", "url": f"http://127.0.0.1:{PORT}/", "status": "100-499"}], "interval": 0.05}
