# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The one place where an action plugin calls its core, and where an error becomes a failed task."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import ConfigError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import DiffError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import LintError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import RenderError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .controller import Controller
from .errors import HostError, PlanError

_ERRORS: t.Final = (ConfigError, DiffError, LintError, PlanError, RenderError, RouteError)


def respond(
    action: ActionBase,
    variables: dict[str, t.Any] | None,
    core: Callable[[Controller], dict[str, object]],
) -> dict[str, t.Any]:
    """Return the result of an action plugin's task, without its secrets.

    Args:
        action: the action plugin.
        variables: the host's variables, as `ActionBase.run` gets them.
        core: makes the result.

    Raises:
        AnsibleActionFail: the core raised an error of its room.
    """
    controller = Controller(action, variables or {})
    try:
        result = core(controller)
    except HostError as error:
        result = error.result
    except _ERRORS as error:
        # ansible-core prints a cause beside the message, and they say the same.
        raise AnsibleActionFail(controller.redact.text(str(error))) from None
    return t.cast("dict[str, t.Any]", controller.redact(result))
