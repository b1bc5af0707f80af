# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx_rollout_record runs on the controller alone: no host is asked."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout import ReportError, publish
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import (
    evidence,
    options,
    progress,
    record,
    webhook,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables as entry

Hostvars = Mapping[str, Mapping[str, t.Any]]

_ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
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

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Write the record's next version."""
        super().run(tmp, task_vars)
        _unused, arguments = self.validate_argument_spec(
            argument_spec=_ARGUMENT_SPEC,
            required_if=[(("event", name, ("rollout", "verdict"))) for name in ("batch", "settling", "finished")],
        )
        try:
            result = self._run(arguments, (task_vars or {}).get("hostvars") or {})
        except options.RolloutError as error:
            raise AnsibleActionFail(str(error)) from None
        silent = self._task.check_mode or arguments["event"] == "reported"
        failure = "" if silent else self._notify(arguments, result["rollout"], task_vars or {})
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
            metadata = self._templar.template(variables.get("nginx_deploy_metadata")) if url else None
            metadata = entry.read("nginx_deploy_metadata", metadata)
        except (AnsibleError, options.RolloutError) as error:
            return f"nginx_deploy_webhook_url or nginx_deploy_metadata cannot be read ({type(error).__name__})"
        hosts, verdict = arguments["hosts"], arguments["verdict"]
        body = url and webhook.message(
            arguments["event"],
            rollout,
            len(verdict["hosts"] if verdict else hosts),
            verdict=verdict,
            names=hosts if arguments["event"] == "settling" else (),
            metadata=metadata,
        )
        return webhook.send(url, body) if body else ""

    def _run(self, arguments: dict[str, t.Any], hostvars: Hostvars) -> dict[str, t.Any]:
        if arguments["event"] == "started":
            return self._begin(arguments)
        if arguments["event"] == "reported":
            return self._report_again(arguments, hostvars)
        rollout, hosts, warnings = arguments["rollout"], arguments["hosts"], list[str]()
        path = self._place(arguments["path"], rollout)
        report: list[str] = []
        try:
            if path:
                kept = self._next(arguments, record.read(path, rollout))
                kept = _learned(evidence.gather, kept, hostvars, warnings)
                record.write(path, kept)
                report = self._publish(arguments["report"], kept, path, warnings)
        except options.RolloutError as error:
            # A run that has begun to change hosts is not stopped half-way by a full disk of its controller.
            warnings.append(f"{error} The run goes on.")
        locked = list(arguments["verdict"].get("locked") or ())
        told = {**_result(path, rollout, report, warnings), "hosts": hosts, "locked": locked}
        if arguments["event"] == "batch":
            told["progress"] = progress.batch(arguments["batches"], hosts, arguments["verdict"])
            # The names of tasks cannot tell it: Ansible templates them in the first batch, for all.
            if "failsafe.nginx.progress" not in (constants.DEFAULT_STDOUT_CALLBACK, *constants.CALLBACKS_ENABLED):
                self._display.display(progress.line(told), stderr=True)
        if arguments["event"] == "finished":
            told.update({name: arguments["verdict"].get(name) for name in ("verdict", "text")})
        return told

    def _begin(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        hosts, settings, warnings = arguments["hosts"], arguments["settings"], list[str]()
        options.check(**{name: settings.get(name) for name in ("on_failure", "max_failures", "serial")})
        if arguments["report"] and arguments["path"] == "":
            raise options.RolloutError(
                "nginx_deploy_report needs the record, which an empty nginx_deploy_record switches off."
            )
        fresh = record.begin(hosts, settings, launch=arguments["launch"])
        path = self._place(arguments["path"], fresh["rollout"])
        report: list[str] = []
        if path:
            record.write(path, fresh)
            if arguments["path"] is None:
                record.prune(path.parent)
            report = self._publish(arguments["report"], fresh, path, warnings)
        sizes = progress.batches(len(hosts), settings["serial"])
        return {**_result(path, fresh["rollout"], report, warnings), "batches": sizes}

    def _report_again(self, arguments: dict[str, t.Any], hostvars: Hostvars) -> dict[str, t.Any]:
        """The report of a run that is over, with what the hosts say now; its record stays as it is."""
        path = record.newest(Path(self._given(arguments["path"])))
        known, warnings = record.read(path), list[str]()
        known = _learned(evidence.asked, known, hostvars, warnings)
        report: list[str] = []
        if not self._task.check_mode:
            report = self._publish(arguments["report"], known, path, warnings)
            if not report:
                raise options.RolloutError(
                    " ".join(warnings) or "An empty nginx_deploy_report switches the report off."
                )
        return {**_result(path, str(known["rollout"]), report, warnings), "verdict": known["verdict"]}

    def _publish(self, folder: str | None, kept: record.Record, path: Path, warnings: list[str]) -> list[str]:
        """Write the report beside the record or into `folder`; what prevents it becomes a warning."""
        if folder == "":
            return []
        place = path.parent if folder is None else _started_in(folder)
        try:
            return [str(file) for file in publish(kept, place, path.stem, now=datetime.now(UTC))]
        except ReportError as error:
            warnings.append(f"{str(error)[0].upper()}{str(error)[1:]}. The outcome of the run is the same without it.")
            return []

    @staticmethod
    def _next(arguments: dict[str, t.Any], known: record.Record) -> record.Record:
        event, verdict = arguments["event"], arguments["verdict"]
        if event == "finished":
            return record.finish(known, verdict)
        return {"batch": record.batch, "settling": record.settle}[event](known, verdict, arguments["hosts"])

    def _place(self, path: str | None, rollout: str) -> Path | None:
        return None if path == "" or self._task.check_mode else record.place(self._given(path), rollout)

    @staticmethod
    def _given(path: str | None) -> str:
        if not path:
            return f"{constants.config.get_config_value('ANSIBLE_HOME')}/failsafe-nginx/"
        return str(_started_in(path)) + ("/" if path.endswith("/") else "")


def _started_in(path: str) -> Path:
    """A relative path is one of where ansible-playbook was started: the playbook's folder is the collection's own."""
    return Path.cwd() / Path(path).expanduser()


def _learned(
    learn: Callable[..., record.Record], known: record.Record, hostvars: Hostvars, warnings: list[str]
) -> record.Record:
    """The record with what the hosts registered; the way back of a fleet depends on the end of this task, not on that."""
    try:
        return learn(known, [row["host"] for row in known["hosts"] if row["host"] in hostvars], hostvars)
    except Exception as error:  # noqa: BLE001 - whatever a host may have answered
        warnings.append(f"The record lacks journals and findings: {type(error).__name__}: {error}.")
        return known


def _result(path: Path | None, rollout: str, report: list[str], warnings: list[str]) -> dict[str, t.Any]:
    return {
        "changed": False,
        "rollout": rollout,
        "path": str(path) if path else None,
        "report": report,
        "warnings": warnings,
    }
