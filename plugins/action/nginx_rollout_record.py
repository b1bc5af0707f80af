# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx_rollout_record runs on the controller alone: no host is asked."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import options, progress, record, webhook

_ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "event": {"type": "str", "required": True, "choices": ["started", "batch", "settling", "finished"]},
    "path": {"type": "str"},
    "rollout": {"type": "str"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "verdict": {"type": "dict"},
    "settings": {"type": "dict", "default": {}},
    "batches": {"type": "list", "elements": "int", "default": []},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_rollout_record.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Write the record's next version."""
        super().run(tmp, task_vars)
        _unused, arguments = self.validate_argument_spec(
            argument_spec=_ARGUMENT_SPEC,
            required_if=[(("event", name, ("rollout", "verdict"))) for name in ("batch", "settling", "finished")],
        )
        try:
            result = self._run(arguments)
        except options.RolloutError as error:
            raise AnsibleActionFail(str(error)) from None
        failure = "" if self._task.check_mode else self._notify(arguments, result["rollout"], task_vars or {})
        if failure:
            result["warnings"] = [
                *result.get("warnings", []),
                f"The webhook was not told that the run is {arguments['event']}: {failure}.",
            ]
        return result

    def _notify(self, arguments: dict[str, t.Any], rollout: str, variables: dict[str, t.Any]) -> str:
        """Tell the webhook, if there is one. Returns why that failed."""
        # A variable and no option: callbacks see, and print or log, the options of a task.
        try:
            url = str(self._templar.template(variables.get("nginx_deploy_webhook_url") or "") or "")
            metadata = self._templar.template(variables.get("nginx_deploy_metadata") or {}) if url else {}
        except AnsibleError as error:
            return f"nginx_deploy_webhook_url or nginx_deploy_metadata cannot be read ({type(error).__name__})"
        hosts, verdict = arguments["hosts"], arguments["verdict"]
        body = url and webhook.message(
            arguments["event"],
            rollout,
            len(verdict["hosts"] if verdict else hosts),
            verdict=verdict,
            names=hosts if arguments["event"] == "settling" else (),
            metadata=metadata if isinstance(metadata, dict) else None,
        )
        return webhook.send(url, body) if body else ""

    def _run(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        event, hosts, settings = arguments["event"], arguments["hosts"], arguments["settings"]
        if event == "started":
            options.check(**{name: settings.get(name) for name in ("on_failure", "max_failures", "serial")})
            fresh = record.begin(hosts, settings)
            path = self._place(arguments["path"], fresh["rollout"])
            if path:
                record.write(path, fresh)
            sizes = progress.batches(len(hosts), settings["serial"])
            return {**_result(path, fresh["rollout"]), "batches": sizes}
        rollout, warnings = arguments["rollout"], []
        path = self._place(arguments["path"], rollout)
        try:
            if path:
                record.write(path, self._next(arguments, record.read(path, rollout)))
        except options.RolloutError as error:
            # A run that has begun to change hosts is not stopped half-way by a full disk of its controller.
            warnings = [f"{error} The run goes on."]
        locked = list(arguments["verdict"].get("locked") or ())
        told = {**_result(path, rollout), "hosts": hosts, "locked": locked, "warnings": warnings}
        if event == "batch":
            told["progress"] = progress.batch(arguments["batches"], hosts, arguments["verdict"])
            # The names of tasks cannot tell it: Ansible templates them in the first batch, for all.
            self._display.display(progress.line(told), stderr=True)
        if event == "finished":
            told.update({name: arguments["verdict"].get(name) for name in ("verdict", "text")})
        return told

    @staticmethod
    def _next(arguments: dict[str, t.Any], known: record.Record) -> record.Record:
        event, verdict = arguments["event"], arguments["verdict"]
        if event == "finished":
            return record.finish(known, verdict)
        return {"batch": record.batch, "settling": record.settle}[event](known, verdict, arguments["hosts"])

    def _place(self, path: str | None, rollout: str) -> Path | None:
        if path == "" or self._task.check_mode:
            return None
        if path is None:
            path = f"{constants.config.get_config_value('ANSIBLE_HOME')}/failsafe-nginx/"
        return record.place(str(self._loader.path_dwim(path)) + ("/" if path.endswith("/") else ""), rollout)


def _result(path: Path | None, rollout: str) -> dict[str, t.Any]:
    return {"changed": False, "rollout": rollout, "path": str(path) if path else None}
