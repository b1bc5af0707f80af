# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.host_status import status_lines

CURRENT = {
    "confirmed": "r-1",
    "active": None,
    "phase": None,
    "running": "r-1",
    "interrupted": False,
    "staged": None,
    "trouble": None,
}
NGINX = {"version": "1.22.1", "running": True, "problem": ""}


def info(current: dict | None = None, nginx: dict | None = None, drift: list[str] | None = None) -> dict:
    return {"current": {**CURRENT, **(current or {})}, "nginx": {**NGINX, **(nginx or {})}, "drift": drift or []}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (info(), "r-1; nginx 1.22.1 runs it"),
        (info({"confirmed": None, "running": None}), "nothing was deployed yet; nginx 1.22.1 runs"),
        (info({"running": None}), "r-1; nginx 1.22.1 runs an unknown configuration"),
        (
            info({"active": "r-2", "phase": "switched"}),
            "r-1; r-2 on trial (switched); nginx 1.22.1 runs r-1",
        ),
        (info({"staged": "r-2"}), "r-1; r-2 is staged; nginx 1.22.1 runs it"),
        (
            info({"trouble": "no space", "running": None}),
            "r-1; THE LAST ROLLBACK FAILED: no space; nginx 1.22.1 runs an unknown configuration",
        ),
        (info({"interrupted": True}), "r-1; a run was killed while it replaced files; nginx 1.22.1 runs it"),
        (info(nginx={"running": False}), "r-1; nginx does not run"),
        (info(nginx={"running": False, "problem": "no nginx found"}), "r-1; no nginx found"),
        (info(drift=["a.conf", "b.conf"]), "r-1; nginx 1.22.1 runs it; changed by hand: a.conf, b.conf"),
        ({"unreachable": True, "msg": "no route"}, "unknown: no route"),
        (None, "unknown: the host was not asked"),
    ],
)
def test_a_host_is_one_line(status: dict | None, line: str) -> None:
    assert status_lines(["web1"], {"web1": {"__nginx_deploy_status": status}}) == [f"web1: {line}"]
