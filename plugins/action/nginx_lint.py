# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx_lint runs on the controller alone: no host is asked."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    load_dump,
    load_files,
    load_path,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import LintError, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import FAIL_ON, count, count_text, gate, report
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import (
    DEFAULT_EXCLUDE,
    RenderError,
    find_source,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routes import RouteError

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
}
_SOURCES: t.Final = ("path", "dump", "src")


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
        sources: dict[str, str] = {}
        secrets: tuple[str, ...] = ()
        if options["src"] is not None:
            candidate = self._render(options, variables)
            sources, secrets = candidate.sources, candidate.secrets
            config = load_files(
                candidate.files(),
                config_dir=options["config_dir"],
                main=options["main"] or "nginx.conf",
                partial=options["partial"] is not False,
            )
        elif options["dump"] is not None:
            config = load_dump(_bytes(options["dump"]), main=options["main"])
        else:
            config = self._from_path(options)
        findings = [finding.as_dict() for finding in lint(config, ignore=options["ignore"])]
        return t.cast("dict[str, t.Any]", Redactor(secrets)(_result(findings, options["fail_on"], sources)))

    def _render(self, options: dict[str, t.Any], variables: dict[str, t.Any]) -> t.Any:
        return render_source(
            find_source(options["src"], (self._loader.get_basedir(), os.getcwd())),
            templar=self._templar,
            loader=self._loader,
            task_vars=variables,
            exclude=DEFAULT_EXCLUDE if options["exclude"] is None else options["exclude"],
        )

    def _from_path(self, options: dict[str, t.Any]) -> Config:
        path = os.path.expanduser(options["path"])
        if not os.path.isabs(path):
            bases = (self._loader.get_basedir(), os.getcwd())
            path = next((full for base in bases if os.path.exists(full := os.path.join(base, path))), path)
        in_place = os.path.realpath(path) == os.path.realpath(options["config_dir"])
        return load_path(
            path,
            config_dir=None if in_place else options["config_dir"],
            main=options["main"] or "nginx.conf",
            partial=bool(options["partial"]),
        )


def _bytes(dump: t.Any) -> bytes:
    if not isinstance(dump, (str, bytes)):
        msg = f"dump has to be the text that nginx -T prints, not {type(dump).__name__}"
        raise LintError(msg)
    return dump if isinstance(dump, bytes) else dump.encode(errors="surrogateescape")


def _result(findings: list[dict[str, t.Any]], fail_on: str, sources: dict[str, str]) -> dict[str, t.Any]:
    counts = count(findings)
    result: dict[str, t.Any] = {"changed": False, "findings": findings, "summary": counts, "msg": count_text(counts)}
    guilty = gate(findings, fail_on)
    if guilty:
        result["failed"] = True
        result["msg"] = f"The configuration is refused: {count_text(counts)}.\n{report(guilty, sources)}"
    return result
