# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action of nginx_bisect: the controller says what may be guilty, the host tries it out."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import respond
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect_task import bisect

ARGUMENT_SPEC: t.Final = {
    **{name: spec for name, spec in SIDES.items() if not name.startswith("_")},
    "request": {"type": "dict"},
    "failing": {"type": "list", "elements": "dict"},
    "checks": {"type": "list", "elements": "dict"},
    "failed": {"type": "list", "elements": "str"},
    "limit": {"type": "int", "default": 300},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_bisect.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Search for the lines of a change that break requests."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[("after", "src")], required_one_of=[("after", "src")]
        )
        return respond(self, task_vars, lambda controller: bisect(options, controller))
