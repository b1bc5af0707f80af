# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action of nginx_diff: the controller compares, the host is asked for what only it has."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import RISKS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import respond
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.diff_task import compare_configurations

ARGUMENT_SPEC: t.Final = {
    "before": {"type": "str", "default": "live"},
    "after": {"type": "str"},
    "src": {"type": "path"},
    "exclude": {"type": "list", "elements": "str"},
    "fail_on": {"type": "str", "choices": [*RISKS, "never"], "default": "never"},
    "text_diff": {"type": "bool", "default": False},
    "config_dir": {"type": "path", "default": "/etc/nginx"},
    "main": {"type": "str", "default": "nginx.conf"},
    "store": {"type": "path", "default": "/var/lib/failsafe-nginx"},
    "binary": {"type": "str"},
    "prefix": {"type": "path"},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_diff.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Compare two configurations."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[("after", "src")], required_one_of=[("after", "src")]
        )
        return respond(self, task_vars, lambda controller: compare_configurations(options, controller))
