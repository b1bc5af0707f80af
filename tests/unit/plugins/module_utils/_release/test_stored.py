# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stores that a released engine wrote: this one reads them, and goes on from there."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from stored_host import StoredHost

pytestmark = pytest.mark.nginx

ADOPTED, FIRST, SECOND = "r-372de461ae75", "r-9cde15cd4ac2", "r-b9ac2d5f4666"
#: What the status says of each fixture, beside what all have.
STATUS: dict[str, dict[str, t.Any]] = {
    "idle": {"releases": [ADOPTED, FIRST]},
    "staged": {"staged": SECOND},
    "on_trial": {"active": SECOND, "phase": "gated", "running": SECOND},
    "interrupted": {"staged": SECOND, "interrupted": True},
    "trouble": {"running": None},
    "reserved": {"staged": SECOND},
}
COMMON = {
    "confirmed": FIRST, "previous": ADOPTED, "active": None, "phase": None, "staged": None, "running": FIRST,
    "interrupted": False, "releases": [ADOPTED, FIRST, SECOND],
}  # fmt: skip


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[StoredHost]:
    host = StoredHost(tmp_path / "host", f"0.1.0/{request.param}")
    yield host
    host.stop()


@pytest.mark.parametrize(("host", "wanted"), STATUS.items(), ids=STATUS, indirect=["host"])
def test_the_status_of_a_stored_host(host: StoredHost, wanted: dict[str, t.Any]) -> None:
    found = host.engine().status()
    trouble, lease, rollout = (found.pop(name) for name in ("trouble", "lease", "rollout"))
    assert found == {**COMMON, **wanted}
    assert ("unexpected end of file" in (trouble or "")) is ("running" in wanted and wanted["running"] is None)
    assert (lease or {}).get("release") == wanted.get("active")
    assert (rollout or {}).get("id") == (
        "alice@control-20261130T120000Z-1a2b" if host.state()["settings"]["rollout"] else None
    )
