# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action of nginx_route_check: the controller makes requests and judges, the host sends them."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import respond
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check_task import route_check

ARGUMENT_SPEC: t.Final = {
    **{name: spec for name, spec in SIDES.items() if not name.startswith("_")},
    "access_log": {"type": "path"},
    "log_format": {"type": "str"},
    "probe_limit": {"type": "int"},
    "fail_on": {"type": "list", "elements": "str", "default": ["critical", "lost"]},
    "fail_on_unverified": {"type": "bool", "default": False},
    "accept": {"type": "list", "elements": "raw", "default": []},
    "gate_probes": {"type": "list", "elements": "dict", "default": []},
    "require": {"type": "bool", "default": True},
    "bisect": {"type": "bool", "default": True},
    "report": {"type": "dict", "options": {name: {"type": "path"} for name in ("json", "markdown", "html", "junit")}},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_route_check.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Compare what requests get from two configurations."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[("after", "src")], required_one_of=[("after", "src")]
        )
        return respond(self, task_vars, lambda controller: route_check(options, controller))
