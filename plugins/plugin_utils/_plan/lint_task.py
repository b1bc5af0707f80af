# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One task of nginx_lint, from its options to its result; no host is asked."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    config_folder,
    load_dump,
    load_files,
    load_path,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import (
    Finding,
    LintError,
    Target,
    fixing,
    formats,
    metadata,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.lint_run import LintRun, visible_path
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import count, count_text, gate, report

from .controller import Controller


@dataclass(frozen=True)
class ReportOptions:
    """The format of a report, and the file that it is written to."""

    format: str
    path: str


@dataclass(frozen=True)
class LintOptions:
    """The options of nginx_lint."""

    path: str | None
    dump: object
    src: str | None
    exclude: list[str] | None
    config_dir: str
    main: str | None
    partial: bool | None
    fail_on: str
    ignore: list[str]
    suppressions: str | None
    nginx_version: str | None
    modules: list[str] | None
    fix: bool
    report: ReportOptions | None
    explain: str | None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> LintOptions:
        """Take these options from those of a task."""
        given = {each.name: options[each.name] for each in fields(cls)}
        made = given.pop("report")
        return cls(**given, report=None if made is None else ReportOptions(made["format"], made["path"]))


@dataclass
class _LintedSource:
    """A configuration that can be linted.

    Attributes:
        load: loads it, with these bytes instead of the files of a folder.
        folder: on the controller, None for a dump.
        names: path below the configuration folder -> the file on the controller that it came from.
        secrets: values that no output may show.
        whole: it is a whole folder or all that nginx reads, not a single file.
    """

    load: Callable[[Mapping[str, bytes]], Config]
    folder: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    whole: bool = True


def lint_configuration(options: Mapping[str, t.Any], controller: Controller) -> dict[str, object]:
    """Lint a configuration, or explain a rule.

    Args:
        options: the options of the task, all of them.
        controller: of the task.

    Returns:
        The values that nginx_lint returns.

    Raises:
        ConfigError, LintError, RenderError, RouteError: it cannot be linted, for the reason in the message.
    """
    task = _LintTask(LintOptions.of(options), controller)
    if task.options.explain is not None:
        page = metadata.page(task.options.explain)
        return {"changed": False, "page": page, "msg": page}
    return task.result(task.source())


@dataclass(frozen=True)
class _LintTask:
    options: LintOptions
    controller: Controller

    def result(self, source: _LintedSource) -> dict[str, object]:
        options = self.options
        if options.fix and (options.path is None or not source.whole):
            raise LintError("fix needs path to be a whole folder: what else uses a line is not known")
        run = self._run(source)
        self.controller.learn(source.secrets)
        result: dict[str, object] = {"changed": False}
        if options.fix:
            plan = fixing.plan(run.relint)
            findings, texts = plan.findings, plan.texts
            result["changed"] = bool(plan.repairs)
            result["fixed"] = [each.file for each in plan.repairs]
            result["diff"] = [_diff(each) for each in plan.repairs]
            if not self.controller.check_mode:
                fixing.write(source.folder or "", plan.repairs)
        else:
            findings, texts = run.relint({})
        if options.report is not None:
            self._write(options.report, self._report(source, findings, texts))
        return {**result, **_judged(findings, options.fail_on, source.names)}

    def source(self) -> _LintedSource:
        options = self.options
        if options.src is not None:
            return self._rendered(options.src)
        if options.dump is not None:
            return _LintedSource(lambda _replaced: load_dump(_bytes(options.dump), main=options.main))
        path = self._absolute(options.path or "")
        return _LintedSource(
            lambda replaced: self._load(path, replaced),
            config_folder(path, options.main or "nginx.conf"),
            whole=os.path.isdir(path),
        )

    def _rendered(self, src: str) -> _LintedSource:
        folder, candidate = self.controller.files.render(src, self.options.exclude)
        return _LintedSource(
            lambda _replaced: load_files(
                candidate.files(),
                config_dir=self.options.config_dir,
                main=self.options.main or "nginx.conf",
                partial=self.options.partial is not False,
            ),
            folder,
            candidate.sources,
            candidate.secrets,
        )

    def _load(self, path: str, replaced: Mapping[str, bytes]) -> Config:
        in_place = os.path.realpath(path) == os.path.realpath(self.options.config_dir)
        return load_path(
            path,
            config_dir=None if in_place else self.options.config_dir,
            main=self.options.main or "nginx.conf",
            partial=bool(self.options.partial),
            replaced=replaced,
        )

    def _run(self, source: _LintedSource) -> LintRun:
        options = self.options
        return LintRun(
            source.load,
            Target.of(options.nginx_version, options.modules),
            folder=source.folder,
            suppressions=options.suppressions and self._absolute(options.suppressions),
            config_dir=options.config_dir,
            whole=source.whole,
            ignore=options.ignore,
        )

    def _absolute(self, path: str) -> str:
        return self.controller.files.existing(path) or os.path.expanduser(path)

    def _report(self, source: _LintedSource, findings: list[Finding], texts: Mapping[str, str]) -> formats.LintReport:
        redact = self.controller.redact
        return formats.LintReport(
            _redacted(findings, redact),
            {file: redact.text(text) for file, text in texts.items()},
            fail_on=self.options.fail_on,
            base=visible_path(source.folder) if source.folder else "",
            names={file: visible_path(name) for file, name in source.names.items()},
        )

    def _write(self, options: ReportOptions, made: formats.LintReport) -> None:
        path = self.controller.files.output(options.path)
        try:
            formats.write(path, formats.render(options.format, made))
        except OSError as error:
            raise LintError(f"the report cannot be written to {path}: {error.strerror or error}") from error


def _judged(findings: list[Finding], fail_on: str, sources: Mapping[str, str]) -> dict[str, object]:
    found = [finding.as_dict() for finding in findings]
    counts = count(found)
    result: dict[str, object] = {
        "findings": found,
        "summary": counts,
        "outcome": formats.outcome(findings, fail_on),
        "msg": count_text(counts),
    }
    guilty = gate(found, fail_on)
    if guilty:
        text = f"The configuration is refused: {count_text(counts)}.\n{report(guilty, sources)}"
        result |= {"failed": True, "msg": text}
    return result


def _diff(made: fixing.Repair) -> dict[str, str]:
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


def _bytes(dump: object) -> bytes:
    if not isinstance(dump, (str, bytes)):
        raise LintError(f"dump has to be the text that nginx -T prints, not {type(dump).__name__}")
    return dump if isinstance(dump, bytes) else dump.encode(errors="surrogateescape")
