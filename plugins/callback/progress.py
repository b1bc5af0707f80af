# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Show a rollout in a few lines, live
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Prints a line whenever a host or the fleet changes its state, with the time since the start, and the verdict at the end.
  - It shows short fields of this collection's own results. Of another task that fails it shows the name only. In place of the
    default callback it also shows what M(ansible.builtin.debug) prints, such as a plan. An error in it does not disturb a run.
  - Without it, P(failsafe.nginx.nginx_deploy#role) prints its progress beside any other callback.
requirements:
  - Enabled beside another callback with C(callbacks_enabled=failsafe.nginx.progress), or in place of the default one with
    C(stdout_callback=failsafe.nginx.progress).
"""

EXAMPLES = r"""
ansible.cfg: |
  # Only these lines.
  [defaults]
  stdout_callback = failsafe.nginx.progress

environment: |
  # For one run.
  ANSIBLE_STDOUT_CALLBACK=failsafe.nginx.progress ansible-playbook failsafe.nginx.deploy -i inventory
"""

import functools
import time
import typing as t
from collections.abc import Callable

from ansible import constants as C  # noqa: N812 - its usual name
from ansible.plugins.callback import CallbackBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import progress_lines

_COLLECTION: t.Final = "failsafe.nginx."
_COLORS: t.Final = {"good": C.COLOR_OK, "bad": C.COLOR_ERROR}


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Switch the callback off after an error, so that it does not disturb a run."""

    @functools.wraps(method)
    def guarded(self: CallbackModule, *arguments: t.Any, **options: t.Any) -> None:
        try:
            method(self, *arguments, **options)
        except Exception as error:  # noqa: BLE001 - no error may disturb a run
            self.disabled = True
            self._display.warning(f"failsafe.nginx.progress shows no more: {type(error).__name__} in {method.__name__}")

    return guarded


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "failsafe.nginx.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._alone = self.CALLBACK_NAME == C.DEFAULT_STDOUT_CALLBACK
        self._failed: set[str] = set()
        self._ended = False

    def _show(self, tone: progress_lines.Tone, text: str) -> None:
        clock = progress_lines.elapsed(time.monotonic() - self._began)
        self._display.display(f"{clock}  {text}", color=_COLORS.get(tone))

    def _of(self, host: str, line: progress_lines.Line | None) -> None:
        if line:
            if line[0] == "bad":
                self._failed.add(host)
            self._show(line[0], f"{host}  {line[1]}")

    @_guarded
    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Show a task that succeeded."""
        self._own(result, failed=False)

    @_guarded
    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 - Ansible's
        """Show a task that failed, of this collection or not."""
        if not self._own(result, failed=True) and not ignore_errors:
            self._other(result, "failed")

    @_guarded
    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Show a host that did not answer."""
        self._other(result, "unreachable")

    @_guarded
    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Show the end of a playbook without a verdict."""
        if not self._ended:
            failed = sorted({*stats.failures, *stats.dark})
            bad = f"{len(failed)} of {len(stats.processed)} hosts failed" if failed else "no host failed"
            self._show("bad" if failed else "good", f"ended: {bad}")

    def _said(self, task: t.Any, host: str, data: t.Mapping[str, t.Any]) -> None:
        """Print the text of a debug task, such as a plan, if no other callback does.

        What is said for all hosts is printed although the host that it is attributed to has failed.
        """
        if not self._alone or self._ended or str(task.action) not in C._ACTION_DEBUG:  # noqa: SLF001
            return
        if task.run_once or host not in self._failed:
            message = data.get("msg", "")
            for line in message if isinstance(message, list) else [message]:
                self._display.display(str(line))

    def _other(self, result: t.Any, word: str) -> None:
        host, name = result._host.get_name(), result._task.get_name()  # noqa: SLF001 - the name in every release
        if host not in self._failed and not self._ended:
            self._of(host, ("bad", f"{word}: {name}"))

    def _own(self, result: t.Any, *, failed: bool) -> bool:
        """Show a result of this collection's actions; return whether it was one."""
        task, data, host = result._task, result._result, result._host.get_name()  # noqa: SLF001 - as above
        if self._alone:
            self._handle_warnings(data)
        data = {**data, "failed": failed}  # Ansible removes it for callbacks
        action = str(task.action)
        if not action.startswith(_COLLECTION):
            self._said(task, host, data)
            return False
        if action == f"{_COLLECTION}nginx_rollout_record":
            lines = [] if data.get("failed") else progress_lines.run_lines(str(task.args.get("event")), data)
            for line in lines:
                self._show(*line)
            self._ended = self._ended or (task.args.get("event") == "finished" and bool(lines))
            return bool(lines)
        if action == f"{_COLLECTION}nginx_release":
            reload = str(task.args.get("reload", True)).lower() not in ("false", "no")
            self._of(host, progress_lines.release_line(str(task.args.get("state")), data, reload=reload))
            return True
        if action == f"{_COLLECTION}nginx_route_check":
            self._of(host, progress_lines.route_check_line(data))
            return True
        return False
