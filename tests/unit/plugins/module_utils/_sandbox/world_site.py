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

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.worlds import (
    WorldSettings,
    WorldSpec,
    run_worlds,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.worlds import WorldFacts, WorldResult

ROOT = Path(__file__).resolve().parents[5]
HTTP = {"address": "0.0.0.0", "port": 80, "ssl": False, "http2": False, "proxy_protocol": False}
HTTP6 = {**HTTP, "address": "::"}
TLS = {**HTTP, "port": 443, "ssl": True}
AS_NOBODY = f"""
import sys; sys.path[:0] = [{str(ROOT / "tests/unit")!r}, {str(Path(__file__).resolve().parent)!r}]
import conftest, json, os
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import available
from world_site import encode, run_job
job = json.load(sys.stdin)
print(json.dumps([available(), {{name: encode(result) for name, result in run_job(job).items()}}]))
"""
WAYS = ["root", "nobody", "user namespace"]


def probe(target: str = "/", listen: dict[str, t.Any] | None = None, **other: t.Any) -> Probe:
    listen = listen or HTTP
    fields = {
        "id": target,
        "listen": listen,
        "sni": "www.example.com" if listen["ssl"] else None,
        "target": target,
        "host": "www.example.com",
        **other,
    }
    return decode(Probe, fields)


def run_job(job: dict[str, t.Any]) -> dict[str, WorldResult]:
    """Run worlds that JSON describes."""
    specs = [
        WorldSpec(**{**spec, "replaced": {path: text.encode() for path, text in spec.get("replaced", {}).items()}})
        for spec in job["worlds"]
    ]
    settings = WorldSettings(
        listens=[decode(ListenSocket, each) for each in job.get("listens", ())],
        edge=[decode(EdgeEntry, each) for each in job.get("edge", ())],
        **{name: job[name] for name in ("deadline", "fs", "user") if name in job},
    )
    probes = [decode(Probe, each) for each in job["probes"]]
    return run_worlds(Instance(**job["instance"]), specs, probes, settings)


def outcomes_of(parts: list[str], *, traced: bool = False) -> list[t.Any]:
    kind: type[t.Any] = BlockTrace if traced else ProbeOutcome
    return [decode(kind, outcome) for part in parts for outcome in unpack(part)]


class Site:
    """A configuration folder, and how its world is run."""

    def __init__(self, folder: Path, how: str) -> None:
        self.folder = folder
        self.how = how
        self.config = folder / "etc"
        self.facts: WorldFacts | None = None
        self.second: list[ProbeOutcome] = []
        self.config.mkdir(mode=0o755)
        for name in ("fastcgi_params", "uwsgi_params", "scgi_params"):
            shutil.copy(Path("/etc/nginx") / name, self.config / name)

    def write(self, http: str, *, top: str = "") -> None:
        (self.config / "nginx.conf").write_text(
            f"user www-data;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log;\n{top}\n"
            f"events {{ worker_connections 64; }}\nhttp {{\naccess_log {self.folder}/access.log;\n{http}\n}}\n"
        )

    def job(self, probes: t.Sequence[Probe], **options: t.Any) -> dict[str, t.Any]:
        spec = {"name": "x", "tree": str(self.config), **options.pop("world", {})}
        instance = options.pop("instance", {"config_dir": str(self.config)})
        return {"instance": instance, "worlds": [spec], "probes": [encode(each) for each in probes], **options}

    def run(self, *probes: Probe, **options: t.Any) -> list[ProbeOutcome]:
        traced = options.get("world", {}).get("traced", False)
        result = self.result(*probes, **options)
        assert result.error is None, result
        assert result.outcomes is not None
        self.facts = result.facts
        self.second = outcomes_of(result.second or [])
        return outcomes_of(result.outcomes, traced=traced)

    def result(self, *probes: Probe, **options: t.Any) -> WorldResult:
        job = self.job(probes, **{"deadline": 60.0, **options})
        if self.how == "user namespace":
            job["user"] = True
        if self.how != "nobody":
            return run_job(job)["x"]
        done = subprocess.run(
            ["/usr/bin/python3", "-c", AS_NOBODY],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        reason, answers = json.loads(done.stdout)
        assert reason is None
        return decode(WorldResult, answers["x"])


def upstream(outcome: ProbeOutcome) -> tuple[t.Any, ...]:
    assert len(outcome.upstreams) == 1, outcome
    seen = outcome.upstreams[0]
    return seen.target, seen.protocol, seen.method, seen.uri, seen.status
