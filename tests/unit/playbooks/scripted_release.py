# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in the place of the nginx_release action: does what a host's variable `script` says, and writes down who was asked.

The playbooks, the role, its handler and the verdict are the real ones; only the hosts are made up.
"""

from __future__ import annotations

import json
import os
import time
import typing as t
from datetime import UTC, datetime

from ansible import constants as C  # noqa: N812 - its usual name
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import progress

GOOD: dict[str, dict[str, t.Any]] = {
    "staged": {"changed": True, "state": "staged", "release": "r-new", "previous": "r-old"},
    "activated": {
        "changed": True,
        "state": "active",
        "release": "r-new",
        "reload_needed": True,
        "lease": {"seconds": 140},
    },
    "gated": {"changed": True, "state": "active", "release": "r-new"},
    "confirmed": {"changed": True, "state": "confirmed", "release": "r-new"},
    "rolled_back": {"changed": True, "state": "rolled_back", "release": "r-old"},
    "reverted": {"changed": True, "state": "rolled_back", "release": "r-old"},
    "unlocked": {"changed": True, "state": "unlocked"},
}

#: What each step writes into a host's journal, with the number of its first line.
JOURNAL: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = {
    "staged": (1, (("staged", "r-new"),)),
    "activated": (2, (("lease_armed", "r-new"), ("activating", "r-new"), ("activated", "r-new"))),
    "gated": (5, (("reload", "r-new"), ("gate", "r-new"))),
    "confirmed": (7, (("confirmed", "r-new"),)),
    "rolled_back": (8, (("reload", "r-old"), ("rolled_back", "r-old"))),
    "reverted": (10, (("reload", "r-old"), ("rolled_back", "r-old"))),
}


def journal(step: str, problem: str = "") -> list[dict[str, t.Any]]:
    """The lines of a step, the last of which failed if there is a problem."""
    first, events = JOURNAL.get(step, (0, ()))
    lines = [
        {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seq": first + number,
            "event": event,
            "release": release,
            "details": {"ok": True},
        }
        for number, (event, release) in enumerate(events)
    ]
    if problem and lines:
        lines[-1]["details"] = {"ok": False, "reason": problem}
    return lines


class ActionModule(ActionBase):
    """The scripted action."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Answer as the script of this host says."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        state, release = self._task.args["state"], self._task.args.get("release")
        step = {
            "active": "gated" if self._task.args.get("reload", True) else "activated",
            "rolled_back": "reverted" if release else "rolled_back",
        }.get(state, state)
        with open(os.environ["FAILSAFE_SCRIPT_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{variables['inventory_hostname']} {step} {self._task.args.get('rollout')} {release}\n")
        with open(os.environ["FAILSAFE_SCRIPT_LOG"] + ".options", "a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, "options": self._task.args}, default=str) + "\n")
        if step in ("activated", "gated"):
            with open(os.environ["FAILSAFE_SCRIPT_LOG"] + ".leases", "a", encoding="utf-8") as log:
                log.write(f"{float(self._task.args['lease'])}\n")
        line = progress.reloaded(variables, C.DEFAULT_LOCAL_TMP) if step == "confirmed" else ""
        if line:
            self._display.display(line, stderr=True)
        what = (variables.get("script") or {}).get(step)
        if what == "hang":
            time.sleep(60)
        if what == "unreachable":
            raise AnsibleConnectionFailure("no route to host")
        if isinstance(what, str):
            lines = journal(step, what) if step == "gated" else []
            return {"failed": True, "msg": what, "rollout": {"id": "another"}, "journal": lines}
        result = {**GOOD[step], "journal": journal(step), **(what or {})}
        if step == "gated":
            result["reloaded"] = datetime.now(UTC).isoformat()
        if step == "staged" and (result["state"] == "staged" or result.get("reload_needed")):
            result["rollout"] = {"id": self._task.args.get("rollout")}
        return result
