# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One task of nginx_route_check, from its options to its result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, fields

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckAnswer
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchAnswer
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.worlds import WorldResult
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    BehaviourChange,
    GateFailure,
    RouteCheckReport,
    guilty_classes,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import AccessLog, read_access_log
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.formats import write
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check import render
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.accepting import (
    REFUSED,
    ROUTES_LINE,
    accept_lines,
    brief_refusal,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.console import console_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.text import (
    expectation_text,
    group_lines,
    headline,
    unverified_text,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .bisect import FailingRequest, Search
from .bisect_task import ask_host
from .bisect_text import guilty_text
from .common_change import CommonChange
from .controller import HOST_ERRORS, Controller
from .errors import PlanError
from .gate_expectations import expected_of
from .route_check import AFTER, BEFORE, RouteCheck, read_answer
from .run_cache import CachedAnswer, key_of
from .sides import SideOptions, Sides, expectations_of, expected_text, read_sides

MODULE: t.Final = "nginx_route_check"
#: Requests whose lines are searched for, and groups that the message shows; the report has them all.
_MOST_SEARCHED: t.Final = 3
_MOST_SHOWN: t.Final = 3
#: Combinations of changes that are tried for all of them: a line among 200 takes about 17, and others wait for the answer.
_MOST_TRIED: t.Final = 200
#: Options that decide the result, beside the two configurations and the expectations.
_DECIDING: t.Final = (
    "access_log", "log_format", "probe_limit", "fail_on", "fail_on_unverified", "accept", "require", "bisect", "fs", "gate_probes",
)  # fmt: skip
#: Values that a host returns which shares the result of another one.
_SHARED: t.Final = (
    "verified", "reason", "summary", "refused", "acceptable", "groups", "failed", "lines", "expected", "brief", "searched_on",
)  # fmt: skip
#: Options that may differ between hosts with the same findings: requests of the gate name its addresses.
_OWN: t.Final = ("gate_probes", "report")
#: Hexadecimal digits of the digest of all groups.
_DIGITS: t.Final = 16

Values = dict[str, object]


@dataclass(frozen=True)
class RouteCheckOptions:
    """The options of nginx_route_check beside those of the two sides."""

    access_log: str | None
    log_format: str | None
    probe_limit: int | None
    fail_on: list[str]
    fail_on_unverified: bool
    accept: list[str | Mapping[str, object]]
    require: bool
    bisect: bool
    gate_probes: list[Mapping[str, t.Any]]
    report: Mapping[str, str | None] | None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> RouteCheckOptions:
        """Take these options from those of a task.

        Raises:
            RouteError: `fail_on` holds a word that is no class and no risk, or an entry of `accept` has a fault.
        """
        found = cls(**{each.name: options[each.name] for each in fields(cls)})
        guilty_classes(found.fail_on)
        AcceptEntry.read_all(found.accept)
        return found


def route_check(options: Mapping[str, t.Any], controller: Controller) -> Values:
    """Compare what requests get from two configurations.

    Args:
        options: the options of the task, all of them.
        controller: of the task.

    Returns:
        The values that nginx_route_check returns.

    Raises:
        ConfigError, DiffError, PlanError, RenderError, RouteError: it cannot be checked, for the reason in the message.
        HostError: the module failed.
    """
    controller.learn_vault()
    sides = SideOptions.of(options)
    task = _RouteCheckTask(sides, RouteCheckOptions.of(options), controller)
    if sides.plan is None:
        return task.result()
    expected = expected_text(sides.expect, controller.files.bases)
    key = key_of("check", sides.plan.key, expected, *(options[name] for name in _DECIDING))
    with controller.cache.alone(key) as answer:
        if answer.value is None:
            # Hosts that share the result do not know this host's secrets.
            answer.value = controller.redact({**task.result(), "asked_of": controller.host})
    result = t.cast("Values", answer.value)
    if result["asked_of"] == controller.host:
        return {name: value for name, value in result.items() if name != "asked_of"}
    first = str(result["msg"]).partition("\n")[0]
    return {
        "changed": False,
        **{name: result[name] for name in _SHARED if name in result},
        "asked_of": result["asked_of"],
        "msg": f"as on {result['asked_of']}: {first}",
    }


@dataclass(frozen=True)
class _RouteCheckTask:
    sides: SideOptions
    options: RouteCheckOptions
    controller: Controller

    def result(self) -> Values:
        sides = read_sides(self.sides, self.controller, MODULE, alone=True)
        expectations = expectations_of(self.sides.expect, self.controller.files.bases)
        check = RouteCheck(
            sides.before,
            sides.after,
            expectations,
            self._log(sides),
            self.options.probe_limit,
            self.options.gate_probes,
            sides.difference,
            sides.uncompared,
            None if self.sides.plan is None else self.sides.plan.files,
        )
        answer = read_answer(self.controller.ask(MODULE, "run", check.job(), self.sides.host_arguments))
        if answer.unavailable is not None:
            return {
                **_unverified(answer.unavailable, require=self.options.require),
                "difference": _difference(check),
            }
        return self._judged(check, answer)

    def _log(self, sides: Sides) -> AccessLog | None:
        path = self.options.access_log
        if not path:
            return None
        full = self.controller.files.existing(path) or self.controller.files.output(path)
        configs = [side.loaded for side in (sides.before, sides.after) if side]
        return read_access_log(full, configs=configs, log_format=self.options.log_format)

    def _judged(self, check: RouteCheck, answer: RouteCheckAnswer) -> Values:
        entries = AcceptEntry.read_all(self.options.accept)
        report = check.judge(answer, accept=entries, host_names=self.controller.host_names)
        given = [entry.key for entry in entries if entry.key]
        guilty = report.gate(self.options.fail_on, fail_on_unverified=self.options.fail_on_unverified)
        result: Values = {
            "changed": False,
            "verified": True,
            **report.as_dict(),
            "difference": _difference(check),
            "expected": expected_of(
                self.options.gate_probes, check.plan.probes, check.outcomes[BEFORE], check.outcomes[AFTER]
            ),
            "groups": _groups(report),
            "refused": bool(guilty),
            "acceptable": bool(guilty)
            and all(isinstance(each.reason, BehaviourChange) and each.reason.key for each in guilty),
            "guilty": [each.as_dict() for each in guilty],
            "worlds": {name: _facts(world) for name, world in answer.worlds.items()},
            "diff": {"prepared": render("text", report)},
            "msg": headline(report),
        }
        if check.uncompared:
            result["warnings"] = [f"the candidate was checked by itself: {check.uncompared}"]
        failing = _failing(guilty, check)
        common = CommonChange(check.before, check.after, report, guilty, failing, check.staged)
        with self._known(common) as known:
            first = _other(known, self.controller.host)
            found, told, printed = self._search(failing, check, known)
        routes = []
        if guilty:
            text = [REFUSED, headline(report), *_guilty_lines(guilty, report), *told]
            accepting = accept_lines(guilty, given, deploys=self.sides.plan is not None)
            routes = [line.strip() for line in accepting if line.startswith(ROUTES_LINE)]
            result |= {"failed": True, "failing": [encode(each) for each in failing], **found}
            result |= {"msg": "\n".join([*text, *accepting]), "brief": brief_refusal(guilty, given)}
        result["console"] = {
            **console_text(report, guilty, given, [*printed, *routes]).as_dict(),
            "same": common.words,
            **({"same_as": first} if first else {}),
        }
        self._write(report)
        return result

    def _known(self, common: CommonChange) -> contextlib.AbstractContextManager[CachedAnswer]:
        """Lend the answer of the first host of this run that has this in common; it may be set where there is none."""
        key = None
        if self.sides.plan is not None:
            options = [str(getattr(self.options, each.name)) for each in fields(self.options) if each.name not in _OWN]
            options.append(expected_text(self.sides.expect, self.controller.files.bases))
            key = common.key(self.controller.host_names, options)
        return contextlib.nullcontext(CachedAnswer()) if key is None else self.controller.cache.alone(key)

    def _search(
        self, failing: list[FailingRequest], check: RouteCheck, known: CachedAnswer
    ) -> tuple[Values, list[str], list[str]]:
        """Search for the lines that break requests; return them as values, in words, and as the console has them."""
        host = self.controller.host
        if not self.options.bisect or check.before is None or not failing:
            known.value = known.value or {"host": host, "answer": None}
            return {}, [], []
        # A search has one file system: that of the plain requests, where one of them fails.
        plain = [each for each in failing if not each.probe.made_files]
        failing = plain or failing
        create = sorted({path for each in failing for path in each.missing})
        edge = check.expectations.edge if check.expectations else ()
        wanted = Search(
            check.before, check.after, failing[:_MOST_SEARCHED], edge=edge, create=create, budget=_MOST_TRIED
        )
        first = _other(known, host)
        if first:
            # The same statements of the same files: their numbers are the same, their words are this host's own.
            answer = decode(SearchAnswer, known.value["answer"])
        else:
            try:
                answer = ask_host(wanted, self.sides, self.controller)
            except (*HOST_ERRORS, PlanError) as error:
                # The change is refused even if the host is lost now.
                told = [f"The guilty lines were not found: {error}"]
                return {}, told, told
            known.value = {"host": host, "answer": self.controller.redact(encode(answer))}
        found = wanted.result(answer)
        values = found.to_json()
        result = {name: values[name] for name in ("culprits", "lines", "searches")}
        if first:
            result["searched_on"] = first
        # The console tells it once for hosts that have it in common, whichever of them searched.
        return result, guilty_text(found, searched_on=first), guilty_text(found)

    def _write(self, report: RouteCheckReport) -> None:
        options = self.options
        for name, path in (options.report or {}).items():
            if path:
                text = render(name, report, fail_on=options.fail_on, fail_on_unverified=options.fail_on_unverified)
                full = self.controller.files.output(path)
                try:
                    write(full, text)
                except OSError as error:
                    raise RouteError(f"the report cannot be written to {full}: {error.strerror or error}") from error


def _other(known: CachedAnswer, host: str) -> str:
    """Return the name of the host that set an answer; empty where none did, or this one."""
    name = "" if known.value is None else str(known.value["host"])
    return "" if name == host else name


def _groups(report: RouteCheckReport) -> str:
    """Return a digest of the keys of all groups, accepted or not: what is accepted does not change it."""
    found = sorted({(change.name, change.key) for change in (*report.changes, *report.accepted)})
    return hashlib.sha256(json.dumps(found).encode("ascii")).hexdigest()[:_DIGITS]


def _difference(check: RouteCheck) -> Values | None:
    if check.diff is None:
        return None
    return {"text": check.diff.text(), "changes": [change.as_dict() for change in check.diff.changes]}


def _facts(world: WorldResult) -> Values | None:
    found = world.facts or world.error
    return None if found is None else encode(found)


def _unverified(reason: str, *, require: bool) -> Values:
    message = f"the behaviour of the change is not verified: no private world can be built on this host ({reason})"
    result: Values = {"changed": False, "verified": False, "refused": require, "reason": reason, "msg": message}
    if require:
        way_out = "give the host what it lacks, or say require: false (nginx_deploy_require_route_check in a deploy)"
        return {**result, "failed": True, "msg": f"{message}; nothing was changed; {way_out}"}
    return {**result, "warnings": [message]}


def _failing(guilty: list[GateFailure], check: RouteCheck) -> list[FailingRequest]:
    """Return a request for each guilty group and expectation, the worst first."""
    probes = {probe.id: probe for probe in check.probes}
    found: dict[str, FailingRequest] = {}
    for each in guilty:
        if each.probe in probes:
            if each.probe not in found:
                found[each.probe] = FailingRequest(probes[each.probe], [], check.made.get(each.probe, []))
            found[each.probe].about.extend(each.about)
    return list(found.values())


def _guilty_lines(guilty: list[GateFailure], report: RouteCheckReport) -> list[str]:
    lines: list[str] = []
    groups = [each.reason for each in guilty if isinstance(each.reason, BehaviourChange)]
    for change in groups[:_MOST_SHOWN]:
        lines += group_lines(change)
    if len(groups) > _MOST_SHOWN:
        lines.append(f"... and {counted(len(groups) - _MOST_SHOWN, 'more group')} of changes")
    lines += [f"EXPECTED {expectation_text(each)}" for each in report.failed_expectations]
    if any(each.name == "not-verified" for each in guilty):
        lines += [f"NOT VERIFIED {unverified_text(each)}" for each in report.unverified_changes]
    return lines
