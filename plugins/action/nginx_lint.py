# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx_lint runs on the controller alone: no host is asked."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field, replace

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    config_folder,
    load_dump,
    load_files,
    load_path,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import (
    Finding,
    LintError,
    Target,
    about,
    formats,
    repair,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.lint_run import LintRun, visible_path
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import FAIL_ON, count, count_text, gate, report
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import (
    DEFAULT_EXCLUDE,
    RenderError,
    find_source,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
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


@dataclass
class _Source:
    """What is linted: how to load it (with files replaced, for a folder), where it is, what its values must not show."""

    load: t.Callable[[t.Mapping[str, bytes]], Config]
    folder: str | None = None
    #: Path below the config folder -> the file on the controller that it came from.
    names: t.Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    whole: bool = True


class ActionModule(ActionBase):
    """See plugins/modules/nginx_lint.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Load, lint, decide."""
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[_SOURCES], required_one_of=[_SOURCES]
        )
        try:
            return self._lint(options, task_vars or {})
        except (ConfigError, LintError, RenderError, RouteError) as error:
            # ansible-core prints a cause beside the message, and they say the same.
            raise AnsibleActionFail(str(error)) from None

    def _lint(self, options: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        if options["explain"] is not None:
            page = about.page(options["explain"])
            return {"changed": False, "page": page, "msg": page}
        source = self._source(options, variables)
        if options["fix"] and (options["path"] is None or not source.whole):
            msg = "fix needs path to be a whole folder: what else uses a line is not known"
            raise LintError(msg)
        run = self._run_of(options, source)
        result: dict[str, t.Any] = {"changed": False}
        if options["fix"]:
            plan = repair.plan(run.relint)
            findings, texts = plan.findings, plan.texts
            result["changed"] = bool(plan.repairs)
            result["fixed"] = [each.file for each in plan.repairs]
            result["diff"] = [_diff(each) for each in plan.repairs]
            if not self._task.check_mode:
                repair.write(t.cast("str", source.folder), plan.repairs)
        else:
            findings, texts = run.relint({})
        redact = Redactor(source.secrets)
        if options["report"] is not None:
            self._write_report(options, source, _redacted(findings, redact), texts, redact)
        result.update(_result(findings, options["fail_on"], source.names))
        return t.cast("dict[str, t.Any]", redact(result))

    def _run_of(self, options: dict[str, t.Any], source: _Source) -> LintRun:
        return LintRun(
            source.load,
            Target.of(options["nginx_version"], options["modules"]),
            folder=source.folder,
            suppressions=options["suppressions"] and self._absolute(options["suppressions"]),
            config_dir=options["config_dir"],
            whole=source.whole,
            ignore=options["ignore"],
        )

    def _source(self, options: dict[str, t.Any], variables: dict[str, t.Any]) -> _Source:
        if options["src"] is not None:
            folder, candidate = self._render(options, variables)
            return _Source(
                lambda _replaced: load_files(
                    candidate.files(),
                    config_dir=options["config_dir"],
                    main=options["main"] or "nginx.conf",
                    partial=options["partial"] is not False,
                ),
                folder,
                candidate.sources,
                candidate.secrets,
            )
        if options["dump"] is not None:
            return _Source(lambda _replaced: load_dump(_bytes(options["dump"]), main=options["main"]))
        path = self._absolute(options["path"])
        return _Source(
            lambda replaced: _from_path(path, options, replaced),
            config_folder(path, options["main"] or "nginx.conf"),
            whole=os.path.isdir(path),
        )

    def _render(self, options: dict[str, t.Any], variables: dict[str, t.Any]) -> tuple[str, t.Any]:
        folder = find_source(options["src"], (self._loader.get_basedir(), os.getcwd()))
        return folder, render_source(
            folder,
            templar=self._templar,
            loader=self._loader,
            task_vars=variables,
            exclude=DEFAULT_EXCLUDE if options["exclude"] is None else options["exclude"],
        )

    def _absolute(self, path: str) -> str:
        """A path on the controller: a relative one starts at the playbook's folder, then at the current one."""
        expanded = os.path.expanduser(path)
        bases = (self._loader.get_basedir(), os.getcwd())
        return next((full for base in bases if os.path.exists(full := os.path.join(base, expanded))), expanded)

    def _write_report(
        self,
        options: dict[str, t.Any],
        source: _Source,
        findings: list[Finding],
        texts: t.Mapping[str, str],
        redact: Redactor,
    ) -> None:
        made = formats.Report(
            findings,
            {file: redact.text(text) for file, text in texts.items()},
            fail_on=options["fail_on"],
            base=visible_path(source.folder) if source.folder else "",
            names={file: visible_path(name) for file, name in source.names.items()},
        )
        path = os.path.join(self._loader.get_basedir(), os.path.expanduser(options["report"]["path"]))
        try:
            formats.write(path, formats.render(options["report"]["format"], made))
        except OSError as error:
            msg = f"the report cannot be written to {path}: {error.strerror or error}"
            raise LintError(msg) from error


def _from_path(path: str, options: dict[str, t.Any], replaced: t.Mapping[str, bytes]) -> Config:
    in_place = os.path.realpath(path) == os.path.realpath(options["config_dir"])
    return load_path(
        path,
        config_dir=None if in_place else options["config_dir"],
        main=options["main"] or "nginx.conf",
        partial=bool(options["partial"]),
        replaced=replaced,
    )


def _diff(made: repair.Repair) -> dict[str, str]:
    return {"before_header": made.file, "after_header": made.file, "before": made.before, "after": made.after}


def _redacted(findings: list[Finding], redact: Redactor) -> list[Finding]:
    return [
        replace(
            finding,
            message=redact.text(finding.message),
            related=tuple(replace(each, message=redact.text(each.message)) for each in finding.related),
        )
        for finding in findings
    ]


def _bytes(dump: t.Any) -> bytes:
    if not isinstance(dump, (str, bytes)):
        msg = f"dump has to be the text that nginx -T prints, not {type(dump).__name__}"
        raise LintError(msg)
    return dump if isinstance(dump, bytes) else dump.encode(errors="surrogateescape")


def _result(findings: list[Finding], fail_on: str, sources: t.Mapping[str, str]) -> dict[str, t.Any]:
    found = [finding.as_dict() for finding in findings]
    counts = count(found)
    result: dict[str, t.Any] = {
        "findings": found,
        "summary": counts,
        "outcome": formats.outcome(findings, fail_on),
        "msg": count_text(counts),
    }
    guilty = gate(found, fail_on)
    if guilty:
        result["failed"] = True
        result["msg"] = f"The configuration is refused: {count_text(counts)}.\n{report(guilty, sources)}"
    return result
