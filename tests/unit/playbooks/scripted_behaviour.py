# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in the place of nginx_release_info, nginx_route_check and nginx_bisect as `scripted_release` does for nginx_release."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

GOOD: dict[str, dict[str, t.Any]] = {
    "nginx_release_info": {"changed": False, "history": [], "current": {}},
    "nginx_route_check": {"changed": False, "verified": True, "refused": False, "msg": "nothing changed"},
    "nginx_bisect": {
        "changed": False,
        "culprits": [],
        "lines": ["conf.d/a.conf:3 + rewrite ^ / last;"],
        "msg": "found",
    },
}


class ActionModule(ActionBase):
    """The scripted action."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Answer as the script of this host says."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        step = self._task.action.rpartition(".")[2]
        with open(os.environ["FAILSAFE_SCRIPT_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{variables['inventory_hostname']} {step} None {self._task.args.get('after')}\n")
        with open(os.environ["FAILSAFE_SCRIPT_LOG"] + ".options", "a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, "options": self._task.args}, default=str) + "\n")
        what = (variables.get("script") or {}).get(step)
        if what == "unreachable":
            raise AnsibleConnectionFailure("no route to host")
        if isinstance(what, str):
            return {"failed": True, "msg": what}
        return {**GOOD[step], **(what or {})}
