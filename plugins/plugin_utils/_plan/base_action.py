# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the action plugins of a comparison share: reading both sides, asking the host, one answer for hosts that are alike."""

from __future__ import annotations

import base64
import contextlib
import os
import typing as t
import zlib
from dataclasses import replace

from ansible import constants as C  # noqa: N812 - its usual name
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import ConfigError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import DiffError, diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff.secrets import counterparts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source, vaulted_values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import (
    DEFAULT_EXCLUDE,
    RenderError,
    find_source,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .answers import pack, unpack
from .route_check import WorldError
from .run_cache import RunCache
from .sources import LIVE, ConfigSource, SourceError, rendered, source

Result = dict[str, t.Any]
Options = t.Mapping[str, t.Any]

#: Options that say which nginx it is about, and how it is run: all that the host needs.
_HOST_OPTIONS: t.Final = ("config_dir", "main", "store", "binary", "prefix", "timeout", "fs")
_ERRORS: t.Final = (ConfigError, DiffError, RenderError, RouteError, SourceError, WorldError)


class HostError(Exception):
    """The module failed, or the host cannot be reached: its result is the task's."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result.get("msg")))
        self.result = result


class BehaviourAction(ActionBase):
    """An action that compares two configurations; a subclass has the options and `_act`."""

    MODULE: t.ClassVar[str]
    ARGUMENT_SPEC: t.ClassVar[dict[str, t.Any]]

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        """Check the options, act, and show no secret."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _result, options = self.validate_argument_spec(
            {name: spec for name, spec in self.ARGUMENT_SPEC.items() if not name.startswith("_")},
            mutually_exclusive=[("after", "src")],
            required_one_of=[("after", "src")],
        )
        try:
            self._secrets = tuple(vaulted_values(variables, self._loader))
            result = self._act(options, variables)
        except HostError as error:
            result = error.result
        except _ERRORS as error:
            raise AnsibleActionFail(str(self._redacted(str(error)))) from None
        return t.cast("Result", self._redacted(result))

    _secrets: tuple[str, ...] = ()

    def _redacted(self, value: t.Any) -> t.Any:
        """The same without any value that came out of a vault."""
        return Redactor(self._secrets)(value)

    def _act(self, options: Options, variables: dict[str, t.Any]) -> Result:
        raise NotImplementedError

    @property
    def _shared(self) -> RunCache:
        return RunCache(C.DEFAULT_LOCAL_TMP)

    # The two sides

    def _sides(self, options: Options, variables: dict[str, t.Any]) -> tuple[ConfigSource | None, ConfigSource]:
        """Both sides, read; the first is None where the host has no configuration yet."""
        before: ConfigSource | None = self._named(options["before"], options)
        after = self._rendered(options, variables) if options["src"] else self._named(options["after"], options)
        self._secrets += after.secrets
        plan = options["plan"] or {}
        if plan and options["before"] == LIVE and plan.get("before") is None:
            before = None
        sides: dict[str, ConfigSource | None] = {"before": before, "after": after}
        for name, side in sides.items():
            dump = self._shared.kept(plan.get(name))
            if side is not None and side.config is None and dump is not None:
                sides[name] = side.with_dump(dump, options["config_dir"])
        unread = {
            name: side for name, side in sides.items() if side is not None and (side.config is None or side.outside)
        }
        if unread:
            job = {"sources": {name: dict(side.spec) for name, side in unread.items()}}
            dumps = self._ask("read", job, options, variables)["dumps"]
            known = all(side is None or side.config is not None for side in sides.values())
            if not known or all("dump" in dumps[name] for name in unread):
                sides.update({name: _read(side, dumps[name], options["config_dir"]) for name, side in unread.items()})
        self._hide_what_is_replaced(sides["before"], t.cast("ConfigSource", sides["after"]))
        return sides["before"], t.cast("ConfigSource", sides["after"])

    def _hide_what_is_replaced(self, before: ConfigSource | None, after: ConfigSource) -> None:
        # A secret that was changed is in no vault any more, and may hold elsewhere for a while.
        if self._secrets and before is not None and before.config is not None and after.config is not None:
            changes = diff(before.config, after.config).changes
            self._secrets += tuple(counterparts(changes, Redactor(self._secrets).text))

    def _named(self, name: str, options: Options) -> ConfigSource:
        where = {key: options[key] for key in ("config_dir", "main")}
        return source(name, **where, bases=self._bases, exclude=options["exclude"] or ())

    def _rendered(self, options: Options, variables: dict[str, t.Any]) -> ConfigSource:
        candidate = render_source(
            find_source(options["src"], self._bases),
            templar=self._templar,
            loader=self._loader,
            task_vars=variables,
            exclude=DEFAULT_EXCLUDE if options["exclude"] is None else options["exclude"],
        )
        return rendered(options["src"], candidate)

    @property
    def _bases(self) -> tuple[str, str]:
        return (self._loader.get_basedir(), os.getcwd())

    def _expectations(self, path: str | None) -> Expectations | None:
        return Expectations.load(self._expected(path), path) if path else None

    def _expected(self, path: str | None) -> str:
        """The text of a file of expectations, empty without one."""
        for base in self._bases if path else ():
            full = os.path.join(base, os.path.expanduser(path or ""))
            with contextlib.suppress(FileNotFoundError), open(full, encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        if path:
            raise RouteError(f"there is no file of expectations {path} on the controller")
        return ""

    # The host

    def _ask(
        self, step: str, job: Result, options: Options, variables: dict[str, t.Any], *, module: str | None = None
    ) -> Result:
        arguments = {name: options[name] for name in _HOST_OPTIONS if options.get(name) is not None}
        arguments.update(_step=step, _payload=pack(job))
        name = module or self.MODULE
        if name == "nginx_bisect" and options.get("limit") is not None:
            arguments["limit"] = options["limit"]
        result = self._execute_module(module_name=f"failsafe.nginx.{name}", module_args=arguments, task_vars=variables)
        if "_answer" not in result:
            raise HostError(result)
        return t.cast("Result", unpack(result["_answer"]))


def _read(side: ConfigSource, answer: Result, config_dir: str) -> ConfigSource:
    if "refused" in answer:
        raise SourceError(f"nginx does not load {side.label}: {answer['refused']}{side.advice(config_dir)}")
    dump = zlib.decompress(base64.b64decode(answer["dump"]))
    return replace(side.with_dump(dump, config_dir), secrets=side.secrets)
