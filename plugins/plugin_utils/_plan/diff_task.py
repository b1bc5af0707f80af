# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One task of nginx_diff, from its options to its result."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, fields

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack_bytes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Change, Diff, diff, gate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff.secrets import counterparts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import DEFAULT_EXCLUDE

from .controller import Controller
from .errors import HostError, PlanError
from .sources import ConfigSource, rendered, source

MODULE: t.Final = "nginx_diff"
#: Options that say which nginx the host is asked about.
_INSTANCE: t.Final = ("config_dir", "main", "store", "binary", "prefix")


@dataclass(frozen=True)
class DiffOptions:
    """The options of nginx_diff."""

    before: str
    after: str | None
    src: str | None
    exclude: list[str] | None
    fail_on: str
    text_diff: bool
    config_dir: str
    main: str
    store: str
    binary: str | None
    prefix: str | None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> DiffOptions:
        """Take these options from those of a task."""
        return cls(**{each.name: options[each.name] for each in fields(cls)})

    @property
    def host_arguments(self) -> dict[str, object]:
        """Return the options that the module on the host needs, those that are set."""
        found = ((name, getattr(self, name)) for name in _INSTANCE)
        return {name: value for name, value in found if value is not None}


def compare_configurations(options: Mapping[str, t.Any], controller: Controller) -> dict[str, object]:
    """Tell what changed between two configurations.

    Args:
        options: the options of the task, all of them.
        controller: of the task.

    Returns:
        The values that nginx_diff returns.

    Raises:
        ConfigError, DiffError, PlanError, RenderError: a side cannot be compared, for the reason in the message.
        HostError: the module failed.
    """
    controller.learn_vault()
    task = _DiffTask(DiffOptions.of(options), controller)
    sides = {"before": task.named(task.options.before, "before"), "after": task.candidate()}
    controller.learn(sides["after"].secrets)
    dumps = task.dumps(sides)
    unread = sorted({each for name, side in sides.items() if name not in dumps for each in side.outside})
    config_dir = task.options.config_dir
    read = [side.with_dump(dumps[name], config_dir) if name in dumps else side for name, side in sides.items()]
    found = diff(*(side.loaded for side in read))
    controller.learn(counterparts(found.changes, controller.redact.text))
    for each in unread:
        controller.warn(f"not compared: {each}")
    return {**task.result(found), "unread": unread}


@dataclass(frozen=True)
class _DiffTask:
    options: DiffOptions
    controller: Controller

    def candidate(self) -> ConfigSource:
        options = self.options
        if options.src is None:
            return self.named(options.after or "", "after")
        return rendered(options.src, self.controller.files.render(options.src, options.exclude)[1])

    def named(self, name: str, option: str) -> ConfigSource:
        if not name:
            raise PlanError(f"{option} is empty: name a folder, a file, a release or live")
        exclude = DEFAULT_EXCLUDE if self.options.exclude is None else self.options.exclude
        found = source(
            name,
            config_dir=self.options.config_dir,
            main=self.options.main,
            bases=self.controller.files.bases,
            exclude=exclude,
        )
        templates = [entry.path for entry in found.spec.entries or () if entry.path.endswith(".j2")]
        if templates:
            raise PlanError(f"{name} holds templates ({templates[0]}): name it in src to have them rendered")
        return found

    def dumps(self, sides: Mapping[str, ConfigSource]) -> dict[str, bytes]:
        """Return what the host's nginx reads of the sides that only it has, or has as a whole."""
        on_host = any(side.config is None for side in sides.values())
        specs = {
            name: encode(side.spec) for name, side in sides.items() if side.config is None or (on_host and side.outside)
        }
        if not specs:
            return {}
        answer = self.controller.run_module(MODULE, {**self.options.host_arguments, "_payload": pack(specs)})
        for limit in t.cast("list[str]", answer.pop("_limits", [])):
            self.controller.warn(limit)
        if answer.get("failed") or answer.get("unreachable"):
            raise HostError(answer)
        packed = t.cast("dict[str, str]", answer.get("_dumps", {}))
        return {name: unpack_bytes(text) for name, text in packed.items()}

    def result(self, found: Diff) -> dict[str, object]:
        summary, fail_on = found.summary, self.options.fail_on
        differ = bool(found.changes or found.cosmetic_files)
        result: dict[str, object] = {
            # Ansible shows the diff of changed tasks only.
            "changed": self.controller.diff_mode and differ,
            "changes": [change.as_dict() for change in found.changes],
            "summary": summary,
            "cosmetic_files": found.cosmetic_files,
            "diff": {"prepared": found.text()},
            "msg": summary["text"],
        }
        if self.options.text_diff:
            result["text_diff"] = found.text_diff()
        guilty = gate(found.changes, fail_on)
        if guilty or (fail_on == "cosmetic" and differ):
            result |= {"failed": True, "msg": _refusal(guilty, found, fail_on)}
        return result


def _refusal(guilty: list[Change], found: Diff, fail_on: str) -> str:
    lines = [f"{change.risk} {change.place}: {change.line}" for change in guilty]
    lines += [f"cosmetic {name}" for name in found.cosmetic_files if fail_on == "cosmetic"]
    return "\n".join([f"There are changes of the class {fail_on} or a worse one: {found.summary['text']}", *lines])
