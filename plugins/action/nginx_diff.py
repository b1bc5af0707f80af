# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx_diff compares on the controller; the host is asked only for what it alone has."""

from __future__ import annotations

import base64
import json
import os
import typing as t
import zlib

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import ConfigError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import RISKS, Change, Diff, DiffError, diff, gate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff.secrets import counterparts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import (
    ConfigSource,
    SourceError,
    rendered,
    source,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source, vaulted_values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import (
    DEFAULT_EXCLUDE,
    RenderError,
    find_source,
)

MODULE: t.Final = "failsafe.nginx.nginx_diff"
#: What the module needs to know of the host's nginx.
_INSTANCE: t.Final = ("config_dir", "main", "store", "binary", "prefix")
ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "before": {"type": "str", "default": "live"},
    "after": {"type": "str"},
    "src": {"type": "path"},
    "exclude": {"type": "list", "elements": "str"},
    "fail_on": {"type": "str", "choices": [*RISKS, "never"], "default": "never"},
    "text_diff": {"type": "bool", "default": False},
    "config_dir": {"type": "path", "default": "/etc/nginx"},
    "main": {"type": "str", "default": "nginx.conf"},
    "store": {"type": "path", "default": "/var/lib/failsafe-nginx"},
    "binary": {"type": "str"},
    "prefix": {"type": "path"},
}


class ActionModule(ActionBase):
    """See plugins/modules/nginx_diff.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Read both sides, compare, decide."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _result, options = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[("after", "src")], required_one_of=[("after", "src")]
        )
        redact = Redactor(())
        try:
            redact = Redactor(vaulted_values(variables, self._loader))
            sides = {
                "before": self._side(options, "before", variables),
                "after": self._side(options, "after", variables),
            }
            redact = Redactor((*redact.values, *sides["after"].secrets))
            answer = self._ask(sides, options, variables)
            if answer.get("failed") or answer.get("unreachable"):
                return t.cast("dict[str, t.Any]", redact(answer))
            asked = answer.get("_dumps", {})
            unread = sorted({each for name, side in sides.items() if name not in asked for each in side.outside})
            found = diff(*(_loaded(name, side, answer, options["config_dir"]) for name, side in sides.items()))
        except (ConfigError, DiffError, RenderError, SourceError) as error:
            # ansible-core prints a cause beside the message, and they say the same.
            raise AnsibleActionFail(redact.text(str(error))) from None
        redact = Redactor((*redact.values, *counterparts(found.changes, redact.text)))
        for each in unread:
            Display().warning(redact.text(f"not compared: {each}"))
        return t.cast("dict[str, t.Any]", redact({**self._result(found, options), "unread": unread}))

    def _side(self, options: dict[str, t.Any], name: str, variables: dict[str, t.Any]) -> ConfigSource:
        bases = (self._loader.get_basedir(), os.getcwd())
        exclude = DEFAULT_EXCLUDE if options["exclude"] is None else options["exclude"]
        if name == "after" and options["src"] is not None:
            candidate = render_source(
                find_source(options["src"], bases),
                templar=self._templar,
                loader=self._loader,
                task_vars=variables,
                exclude=exclude,
            )
            return rendered(options["src"], candidate)
        if not options[name]:
            raise SourceError(f"{name} is empty: name a folder, a file, a release or live")
        found = source(
            options[name], config_dir=options["config_dir"], main=options["main"], bases=bases, exclude=exclude
        )
        templates = [str(entry[0]) for entry in found.spec.get("entries", ()) if str(entry[0]).endswith(".j2")]
        if templates:
            raise SourceError(f"{options[name]} holds templates ({templates[0]}): name it in src to have them rendered")
        return found

    def _ask(
        self, sides: dict[str, ConfigSource], options: dict[str, t.Any], variables: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        """The dumps of what only the host can read; nothing where it has no part in it."""
        hosts = any(side.config is None for side in sides.values())
        specs = {
            name: dict(side.spec) for name, side in sides.items() if side.config is None or (hosts and side.outside)
        }
        if not specs:
            return {}
        payload = base64.b64encode(zlib.compress(json.dumps(specs).encode("utf-8"))).decode("ascii")
        arguments = {name: options[name] for name in _INSTANCE if options[name] is not None}
        answer: dict[str, t.Any] = self._execute_module(
            module_name=MODULE, module_args={**arguments, "_payload": payload}, task_vars=variables
        )
        for limit in answer.pop("_limits", ()):
            Display().warning(limit)
        return answer

    def _result(self, found: Diff, options: dict[str, t.Any]) -> dict[str, t.Any]:
        summary = found.summary
        differ = bool(found.changes or found.cosmetic_files)
        result: dict[str, t.Any] = {
            # Ansible shows the diff of changed tasks only.
            "changed": bool(self._task.diff and differ),
            "changes": [change.as_dict() for change in found.changes],
            "summary": summary,
            "cosmetic_files": found.cosmetic_files,
            "diff": {"prepared": found.text()},
            "msg": summary["text"],
        }
        if options["text_diff"]:
            result["text_diff"] = found.text_diff()
        guilty = gate(found.changes, options["fail_on"])
        if guilty or (options["fail_on"] == "cosmetic" and differ):
            result.update(failed=True, msg=_refusal(guilty, found, options["fail_on"]))
        return result


def _loaded(name: str, side: ConfigSource, answer: dict[str, t.Any], config_dir: str) -> t.Any:
    if name not in answer.get("_dumps", {}):
        return side.loaded
    return side.with_dump(zlib.decompress(base64.b64decode(answer["_dumps"][name])), config_dir).loaded


def _refusal(guilty: list[Change], found: Diff, fail_on: str) -> str:
    lines = [f"{change.risk} {change.place}: {change.line}" for change in guilty]
    lines += [f"cosmetic {name}" for name in found.cosmetic_files if fail_on == "cosmetic"]
    return "\n".join([f"There are changes of the class {fail_on} or a worse one: {found.summary['text']}", *lines])
