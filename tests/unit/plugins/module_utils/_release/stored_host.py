# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a host of a stored fixture: its folder, its store and its running nginx. See fixtures/README.md."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

from json_engine import JsonEngine

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import environment
from ansible_collections.failsafe.nginx.plugins.module_utils._release import archive
from ansible_collections.failsafe.nginx.plugins.module_utils._release.clock import boot_id, boottime, started, ticks
from ansible_collections.failsafe.nginx.plugins.module_utils._release.disk import Folder
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings

MIME_TYPES = "types { text/html html; }\n"
FIXTURES = Path(__file__).resolve().parent / "fixtures"
_NUMBER = re.compile(r'"@([A-Z_]+)([+-][0-9.]+)?@"')
_SPARES = [f"spare-{number}" for number in range(8)]


class Front(http.server.BaseHTTPRequestHandler):
    """Answers the gate of the fixtures."""

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        pass


class StoredHost:
    """A host as a released engine left it, below `top`.

    Args:
        top: an empty folder.
        name: of the fixture, such as `0.1.0/idle`.
    """

    def __init__(self, top: Path, name: str) -> None:
        self.top, self.conf, self.store = top, top / "conf", top / "store"
        for folder in ("log", "run"):
            (top / folder).mkdir(parents=True)
        self._server = socketserver.ThreadingUnixStreamServer(f"{top}/run/front.sock", Front)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        for folder in ("conf", "store"):
            shutil.copytree(FIXTURES / name / folder, top / folder)
        broken = (self.conf / "mime.types").read_text()
        self.mend()
        self.start()
        (self.conf / "mime.types").write_text(broken)
        self._fill()
        archive.write(Folder(str(self.store)))

    def start(self) -> None:
        argv = ["nginx", "-c", str(self.conf / "nginx.conf"), "-p", f"{self.top}/"]
        subprocess.run(argv, env=environment(), check=True, timeout=600)

    def master(self) -> int:
        return int((self.top / "run/nginx.pid").read_text())

    def _fill(self) -> None:
        numbers = {
            "UID": os.getuid(), "GID": os.getgid(), "MASTER_PID": self.master(), "MASTER_START": started(self.master()),
            "TICKS": ticks(), "DEAD_PID": 1 << 22, "DEAD_START": 1, "BOOTTIME": boottime(),
        }  # fmt: skip
        (self.store).chmod(0o700)
        for path in sorted((*self.conf.rglob("*"), *self.store.rglob("*"))):
            path.chmod(0o755 if path.is_dir() else 0o644)
            if path.suffix in (".json", ".jsonl") or path.name == "lock":
                text = path.read_text().replace("@TOP@", str(self.top)).replace("@BOOT@", boot_id())
                path.write_text(
                    _NUMBER.sub(
                        lambda m: str((numbers[m[1]] or 0) + float(m[2] or 0)) if m[2] else str(numbers[m[1]]), text
                    )
                )
        if (self.store / "kept").is_dir():
            for name in _SPARES:
                (self.store / name).write_bytes(bytes(1 << 14))

    def engine(self, before: t.Callable[[str], None] | None = None, **given: t.Any) -> JsonEngine:
        settings = {
            "store": str(self.store), "config_dir": str(self.conf), "prefix": str(self.top), "service_manager": "none",
            "owner": "web1", "reload_timeout": 60, "lease": 600,
        }  # fmt: skip
        return JsonEngine(Settings(**{**settings, **given}), before=before)

    def stored(self, name: str) -> t.Any:
        """Return a JSON file of the store."""
        return json.loads((self.store / name).read_text())

    def edit(self, name: str, **values: t.Any) -> None:
        """Change keys of a JSON file of the store."""
        (self.store / name).write_text(json.dumps({**self.stored(name), **values}))

    def mend(self) -> None:
        """Repair the unmanaged file that broke the rollback of the fixture `trouble`."""
        (self.conf / "mime.types").write_text(MIME_TYPES)

    def gate(self) -> dict[str, t.Any]:
        """Return a gate that asks the server beside nginx."""
        front = {"name": "front", "url": "http://front/", "address": f"unix:{self.top}/run/front.sock"}
        return {"checks": [{**front, "status": 204}], "interval": 0.05, "successes": 1}

    def files(self) -> dict[str, bytes]:
        """The contents of the configuration folder by path."""
        found = (path for path in self.conf.rglob("*") if path.is_file())
        return {str(path.relative_to(self.conf)): path.read_bytes() for path in found}

    def command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-I", str(self.store / "failsafe-nginx.pyz"), *argv]
        return subprocess.run(run, capture_output=True, text=True, timeout=600, check=False)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        lease = self.store / "lease.json"
        pids = [self.master(), *([json.loads(lease.read_text()).get("pid", 1 << 22)] if lease.exists() else [])]
        for pid in pids:
            while started(pid) is not None:
                os.kill(pid, signal.SIGTERM)
                time.sleep(0.05)
