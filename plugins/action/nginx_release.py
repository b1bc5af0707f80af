# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of nginx_release."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import respond
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.release_task import change_release


class ActionModule(ActionBase):
    """See plugins/modules/nginx_release.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Bring a release of the host into the wanted state."""
        super().run(tmp, task_vars)
        return respond(self, task_vars, lambda controller: change_release(self._task.args, controller))
