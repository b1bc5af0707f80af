# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action nginx_rollout_record, which runs on the controller alone."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout import ReportError, publish
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables, webhook
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plain_json import plain_object
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.progress import progress_line
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.record import Record
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.record_files import to_json
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.recorder import (
    RecordAnswer,
    Recorder,
    RecordOptions,
)

_CALLBACK: t.Final = "failsafe.nginx.progress"

_ARGUMENT_SPEC: t.Final = {
    "event": {"type": "str", "required": True, "choices": ["started", "batch", "settling", "finished", "reported"]},
    "path": {"type": "str"},
    "report": {"type": "str"},
    "rollout": {"type": "str"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "verdict": {"type": "dict"},
    "settings": {"type": "dict", "default": {}},
    "batches": {"type": "list", "elements": "int", "default": []},
    "launch": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_rollout_record.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Mapping[str, t.Any] | None = None) -> dict[str, object]:
        """Write the record's next version, and send a message about it."""
        super().run(tmp, task_vars)
        host_variables = task_vars or {}
        _unused, arguments = self.validate_argument_spec(
            argument_spec=_ARGUMENT_SPEC,
            required_if=[(("event", name, ("rollout", "verdict"))) for name in ("batch", "settling", "finished")],
        )
        try:
            options = RecordOptions.from_json(arguments)
            answer = self._record(options, host_variables.get("hostvars") or {})
        except RolloutError as error:
            raise AnsibleActionFail(str(error)) from None
        # Ansible templates the names of tasks once, in the first batch, so none of them can tell the progress.
        if answer.progress and _CALLBACK not in (constants.DEFAULT_STDOUT_CALLBACK, *constants.CALLBACKS_ENABLED):
            self._display.display(progress_line(answer.to_json()), stderr=True)
        silent = self._task.check_mode or options.event == "reported"
        failure = "" if silent else self._notify(options, answer.rollout, host_variables)
        if failure:
            answer.warnings.append(f"The webhook was not told that the run is {options.event}: {failure}.")
        return answer.to_json()

    def _record(self, options: RecordOptions, hostvars: Mapping[str, Mapping[str, object]]) -> RecordAnswer:
        home = f"{constants.config.get_config_value('ANSIBLE_HOME')}/failsafe-nginx/"
        recorder = Recorder(home, dry=self._task.check_mode, publish=_publish)
        if options.event == "started":
            return recorder.begin(options)
        if options.event == "reported":
            return recorder.report_again(options, hostvars)
        return recorder.advance(options, hostvars)

    def _notify(self, options: RecordOptions, rollout: str, host_variables: Mapping[str, t.Any]) -> str:
        """Send a message to the webhook, if there is one. Return why that failed, or ""."""
        # The URL is a variable and no option: callbacks see, and print or log, the options of a task.
        try:
            url = str(self._templar.template(host_variables.get("nginx_deploy_webhook_url") or "") or "")
            metadata = self._templar.template(host_variables.get("nginx_deploy_metadata")) if url else None
            metadata = variables.read("nginx_deploy_metadata", metadata)
        except (AnsibleError, RolloutError) as error:
            return f"nginx_deploy_webhook_url or nginx_deploy_metadata cannot be read ({type(error).__name__})"
        body = url and webhook.message(
            options.event,
            rollout,
            len(options.hosts if options.event == "started" else options.verdict.hosts),
            verdict=options.verdict,
            names=options.hosts if options.event == "settling" else (),
            metadata=plain_object(metadata),
        )
        return webhook.send(url, body.to_json()) if body else ""


def _publish(record: Record, folder: Path, name: str) -> Sequence[Path]:
    try:
        return publish(to_json(record), folder, name, now=datetime.now(UTC))
    except ReportError as error:
        raise RolloutError(f"{str(error)[0].upper()}{str(error)[1:]}") from error
