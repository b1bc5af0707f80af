# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One task of nginx_bisect, from its options to its result."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plain_json import plain
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .bisect import BisectResult, FailingRequest, Search
from .controller import Controller
from .errors import PlanError
from .requests import request_of, requests_of_check
from .route_check import RouteCheck, read_answer
from .run_cache import key_of
from .sides import SideOptions, Sides, expectations_of, read_sides
from .sources import ConfigSource

MODULE: t.Final = "nginx_bisect"
#: Requests of one search; more of them rarely have another cause.
_MOST: t.Final = 5
_REQUESTS: t.Final = ("request", "failing", "checks")


@dataclass(frozen=True)
class BisectOptions:
    """The options of nginx_bisect beside those of the two sides."""

    request: Mapping[str, object] | None
    failing: list[object] | None
    checks: list[Mapping[str, object]] | None
    failed: list[str] | None
    expect: str | None
    limit: int | None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> BisectOptions:
        """Take these options from those of a task.

        Raises:
            RouteError: the options do not say what fails, or say it twice.
        """
        given = [name for name in _REQUESTS if options[name] is not None]
        if len(given) + (options["expect"] is not None and not given) != 1:
            raise RouteError(f"say what fails with exactly one of expect, {', '.join(_REQUESTS)}")
        return cls(**{each.name: options[each.name] for each in fields(cls)})

    @property
    def key(self) -> list[object]:
        """Return the options that decide the result, for hosts that share one."""
        return [self.request, self.failing, self.checks, self.failed, self.expect, self.limit]


def bisect(options: Mapping[str, t.Any], controller: Controller) -> dict[str, object]:
    """Find the lines of a change that break requests.

    Args:
        options: the options of the task, all of them.
        controller: of the task.

    Returns:
        The values that nginx_bisect returns.

    Raises:
        ConfigError, DiffError, PlanError, RenderError, RouteError: it cannot be searched, for the reason in the message.
        HostError: the module failed.
    """
    controller.learn_vault()
    task = _BisectTask(SideOptions.of(options), BisectOptions.of(options), controller)
    plan = task.sides.plan
    if plan is None:
        return task.result()
    with controller.cache.alone(key_of("bisect", [plan.key, *task.options.key])) as answer:
        if answer.value is None:
            answer.value = controller.redact(task.result())
    return t.cast("dict[str, object]", answer.value)


def search(wanted: Search, sides: SideOptions, controller: Controller, *, limit: int | None = None) -> BisectResult:
    """Run a search on the host; return its result.

    Raises:
        HostError, PlanError, RouteError: see `ask_host`.
    """
    return wanted.result(ask_host(wanted, sides, controller, limit=limit))


def ask_host(wanted: Search, sides: SideOptions, controller: Controller, *, limit: int | None = None) -> SearchAnswer:
    """Run a search on the host; return the host's answer.

    Args:
        wanted: the search.
        sides: the options of the task.
        controller: of the task.
        limit: of the combinations that are tried for a request. Default: the module's.

    Raises:
        HostError: the module failed.
        PlanError: no private world can be built there.
        RouteError: the answer cannot be read.
    """
    arguments = {**sides.host_arguments, **({} if limit is None else {"limit": limit})}
    answer = controller.ask(MODULE, "run", wanted.job(), arguments)
    try:
        found = decode(SearchAnswer, answer)
    except FieldError as error:
        raise RouteError(f"what the host answered cannot be read: {error}") from error
    return _available(found)


def _available(answer: SearchAnswer) -> SearchAnswer:
    if answer.unavailable is not None:
        raise PlanError(f"no private world can be built here: {answer.unavailable}", "unavailable")
    return answer


@dataclass(frozen=True)
class _BisectTask:
    sides: SideOptions
    options: BisectOptions
    controller: Controller
    #: Why checks cannot be searched, one sentence each.
    unsearched: list[str] = field(default_factory=list)

    def result(self) -> dict[str, object]:
        limit = self.options.limit
        sides = read_sides(self.sides, self.controller, MODULE, limit=limit)
        if sides.before is None:
            raise PlanError("there is no configuration from before to compare with")
        expectations = expectations_of(self.options.expect, self.controller.files.bases)
        wanted = self._wanted(sides, sides.before, expectations)
        if not wanted:
            return {
                "changed": False,
                "culprits": [],
                "lines": [],
                "searches": [],
                "msg": "\n".join(self.unsearched) or "no request fails: nothing to search for",
            }
        edge = expectations.edge if expectations else ()
        found = search(Search(sides.before, sides.after, wanted, edge=edge), self.sides, self.controller, limit=limit)
        values = {**found.to_json(), "msg": "\n".join([found.msg, *self.unsearched])}
        return {"changed": False, **values, "diff": {"prepared": found.patch}}

    def _wanted(self, sides: Sides, before: ConfigSource, expectations: Expectations | None) -> list[FailingRequest]:
        options = self.options
        if options.request is not None:
            return [FailingRequest(request_of(options.request, before, sides.after))]
        if options.failing is not None:
            return [FailingRequest.from_json(plain(each)) for each in options.failing[:_MOST]]
        if options.checks is None:
            return self._unexpected(sides, expectations)
        return self._checked(options.checks, before, sides.after)

    def _checked(
        self, checks: list[Mapping[str, object]], before: ConfigSource, after: ConfigSource
    ) -> list[FailingRequest]:
        """Return the requests of health checks that failed, and keep why others cannot be searched."""
        wanted = self.options.failed
        named = [(name, check) for check in checks if (name := _name_of(check)) and (wanted is None or name in wanted)]
        found: list[FailingRequest] = []
        for number, (name, check) in enumerate(named[:_MOST], 1):
            made = requests_of_check(check, before, after, probe_id=f"b{number}")
            if made.reason:
                self.unsearched.append(f"{name} cannot be bisected, because {made.reason}")
            found += made.failing
        return found

    def _unexpected(self, sides: Sides, expectations: Expectations | None) -> list[FailingRequest]:
        """Return the requests of expectations that the configuration from after does not meet."""
        check = RouteCheck(sides.before, sides.after, expectations=expectations, limit=0, diff=sides.difference)
        job = check.job()
        answer = read_answer(self.controller.ask("nginx_route_check", "run", job, self.sides.host_arguments))
        if answer.unavailable is not None:
            raise PlanError(f"no private world can be built here: {answer.unavailable}", "unavailable")
        failed = check.judge(answer).failed_expectations
        probes = {probe.id: probe for probe in check.probes}
        known = [each for each in failed if each.probe in probes]
        return [FailingRequest(probes[each.probe], list(each.failed)) for each in known[:_MOST]]


def _name_of(check: Mapping[str, object]) -> str:
    """Return the name by which the gate tells of a check."""
    return next((str(check[key]) for key in ("name", "url", "tcp", "certificate") if check.get(key)), "")
