# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A configuration and its world, in each of the ways in which one is built. Tests import it by `conftest.py`."""

from __future__ import annotations

import json
import shutil
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import run_worlds

ROOT = Path(__file__).resolve().parents[5]
HTTP = {"address": "0.0.0.0", "port": 80, "ssl": False, "http2": False, "proxy_protocol": False}
HTTP6 = {**HTTP, "address": "::"}
TLS = {**HTTP, "port": 443, "ssl": True}
AS_NOBODY = f"""
import sys; sys.path[:0] = [{str(ROOT / "tests/unit")!r}]; import conftest, json, os
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import run_worlds, available
print(json.dumps([available(), run_worlds(json.load(sys.stdin))]))
"""
WAYS = ["root", "nobody", "user namespace"]
Outcome = dict[str, t.Any]


def probe(target: str = "/", listen: dict[str, t.Any] | None = None, **other: t.Any) -> dict[str, t.Any]:
    listen = listen or HTTP
    return {
        "id": target,
        "listen": listen,
        "sni": "www.example.com" if listen["ssl"] else None,
        "client": None,
        "method": "GET",
        "target": target,
        "host": "www.example.com",
        "headers": [],
        "body": "",
        "version": "1.1",
        "answers": [],
        "follow": False,
        **other,
    }


class Site:
    """A configuration folder, and how its world is run."""

    def __init__(self, folder: Path, how: str) -> None:
        self.folder = folder
        self.how = how
        self.config = folder / "etc"
        self.facts: dict[str, t.Any] = {}
        self.second: list[Outcome] = []
        self.config.mkdir(mode=0o755)
        for name in ("fastcgi_params", "uwsgi_params", "scgi_params"):
            shutil.copy(Path("/etc/nginx") / name, self.config / name)

    def write(self, http: str, *, top: str = "") -> None:
        (self.config / "nginx.conf").write_text(
            f"user www-data;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log;\n{top}\n"
            f"events {{ worker_connections 64; }}\nhttp {{\naccess_log {self.folder}/access.log;\n{http}\n}}\n"
        )

    def job(self, probes: t.Sequence[t.Any], **options: t.Any) -> dict[str, t.Any]:
        spec = {"name": "x", "tree": str(self.config), **options.pop("world", {})}
        instance = options.pop("instance", {"config_dir": str(self.config)})
        return {"instance": instance, "worlds": [spec], "probes": list(probes), **options}

    def run(self, *probes: dict[str, t.Any], **options: t.Any) -> list[Outcome]:
        result = self.result(*probes, **options)
        assert "error" not in result, result
        self.facts = result["facts"]
        self.second = result.get("second", [])
        return t.cast("list[Outcome]", result["outcomes"])

    def result(self, *probes: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
        job = self.job(probes, **{"deadline": 60.0, **options})
        if self.how == "user namespace":
            job["user"] = True
        if self.how == "nobody":
            done = subprocess.run(
                ["/usr/bin/python3", "-c", AS_NOBODY],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
            reason, answer = json.loads(done.stdout)
            assert reason is None
        else:
            answer = run_worlds(job)
        return t.cast("dict[str, t.Any]", answer["worlds"]["x"])


def upstream(outcome: Outcome) -> tuple[t.Any, ...]:
    assert len(outcome["upstreams"]) == 1, outcome
    seen = outcome["upstreams"][0]
    return seen["target"], seen["protocol"], seen["method"], seen["uri"], seen["status"]
