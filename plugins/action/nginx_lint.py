# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action of nginx_lint: all of it happens on the controller."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import formats
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import FAIL_ON
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import respond
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.lint_task import lint_configuration

ARGUMENT_SPEC: t.Final = {
    "path": {"type": "str"},
    "dump": {"type": "raw"},
    "src": {"type": "str"},
    "exclude": {"type": "list", "elements": "str"},
    "config_dir": {"type": "str", "default": "/etc/nginx"},
    "main": {"type": "str"},
    "partial": {"type": "bool"},
    "fail_on": {"type": "str", "choices": list(FAIL_ON), "default": "error"},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "suppressions": {"type": "str"},
    "nginx_version": {"type": "str"},
    "modules": {"type": "list", "elements": "str"},
    "fix": {"type": "bool", "default": False},
    "report": {
        "type": "dict",
        "options": {
            "format": {"type": "str", "choices": list(formats.FORMATS), "default": "sarif"},
            "path": {"type": "str", "required": True},
        },
    },
    "explain": {"type": "str"},
}
_SOURCES: t.Final = ("path", "dump", "src", "explain")


class ActionModule(ActionBase):
    """See plugins/modules/nginx_lint.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Lint a configuration."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[_SOURCES], required_one_of=[_SOURCES]
        )
        return respond(self, task_vars, lambda controller: lint_configuration(options, controller))
