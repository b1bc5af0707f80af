# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout whose canary served the change for four seconds: its record and its journals."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout import build
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout.report import RolloutReport

START: t.Final = datetime.fromisoformat("2026-11-22T03:00:00.000Z")
OLD: t.Final = "r-000000000001"
NEW: t.Final = "r-000000000002"
HOSTILE: t.Final = "<script>alert(1)</script> `x` | [a](b) *c*"


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(when: float, event: str, release: str | None = NEW, **details: t.Any) -> dict[str, t.Any]:
    return {"time": at(when), "seq": round(when * 10), "event": event, "release": release, "details": details}


#: A canary that served the change for four seconds and went back.
CANARY: t.Final = [
    line(1, "staged"),
    line(2, "activating"),
    line(2.1, "activated", added=["a"], modified=["b", "c"], removed=[]),
    line(2.2, "lease_armed", seconds=60, mechanism="systemd"),
    line(3, "reload", ok=True),
    line(6, "gate", ok=False, reason="GET / answered 500"),
    line(7, "reload", OLD, ok=True),
    line(7.1, "rolled_back", OLD, abandoned=NEW),
]
GOOD: t.Final = [line(1, "staged"), line(2, "activated"), line(3, "reload", ok=True), line(5, "confirmed")]


#: As `_rollout.evidence` keeps what nginx_route_check returns.
COMPARED: t.Final = {
    "hosts": ["web1", "web2"],
    "verified": True,
    "reason": "",
    "refused": False,
    "summary": {"requests": 40, "changed": 1},
    "changes": [
        {
            "class": "redirect-target-changed",
            "risk": "high",
            "server": "www.example.com",
            "requests": 1,
            "example": {"request": "GET http://www.example.com/", "before": ["200"], "after": ["302 /login", "200"]},
            "cause": [{"line": "location /: return 200 -> return 302 /login", "risk": "routing"}],
        }
    ],
    "changes_left_out": 2,
    "accepted": [],
    "expectations_failed": [{"name": "home", "file": "routes.yml", "line": 3}],
    "unverified": [{"kind": "changed", "what": "location /x", "reason": "no request reaches it"}],
}


def record(**fields: t.Any) -> dict[str, t.Any]:
    return {
        "schema": 1,
        "rollout": "ops@bastion-20261122T030000Z-abc123",
        "controller": {"user": "ops", "host": "bastion", "pid": 7},
        "settings": {"on_failure": "keep", "source": "site", "metadata": {"ticket": "OPS-7"}},
        "started": at(0),
        "updated": at(9),
        "finished": at(9),
        "verdict": "stopped",
        "ok": False,
        "batches": [{"hosts": ["web1"], "started": at(1.5), "finished": at(8)}],
        "fleet_rollback": None,
        "counts": {"pending": 1, "rolled_back": 1},
        "text": ["1 pending, 1 rolled back"],
        "hosts": [
            {
                "host": "web1",
                "outcome": "rolled_back",
                "release": NEW,
                "reason": "gate of it failed: GET / answered 500",
                "since": at(8),
            },
            {"host": "web2", "outcome": "pending", "release": NEW, "reason": "staged and valid", "since": at(1.5)},
        ],
        "journals": {"web1": CANARY, "web2": [line(1, "staged")]},
        "asked": {},
        "nginx": {"1.22.1": ["web1", "web2"]},
        "findings": [],
        "behaviour": [COMPARED],
        "culprits": [],
        **fields,
    }


def report(**fields: t.Any) -> RolloutReport:
    return build(record(**fields), now=START + timedelta(seconds=9))


def data(**fields: t.Any) -> dict[str, t.Any]:
    return report(**fields).to_json()
