# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of nginx_route_check: requests out, outcomes in, and the judgement."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import Report, guilty_classes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import read_access_log
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.formats import write
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import (
    BehaviourAction,
    HostError,
    Options,
    Result,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect import (
    FailingRequest,
    Search,
    counted,
    culprit_text,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import FILES, RouteCheck
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.run_cache import key_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check import render
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.text import (
    expectation_text,
    group_lines,
    headline,
    unverified_text,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

#: Requests whose lines are looked for, and groups that the message shows; the report has them all.
_MOST_SEARCHED = 3
_MOST_SHOWN = 3
#: Options that an answer depends on, beside the two configurations.
_JUDGING: t.Final = ("access_log", "log_format", "probe_limit", "fail_on", "fail_on_unverified", "accept", "require", "bisect", "fs")  # fmt: skip


class ActionModule(BehaviourAction):
    """See plugins/modules/nginx_route_check.py for the documentation."""

    MODULE = "nginx_route_check"
    ARGUMENT_SPEC: t.ClassVar[dict[str, t.Any]] = {
        **SIDES,
        "access_log": {"type": "path"},
        "log_format": {"type": "str"},
        "probe_limit": {"type": "int"},
        "fail_on": {"type": "list", "elements": "str", "default": ["critical"]},
        "fail_on_unverified": {"type": "bool", "default": False},
        "accept": {"type": "list", "elements": "dict", "default": []},
        "require": {"type": "bool", "default": True},
        "bisect": {"type": "bool", "default": True},
        "report": {
            "type": "dict",
            "options": {name: {"type": "path"} for name in ("json", "markdown", "html", "junit")},
        },
    }

    def _act(self, options: Options, variables: dict[str, t.Any]) -> Result:
        guilty_classes(options["fail_on"])  # a misspelt class is said before anything is run
        if not options["plan"]:
            return self._check(options, variables)
        host = str(variables.get("inventory_hostname", ""))
        key = key_of(
            "check",
            options["plan"].get("key"),
            self._expected(options["expect"]),
            *(options[name] for name in _JUDGING),
        )
        with self._shared.alone(key) as answer:
            if answer.value is None:
                # Another host's own secrets do not mask what this one's are.
                answer.value = self._redacted({**self._check(options, variables), "asked_of": host})
        result = t.cast("Result", answer.value)
        if result["asked_of"] == host:
            return {name: value for name, value in result.items() if name != "asked_of"}
        short: Result = {
            name: result[name]
            for name in ("verified", "reason", "summary", "refused", "failed", "lines")
            if name in result
        }
        first = str(result["msg"]).partition("\n")[0]
        return {
            "changed": False,
            **short,
            "asked_of": result["asked_of"],
            "msg": f"as on {result['asked_of']}: {first}",
        }

    def _check(self, options: Options, variables: dict[str, t.Any]) -> Result:
        before, after = self._sides(options, variables)
        check = RouteCheck(
            before,
            after,
            self._expectations(options["expect"]),
            self._log(options, before, after),
            options["probe_limit"],
        )
        difference = _difference(check)
        answer = self._ask("run", check.job(), options, variables)
        if "unavailable" in answer:
            return {**_unverified(answer["unavailable"], require=options["require"]), "difference": difference}
        report = check.judge(answer, accept=options["accept"])
        guilty = report.gate(options["fail_on"], fail_on_unverified=options["fail_on_unverified"])
        result: Result = {
            "changed": False,
            "verified": True,
            **report.as_dict(),
            "difference": difference,
            "refused": bool(guilty),
            "guilty": guilty,
            "worlds": {name: world.get("facts") or world.get("error") for name, world in answer["worlds"].items()},
            "diff": {"prepared": render("text", report)},
            "msg": headline(report),
        }
        if guilty:
            self._refuse(result, report, check, options, variables)
        self._write(report, options)
        return result

    def _log(self, options: Options, before: ConfigSource | None, after: ConfigSource) -> t.Any:
        if not options["access_log"]:
            return None
        paths = [os.path.join(base, os.path.expanduser(options["access_log"])) for base in self._bases]
        path = next((path for path in paths if os.path.exists(path)), paths[0])
        configs = [side.loaded for side in (before, after) if side]
        return read_access_log(path, configs=configs, log_format=options["log_format"])

    def _refuse(
        self, result: Result, report: Report, check: RouteCheck, options: Options, variables: dict[str, t.Any]
    ) -> None:
        result["failed"] = True
        result["failing"] = _failing(result["guilty"], check)
        shown = _guilty_lines(result["guilty"], report)
        text = ["The change would break requests; nothing was changed.", headline(report), *shown]
        if options["bisect"] and check.before is not None and result["failing"]:
            text += self._bisect(result, check, options, variables)
        result["msg"] = "\n".join(text)

    def _bisect(self, result: Result, check: RouteCheck, options: Options, variables: dict[str, t.Any]) -> list[str]:
        """Looks for the lines, adds them to the result, and tells of them; a search that fails takes nothing away."""
        failing, create = result["failing"], []
        if all(each["probe"]["id"].endswith(FILES) for each in failing):
            create = sorted({path for each in failing for path in each["missing"]})
        else:
            failing = [each for each in failing if not each["probe"]["id"].endswith(FILES)]
        wanted = [FailingRequest(each["probe"], tuple(each["about"])) for each in failing[:_MOST_SEARCHED]]
        edge = check.expectations.edge if check.expectations else ()
        search = Search(t.cast("ConfigSource", check.before), check.after, wanted, edge=edge, create=create)
        try:
            found = search.result(self._ask("run", search.job(), options, variables, module="nginx_bisect"))
        except (HostError, AnsibleConnectionFailure) as error:
            # A host that vanishes now is refused all the same.
            return [f"The guilty lines were not found: {error}"]
        result.update({name: found[name] for name in ("culprits", "lines", "searches")})
        if not found["culprits"]:
            return ["No single line explains it in a private world."]
        lines = [f"    {culprit_text(line)}" for line in found["culprits"]]
        return [
            f"guilty ({counted(found['worlds'], 'combination')} of {counted(found['changes'], 'change')} tried):",
            *lines,
        ]

    def _write(self, report: Report, options: Options) -> None:
        for name, path in (options["report"] or {}).items():
            if path:
                text = render(
                    name, report, fail_on=options["fail_on"], fail_on_unverified=options["fail_on_unverified"]
                )
                full = os.path.join(self._bases[0], os.path.expanduser(path))
                try:
                    write(full, text)
                except OSError as error:
                    raise RouteError(f"the report cannot be written to {full}: {error.strerror or error}") from error


def _difference(check: RouteCheck) -> Result | None:
    if check.diff is None:
        return None
    return {"text": check.diff.text(), "changes": [change.as_dict() for change in check.diff.changes]}


def _unverified(reason: str, *, require: bool) -> Result:
    message = f"the behaviour of the change is not verified: no private world can be built on this host ({reason})"
    result: Result = {"changed": False, "verified": False, "refused": require, "reason": reason, "msg": message}
    if require:
        way_out = "give the host what it lacks, or say require: false (nginx_deploy_require_route_check in a deploy)"
        return {**result, "failed": True, "msg": f"{message}; nothing was changed; {way_out}"}
    return {**result, "warnings": [message]}


def _failing(guilty: list[Result], check: RouteCheck) -> list[Result]:
    """A request for each guilty group and expectation, the worst first."""
    probes = {probe["id"]: probe for probe in check.probes}
    found: dict[str, Result] = {}
    for each in guilty:
        identity = str(each.get("probe") or (each.get("example") or {}).get("probe"))
        if identity in probes:
            about = each.get("failed") or [each["class"]]
            known = found.setdefault(
                identity, {"probe": probes[identity], "about": [], "missing": check.missing.get(identity, [])}
            )
            known["about"] += about
    return list(found.values())


def _guilty_lines(guilty: list[Result], report: Report) -> list[str]:
    lines: list[str] = []
    examples = {(each.get("class"), (each.get("example") or {}).get("probe")) for each in guilty}
    groups = [change for change in report.changes if (change.name, change.example.probe) in examples]
    for change in groups[:_MOST_SHOWN]:
        lines += group_lines(change)
    lines += [f"... and {len(groups) - _MOST_SHOWN} more groups of changes"] if len(groups) > _MOST_SHOWN else []
    lines += [f"EXPECTED {expectation_text(each)}" for each in report.failed_expectations]
    if any(each["class"] == "not-verified" for each in guilty):
        lines += [f"NOT VERIFIED {unverified_text(each)}" for each in report.unverified_changes]
    return lines
