# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One task of nginx_release: render, lint and ship a candidate, then lint what nginx has read on the host."""

from __future__ import annotations

import base64
import typing as t
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import encode_bytes
from ansible_collections.failsafe.nginx.plugins.module_utils._common.side_effects import acts
from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import HealthError
from ansible_collections.failsafe.nginx.plugins.module_utils._health.gate import Gate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_dump, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, Target, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project_finder import find_project
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import gate, report
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import RenderError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import progress
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.launch import Launch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.default_probes import default_probes

from .controller import Controller
from .errors import PlanError
from .run_cache import key_of

#: Options that only the controller needs.
_CONTROLLER_OPTIONS: t.Final = ("src", "exclude", "lint_fail_on", "lint_ignore", "probe_limit")
#: Options that decide what is staged and activated, beside the source.
_DECIDING: t.Final = (
    "exclude", "config_dir", "main", "store", "binary", "prefix", "service", "service_manager", "file_mode", "directory_mode",
    "lint_fail_on", "lint_ignore", "on_drift", "require_rollback",
)  # fmt: skip


@dataclass(frozen=True)
class _StageOptions:
    """The options of state=staged that the controller reads."""

    src: str
    exclude: list[str] | None
    config_dir: str
    main: str
    fail_on: str
    ignore: list[str]
    probe_limit: int
    probe_exclude: list[str]

    @classmethod
    def of(cls, given: Mapping[str, t.Any]) -> _StageOptions:
        if not given.get("src"):
            raise RenderError("state=staged needs src, a folder laid out as below the config folder.")
        return cls(
            str(given["src"]),
            _texts(given, "exclude"),
            str(given.get("config_dir") or "/etc/nginx"),
            str(given.get("main") or "nginx.conf"),
            str(given.get("lint_fail_on") or "error"),
            _texts(given, "lint_ignore") or [],
            int(given.get("probe_limit", 40)),
            _texts(given, "probe_exclude") or [],
        )


def change_release(given: Mapping[str, t.Any], controller: Controller) -> dict[str, object]:
    """Bring a release of the host into the wanted state.

    Args:
        given: the task's options that are set.
        controller: of the task.

    Returns:
        The values that nginx_release returns.

    Raises:
        ConfigError, LintError, PlanError, RenderError, RouteError: the candidate cannot be made, for the reason in the message.
    """
    task, state = _ReleaseTask(given, controller), given.get("state")
    if state == "staged":
        return task.stage()
    if state == "confirmed":
        controller.tell(progress.reloaded(controller.variables, controller.temporary))
    result = task.run()
    return _with_reload_time(result) if state == "active" else result


def module_options(given: Mapping[str, t.Any], variables: Mapping[str, t.Any], payload: str) -> dict[str, object]:
    """Return the options of the module on the host.

    Args:
        given: the task's options that are set.
        variables: of the host.
        payload: the candidate or only the secret values, packed.
    """
    options: dict[str, object] = {name: value for name, value in given.items() if name not in _CONTROLLER_OPTIONS}
    metadata = _with_launch(options.get("metadata"), variables)
    if metadata is not None:
        options["metadata"] = metadata
    return {**options, "_payload": payload, "_owner": str(variables.get("inventory_hostname", ""))}


@dataclass(frozen=True)
class _ReleaseTask:
    given: Mapping[str, t.Any]
    controller: Controller

    def run(self) -> dict[str, object]:
        """Run the module. It gets the secret values, because nginx's own lines may quote them in the host's journal."""
        self.controller.learn_vault()
        return self._run_module(Candidate((), secrets=tuple(sorted(set(self.controller.secrets)))))

    def stage(self) -> dict[str, object]:
        """Stage the candidate, unless a finding speaks against it."""
        options, controller = _StageOptions.of(self.given), self.controller
        _refuse_wrong_gate(self.given)
        folder, candidate = controller.files.render(options.src, options.exclude)
        controller.learn(candidate.secrets)
        findings = self._lint_source(options, folder, candidate)
        guilty = _guilty(findings, options)
        result: dict[str, t.Any] = {"changed": False}
        if not guilty:
            result = self._run_module(candidate)
            dump, current = (_unpacked(result.pop(name, None)) for name in ("_dump", "_dump_current"))
            modules = result.pop("_modules", [])
            if dump is not None:
                version = (result.get("validation") or {}).get("nginx_version")
                result["plan"] = self._plan(current, dump, [version, modules], changed_contents(result, candidate))
                config = load_dump(dump)
                findings = self._lint(config, options, folder, Target.of_host(version))
                result |= self._probes(options, current, config)
                guilty = _guilty(findings, options)
        result["asked"] = key_of({name: self.given.get(name) for name in _DECIDING})
        result["findings"] = [finding.as_dict() for finding in findings]
        if guilty:
            for name in ("probes", "probes_excluded", "limits"):
                result.pop(name, None)
            result.pop("plan", None)
            message = f"The configuration is refused; nothing was changed.\n{report(guilty, candidate.sources)}"
            result.update(failed=True, changed=False, msg=message, guilty=guilty)
        elif controller.check_mode and result.get("state") == "staged":
            result["state"] = "planned"
        # Secrets first: two hosts whose differences are alike without them share one.
        return self._show_diffs_once(controller.redact(result))

    def _lint_source(self, options: _StageOptions, folder: str, candidate: Candidate) -> list[Finding]:
        """Lint the candidate before the host is asked; unmanaged files of the host are not known yet."""
        config = load_files(candidate.files(), config_dir=options.config_dir, main=options.main, partial=True)
        return self._lint(config, options, folder, None)

    def _lint(self, config: t.Any, options: _StageOptions, folder: str, target: Target | None) -> list[Finding]:
        project = find_project(folder, config_dir=options.config_dir)
        return lint(config, ignore=options.ignore, target=target, project=project)

    def _probes(self, options: _StageOptions, current: bytes | None, config: Config) -> dict[str, object]:
        """Make the default probes of the gate out of both configurations."""
        before = None if current is None else load_dump(current)
        made = default_probes(config, limit=options.probe_limit, before=before, exclude=options.probe_exclude)
        return {"probes": made.probes, "probes_excluded": made.excluded, "limits": made.limits}

    def _plan(
        self, current: bytes | None, dump: bytes, nginx: list[t.Any], contents: Mapping[str, str]
    ) -> dict[str, object]:
        """Keep both dumps for later steps of this run. Hosts with the same key change in the same way.

        A dump lacks certificates, password files and the like: what they become is a part of the key.
        """
        cache = self.controller.cache
        kept = {"before": None if current is None else cache.keep(current), "after": cache.keep(dump)}
        instance = [self.given.get(name) for name in ("config_dir", "main", "prefix", "binary")]
        return {"key": key_of(kept, nginx, instance, contents), **kept, "files": sorted(contents)}

    def _show_diffs_once(self, result: dict[str, t.Any]) -> dict[str, object]:
        """Show a difference for the first host of the run only. The others show one line a file that names that host."""
        if result.get("diff"):
            result["diff"] = [self._diff_or_host(diff) for diff in result["diff"]]
        return result

    def _diff_or_host(self, diff: dict[str, str]) -> dict[str, str]:
        host = self.controller.host
        with self.controller.cache.alone(key_of("diff", diff)) as answer:
            answer.value = answer.value or host
        return diff if answer.value == host else _same_as_on(answer.value, diff)

    def _run_module(self, candidate: Candidate) -> dict[str, t.Any]:
        options = module_options(self.given, self.controller.variables, candidate.payload())
        return self.controller.run_module("nginx_release", options)


def changed_contents(result: Mapping[str, t.Any], candidate: Candidate) -> dict[str, str]:
    """Return path -> digest of its new content, empty for a removed one, of what the candidate changes below the folder."""
    contents = {each.path: key_of(each.type, each.target, encode_bytes(each.content)) for each in candidate.entries}
    changed = (path for name in ("added", "modified", "removed") for path in result.get(name) or ())
    return {path: contents.get(path, "") for path in changed}


def _refuse_wrong_gate(given: Mapping[str, t.Any]) -> None:
    """Refuse checks and settings that no gate could be held with, before a host is asked or drained.

    Raises:
        PlanError: naming the check and its key.
    """
    settings = {
        "interval": "health_interval",
        "successes": "health_successes",
        "timeout": "health_timeout",
        "soak": "soak",
    }
    numbers: dict[str, t.Any] = {name: given[option] for name, option in settings.items() if option in given}
    checks = given.get("checks") or ()
    if not isinstance(checks, (list, tuple)):
        raise PlanError(f"checks have to be a list, not {checks!r}. Nothing was changed.")
    try:
        keywords: dict[str, t.Any] = {
            name: (int if name == "successes" else float)(value) for name, value in numbers.items()
        }
        Gate(checks, (), **keywords)
        for entry in _texts(given, "probe_exclude") or ():
            acts("/", [entry])
    except (HealthError, TypeError, ValueError) as error:
        raise PlanError(f"The health gate cannot be held: {error}. Nothing was changed.") from error


def _guilty(findings: Iterable[Finding], options: _StageOptions) -> list[dict[str, t.Any]]:
    """Return the findings for which the candidate is refused."""
    return gate([finding.as_dict() for finding in findings], options.fail_on)


def _texts(given: Mapping[str, t.Any], option: str) -> list[str] | None:
    value = given.get(option)
    if value is not None and not isinstance(value, (list, tuple)):
        raise RenderError(f"{option} has to be a list, not {value!r}.")
    return None if value is None else [str(item) for item in value]


def _with_reload_time(result: dict[str, t.Any]) -> dict[str, object]:
    """Add when nginx had reloaded, by the controller's clock, because those of hosts may differ."""
    if not (result.get("proof") or result.get("gate")):
        return result
    passed = timedelta(seconds=float((result.get("gate") or {}).get("seconds") or 0))
    return {**result, "reloaded": (datetime.now(UTC) - passed).isoformat(timespec="milliseconds")}


def _with_launch(metadata: t.Any, variables: Mapping[str, t.Any]) -> t.Any:
    """Add to the journal's metadata which person launched the run from AWX, and where."""
    launched = Launch.from_variables(variables).to_json()
    if not launched or not isinstance(metadata or {}, Mapping):
        return metadata
    person = {"who": launched["user"]} if "user" in launched else {}
    return {**person, **(metadata or {}), "launch": launched}


def _same_as_on(host: str, diff: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {name: diff[name] for name in ("before_header", "after_header") if name in diff}
    path = diff.get("after_header") or diff.get("before_header") or "the files"
    return {**headers, "prepared": f"{path}: the same difference as on {host}\n"}


def _unpacked(packed: str | None) -> bytes | None:
    return None if packed is None else zlib.decompress(base64.b64decode(packed))
