# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action nginx_rollout_plan, which runs on the controller alone."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.approval import Approval
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan_file import write_plan_file

_ARGUMENT_SPEC: t.Final = {
    "path": {"type": "str", "required": True},
    "approval": {"type": "dict", "required": True},
    "shown": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_rollout_plan.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Mapping[str, t.Any] | None = None) -> dict[str, object]:
        """Write the plan file."""
        super().run(tmp, task_vars)
        _unused, arguments = self.validate_argument_spec(argument_spec=_ARGUMENT_SPEC)
        path = Path(arguments["path"]).expanduser().absolute()
        try:
            approval = Approval.from_json("approval", arguments["approval"])
            dry = bool(self._task.check_mode)
            changed = not dry and write_plan_file(path, approval, arguments["shown"])
        except RolloutError as error:
            raise AnsibleActionFail(str(error)) from None
        accepted = ", ".join(approval.accept) or "nothing, because nothing stops"
        return {
            "changed": changed,
            "path": str(path),
            "accept": list(approval.accept),
            "msg": f"plan file: {path}; a deploy with -e nginx_deploy_plan_file={arguments['path']} accepts {accepted}",
        }
