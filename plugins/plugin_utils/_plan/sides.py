# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Both sides of a route check or a bisect, read: on the controller, from this run's cache, or by the host's nginx."""

from __future__ import annotations

import contextlib
import os
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import unpack_bytes
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import Dump, ReadAnswer, ReadJob
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff, unread_parts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff.secrets import counterparts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .controller import Controller
from .errors import PlanError
from .sources import LIVE, ConfigSource, rendered, source

#: Options that the host needs: which nginx it is about, and how it is run.
_HOST_OPTIONS: t.Final = ("config_dir", "main", "store", "binary", "prefix", "timeout", "fs")


@dataclass(frozen=True)
class StagedPlan:
    """The plan that staging made in this run; all None without it.

    Attributes:
        key: equal for hosts that would get the same answers.
        before: digest of the dump of the live configuration, None where the host has none.
        after: digest of the dump of the candidate.
        files: paths below the folder of the files that staging found to differ.
    """

    key: str | None = None
    before: str | None = None
    after: str | None = None
    files: list[str] | None = None


@dataclass(frozen=True)
class SideOptions:
    """The options that the modules of a comparison share, see `module_utils/_plan/options.py`."""

    before: str
    after: str | None
    src: str | None
    exclude: list[str] | None
    plan: StagedPlan | None
    expect: str | None
    config_dir: str
    main: str
    store: str
    binary: str | None
    prefix: str | None
    timeout: float
    fs: str | None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> SideOptions:
        """Take these options from those of a task."""
        given = {each.name: options[each.name] for each in fields(cls)}
        plan = given.pop("plan")
        return cls(**given, plan=StagedPlan(*(plan.get(each.name) for each in fields(StagedPlan))) if plan else None)

    @property
    def host_arguments(self) -> dict[str, object]:
        """Return the options that a module on the host needs, those that are set."""
        found = ((name, getattr(self, name)) for name in _HOST_OPTIONS)
        return {name: value for name, value in found if value is not None}


@dataclass
class Sides:
    """Both sides, read.

    Attributes:
        before: None where the host has no configuration yet, or nginx does not load it.
        after: the candidate.
        uncompared: why nginx does not load the configuration from before; empty where it does, or there is none.
    """

    before: ConfigSource | None
    after: ConfigSource
    uncompared: str = ""

    @cached_property
    def difference(self) -> Diff | None:
        """Return the semantic diff, None without a configuration from before.

        Raises:
            DiffError: a part of a configuration was not read.
        """
        return diff(self.before.loaded, self.after.loaded) if self.before else None


def read_sides(
    options: SideOptions, controller: Controller, module: str, *, limit: int | None = None, alone: bool = False
) -> Sides:
    """Read both sides, and mask the secrets of the candidate and what they replace from now on.

    Args:
        options: which sides.
        controller: of the task.
        module: the module that reads what only the host has.
        limit: its option of that name.
        alone: the candidate may be all there is where nginx does not load the configuration from before.

    Raises:
        ConfigError: a configuration cannot be loaded.
        HostError: the module failed.
        PlanError: a side is missing, or nginx refuses it.
        RenderError: the source cannot be rendered.
    """
    before: ConfigSource | None = _named(options.before, options, controller.files.bases)
    after = (
        rendered(options.src, controller.files.render(options.src, options.exclude)[1])
        if options.src
        else _named(options.after or "", options, controller.files.bases)
    )
    controller.learn(after.secrets)
    plan = options.plan or StagedPlan()
    if options.plan and options.before == LIVE and plan.before is None:
        before = None
    found = {"before": before, "after": after} if before else {"after": after}
    for name, side in found.items():
        dump = controller.cache.kept(plan.before if name == "before" else plan.after)
        if side.config is None and dump is not None:
            found[name] = side.with_dump(dump, options.config_dir)
    arguments = {**options.host_arguments, **({} if limit is None else {"limit": limit})}
    uncompared = _why_refused(found["before"], arguments, controller, module) if alone and before else ""
    if uncompared:
        del found["before"]
    found = _read_on_host(found, options.config_dir, arguments, controller, module)
    sides = Sides(found.get("before"), found["after"], uncompared)
    if controller.redact.values and sides.difference is not None:
        # A replaced secret is in no vault any more, but may be valid elsewhere for a while.
        controller.learn(counterparts(sides.difference.changes, controller.redact.text))
    return sides


def expected_text(path: str | None, bases: Sequence[str]) -> str:
    """Read a file of expectations below one of the folders, empty without one.

    Raises:
        RouteError: there is no such file.
    """
    for base in bases if path else ():
        full = os.path.join(base, os.path.expanduser(path or ""))
        with contextlib.suppress(FileNotFoundError), open(full, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    if path:
        raise RouteError(f"there is no file of expectations {path} on the controller")
    return ""


def expectations_of(path: str | None, bases: Sequence[str]) -> Expectations | None:
    """Load a file of expectations, None without one.

    Raises:
        RouteError: it is missing, or has a fault.
    """
    return Expectations.load(expected_text(path, bases), path) if path else None


def _named(name: str, options: SideOptions, bases: Sequence[str]) -> ConfigSource:
    return source(name, config_dir=options.config_dir, main=options.main, bases=bases, exclude=options.exclude or ())


def _why_refused(side: ConfigSource, arguments: Mapping[str, object], controller: Controller, module: str) -> str:
    """Return why the host's nginx does not load a side that was not read as a whole; empty where it does, or it was read."""
    if side.config is not None and not unread_parts(side.config):
        return ""
    refused = _dumps({"before": side}, arguments, controller, module)["before"].refused
    return f"nginx does not load {side.label}: {refused}" if refused else ""


def _dumps(
    sides: Mapping[str, ConfigSource], arguments: Mapping[str, object], controller: Controller, module: str
) -> dict[str, Dump]:
    answer = controller.ask(module, "read", ReadJob({name: side.spec for name, side in sides.items()}), arguments)
    try:
        return decode(ReadAnswer, answer).dumps
    except FieldError as error:
        raise RouteError(f"what the host answered cannot be read: {error}") from error


def _read_on_host(
    sides: dict[str, ConfigSource],
    config_dir: str,
    arguments: Mapping[str, object],
    controller: Controller,
    module: str,
) -> dict[str, ConfigSource]:
    """Return the sides with what the host's nginx reads of those that the controller does not have as a whole."""
    unread = {name: side for name, side in sides.items() if side.config is None or side.outside}
    if not unread:
        return sides
    dumps = _dumps(unread, arguments, controller, module)
    known = all(side.config is not None for side in sides.values())
    if known and not all(dumps[name].dump is not None for name in unread):
        return sides
    read = {name: _with_answer(side, dumps[name], config_dir) for name, side in unread.items()}
    return {**sides, **read}


def _with_answer(side: ConfigSource, answer: Dump, config_dir: str) -> ConfigSource:
    if answer.dump is None:
        raise PlanError(f"nginx does not load {side.label}: {answer.refused}{side.advice(config_dir)}")
    return replace(side.with_dump(unpack_bytes(answer.dump), config_dir), secrets=side.secrets)
