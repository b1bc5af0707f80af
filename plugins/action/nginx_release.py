# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of nginx_release: render, lint, ship; then lint what nginx really read."""

from __future__ import annotations

import base64
import os
import typing as t
import zlib
from datetime import UTC, datetime, timedelta

from ansible import constants as C  # noqa: N812 - its usual name
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import ConfigError, load_dump, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, LintError, Target, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project import Project
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project_finder import find_project
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import gate, report
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.run_cache import RunCache, key_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source, vaulted_values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import (
    DEFAULT_EXCLUDE,
    RenderError,
    find_source,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import progress
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.launch import Launch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.default_probes import default_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

MODULE = "failsafe.nginx.nginx_release"

#: Options that only the controller needs.
_CONTROLLER_OPTIONS = ("src", "exclude", "lint_fail_on", "lint_ignore", "probe_limit")


#: Options that decide what is staged and activated, beside the source.
_DECIDING = (
    "exclude", "config_dir", "main", "store", "binary", "prefix", "service", "service_manager", "file_mode", "directory_mode",
    "lint_fail_on", "lint_ignore", "on_drift", "require_rollback",
)  # fmt: skip


class ActionModule(ActionBase):
    """See plugins/modules/nginx_release.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Render and lint before the host is asked, then run the module and judge what it read."""
        super().run(tmp, task_vars)
        variables, state = task_vars or {}, self._task.args.get("state")
        try:
            if state == "staged":
                return self._stage(variables)
            if state == "confirmed":
                self._tell(progress.reloaded(variables, C.DEFAULT_LOCAL_TMP))
            # nginx's own lines may quote a secret, and the host's journal keeps them.
            known = Candidate((), secrets=tuple(sorted(set(vaulted_values(variables, self._loader)))))
            result = self._call(variables, {"_payload": known.payload()})
            if state == "active":
                result = _timed(result)
            return t.cast("dict[str, t.Any]", Redactor(known.secrets)(result))
        except (RenderError, ConfigError, LintError, RouteError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _tell(self, line: str) -> None:
        # Beside the tasks' results: whatever callback there is shows it, and what reads standard output is not disturbed.
        if line:
            self._display.display(line, stderr=True)

    def _stage(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        candidate = self._render(variables)
        findings = self._lint_source(candidate)
        guilty = self._guilty(findings)
        result: dict[str, t.Any] = {"changed": False}
        if not guilty:
            result = self._call(variables, {"_payload": candidate.payload()})
            dump, current = (_unpack(result.pop(name, None)) for name in ("_dump", "_dump_current"))
            modules = result.pop("_modules", [])
            if dump is not None:
                version = (result.get("validation") or {}).get("nginx_version")
                result["plan"] = self._plan(current, dump, [version, modules])
                findings, result["probes"] = self._judge_what_nginx_read(dump, Target.of_host(version))
                guilty = self._guilty(findings)
        result["asked"] = key_of({name: self._task.args.get(name) for name in _DECIDING})
        result["findings"] = [finding.as_dict() for finding in findings]
        if guilty:
            result.pop("probes", None)
            result.pop("plan", None)
            message = f"The configuration is refused; nothing was changed.\n{report(guilty, candidate.sources)}"
            result.update(failed=True, changed=False, msg=message, guilty=guilty)
        elif self._task.check_mode and result.get("state") == "staged":
            result["state"] = "planned"
        shown = t.cast("dict[str, t.Any]", Redactor(candidate.secrets)(result))
        return self._told_once(shown, str(variables.get("inventory_hostname", "")))

    def _told_once(self, result: dict[str, t.Any], host: str) -> dict[str, t.Any]:
        """The same difference is printed for the first host of the run only; on the others one line a file names that host."""
        if not result.get("diff"):
            return result
        return {**result, "diff": [self._or_where(each, host) for each in result["diff"]]}

    def _or_where(self, diff: dict[str, str], host: str) -> dict[str, str]:
        with RunCache(C.DEFAULT_LOCAL_TMP).alone(key_of("diff", diff)) as answer:
            answer.value = answer.value or host
        return diff if answer.value == host else _as_on(answer.value, diff)

    def _plan(self, current: bytes | None, dump: bytes, nginx: list[t.Any]) -> dict[str, t.Any]:
        """What other steps of this run find the two configurations by; hosts with the same key would do the same."""
        shared = RunCache(C.DEFAULT_LOCAL_TMP)
        kept = {"before": None if current is None else shared.keep(current), "after": shared.keep(dump)}
        where = [self._task.args.get(name) for name in ("config_dir", "main", "prefix", "binary")]
        return {"key": key_of(kept, nginx, where), **kept}

    def _render(self, variables: dict[str, t.Any]) -> Candidate:
        src = self._task.args.get("src")
        if not src:
            raise RenderError("state=staged needs src, a folder laid out as below the config folder.")
        return render_source(
            find_source(str(src), (self._loader.get_basedir(), os.getcwd())),
            templar=self._templar,
            loader=self._loader,
            task_vars=variables,
            exclude=self._list("exclude", DEFAULT_EXCLUDE),
        )

    def _lint_source(self, candidate: Candidate) -> list[Finding]:
        """Findings over what is deployed, before any host is asked; files of the host are not there to be judged."""
        config = load_files(
            candidate.files(),
            config_dir=str(self._task.args.get("config_dir") or "/etc/nginx"),
            main=str(self._task.args.get("main") or "nginx.conf"),
            partial=True,
        )
        return lint(config, ignore=self._list("lint_ignore"), project=self._suppressions())

    def _judge_what_nginx_read(self, dump: bytes, target: Target) -> tuple[list[Finding], list[dict[str, t.Any]]]:
        """Findings over the whole tree as the host's own nginx dumped it, and the default probes out of it."""
        config = load_dump(dump)
        limit = int(self._task.args.get("probe_limit", 40))
        probes = default_probes(config, limit=limit) if limit else []
        return lint(config, ignore=self._list("lint_ignore"), target=target, project=self._suppressions()), probes

    def _suppressions(self) -> Project | None:
        """The project file of the source folder: what it says holds for both lints."""
        folder = find_source(str(self._task.args["src"]), (self._loader.get_basedir(), os.getcwd()))
        return find_project(folder, config_dir=str(self._task.args.get("config_dir") or "/etc/nginx"))

    def _guilty(self, findings: list[Finding]) -> list[dict[str, t.Any]]:
        """The findings for which the candidate is refused."""
        return gate([finding.as_dict() for finding in findings], self._task.args.get("lint_fail_on") or "error")

    def _call(self, variables: dict[str, t.Any], extra: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = {name: value for name, value in self._task.args.items() if name not in _CONTROLLER_OPTIONS}
        metadata = _with_launch(arguments.get("metadata"), variables)
        if metadata is not None:
            arguments["metadata"] = metadata
        arguments.update(extra, _owner=str(variables.get("inventory_hostname", "")))
        return t.cast(
            "dict[str, t.Any]",
            self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables),
        )

    def _list(self, option: str, default: t.Iterable[str] = ()) -> list[str]:
        value = self._task.args.get(option)
        if value is None:
            return list(default)
        if not isinstance(value, (list, tuple)):
            raise RenderError(f"{option} has to be a list, not {value!r}.")
        return [str(item) for item in value]


def _timed(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """The result with the moment at which nginx had reloaded, by this controller's clock: those of hosts may differ."""
    if not (result.get("proof") or result.get("gate")):
        return result
    passed = timedelta(seconds=float((result.get("gate") or {}).get("seconds") or 0))
    return {**result, "reloaded": (datetime.now(UTC) - passed).isoformat(timespec="milliseconds")}


def _with_launch(metadata: t.Any, variables: dict[str, t.Any]) -> t.Any:
    """What the journal says of the run, and by whom and from where AWX launched it."""
    told = Launch.from_variables(variables).to_json()
    if not told or not isinstance(metadata or {}, t.Mapping):
        return metadata
    who = {"who": told["user"]} if "user" in told else {}
    return {**who, **(metadata or {}), "launch": told}


def _as_on(host: str, diff: t.Mapping[str, str]) -> dict[str, str]:
    """In the place of a difference: where it is told."""
    headers: dict[str, str] = {name: diff[name] for name in ("before_header", "after_header") if name in diff}
    path = diff.get("after_header") or diff.get("before_header") or "the files"
    return {**headers, "prepared": f"{path}: the same difference as on {host}\n"}


def _unpack(packed: str | None) -> bytes | None:
    return None if packed is None else zlib.decompress(base64.b64decode(packed))
