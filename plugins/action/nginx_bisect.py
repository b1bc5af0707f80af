# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of nginx_bisect: single changes and requests out, guilty lines in."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.base_action import BehaviourAction, Options, Result
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect import (
    FailingRequest,
    Search,
    request_of,
    request_of_check,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, WorldError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.run_cache import key_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource, SourceError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

#: Requests of one search; more of them say the same.
_MOST = 5
_REQUESTS: t.Final = ("request", "failing", "checks")


class ActionModule(BehaviourAction):
    """See plugins/modules/nginx_bisect.py for the documentation."""

    MODULE = "nginx_bisect"
    ARGUMENT_SPEC: t.ClassVar[dict[str, t.Any]] = {
        **SIDES,
        "request": {"type": "dict"},
        "failing": {"type": "list", "elements": "dict"},
        "checks": {"type": "list", "elements": "dict"},
        "failed": {"type": "list", "elements": "str"},
        "limit": {"type": "int", "default": 300},
    }

    def _act(self, options: Options, variables: dict[str, t.Any]) -> Result:
        given = [name for name in _REQUESTS if options[name] is not None]
        if len(given) + (options["expect"] is not None and not given) != 1:
            raise RouteError(f"say what fails with exactly one of expect, {', '.join(_REQUESTS)}")
        if not options["plan"]:
            return self._search(options, variables)
        asked = [options["plan"].get("key"), *(options[name] for name in (*_REQUESTS, "failed", "expect", "limit"))]
        with self._shared.alone(key_of("bisect", asked)) as answer:
            if answer.value is None:
                answer.value = self._redacted(self._search(options, variables))
        return t.cast("Result", answer.value)

    def _search(self, options: Options, variables: dict[str, t.Any]) -> Result:
        before, after = self._sides(options, variables)
        if before is None:
            raise SourceError("there is no configuration from before to compare with")
        expectations = self._expectations(options["expect"])
        wanted = self._wanted(options, variables, before, after)
        if not wanted:
            return {
                "changed": False,
                "culprits": [],
                "lines": [],
                "searches": [],
                "msg": "no request fails: nothing to search for",
            }
        search = Search(before, after, wanted[:_MOST], edge=expectations.edge if expectations else ())
        answer = self._ask("run", search.job(), options, variables)
        if "unavailable" in answer:
            raise WorldError("unavailable", f"no private world can be built here: {answer['unavailable']}")
        result = search.result(answer)
        return {"changed": False, **result, "diff": {"prepared": result["patch"]}}

    def _wanted(
        self, options: Options, variables: dict[str, t.Any], before: ConfigSource, after: ConfigSource
    ) -> list[FailingRequest]:
        if options["request"] is not None:
            return [FailingRequest(request_of(options["request"], before, after))]
        if options["failing"] is not None:
            return [FailingRequest(each["probe"], tuple(each["about"])) for each in options["failing"]]
        if options["checks"] is not None:
            names = options["failed"]
            found = [
                request_of_check(check, before, after)
                for check in options["checks"]
                if names is None or (check.get("name") or check.get("url")) in names
            ]
            return [
                FailingRequest({**probe, "id": f"b{number}"}) for number, probe in enumerate(filter(None, found), 1)
            ]
        return self._unexpected(options, variables, before, after)

    def _unexpected(
        self, options: Options, variables: dict[str, t.Any], before: ConfigSource, after: ConfigSource
    ) -> list[FailingRequest]:
        """The expectations that do not hold with the configuration from after."""
        check = RouteCheck(before, after, expectations=self._expectations(options["expect"]), limit=0)
        answer = self._ask("run", check.job(), options, variables, module="nginx_route_check")
        if "unavailable" in answer:
            raise WorldError("unavailable", f"no private world can be built here: {answer['unavailable']}")
        failed = check.judge(answer).failed_expectations
        probes = {probe["id"]: probe for probe in check.probes}
        return [
            FailingRequest(probes[each["probe"]], tuple(each["failed"])) for each in failed if each["probe"] in probes
        ]
