# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a deploy would do, once for all hosts on which it is the same."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan import deploy_plan

STAGED = {
    "state": "planned", "plan": {"key": "k1"}, "added": ["conf.d/b.conf"], "modified": ["nginx.conf"], "removed": [],
    "findings": [{"severity": "advice", "rule": "server-tokens", "file": "nginx.conf", "line": 3, "message": "hide it"}],
}  # fmt: skip
BEHAVIOUR = {
    "verified": True, "changes": [], "difference": {"text": "1 to add\n+ server b"}, "diff": {"prepared": "nginx behaviour: 3\n"},
}  # fmt: skip


def plan(**hosts: tuple[dict[str, t.Any], dict[str, t.Any]]) -> dict[str, t.Any]:
    variables = {
        name: {"__nginx_deploy_staged": staged, "__nginx_deploy_behaviour": behaviour}
        for name, (staged, behaviour) in hosts.items()
    }
    return deploy_plan(hosts, variables)


def test_hosts_that_are_alike_are_told_once_by_the_one_that_was_asked() -> None:
    short = {"verified": True, "asked_of": "web1", "msg": "as on web1"}
    found = plan(web1=(STAGED, BEHAVIOUR), web2=(STAGED, short), web3=({**STAGED, "plan": {"key": "k2"}}, BEHAVIOUR))
    assert [group["hosts"] for group in found["groups"]] == [["web1", "web2"], ["web3"]]
    assert found["groups"][0]["text"] == [
        "web1, web2: would be changed",
        "  files:", "    + conf.d/b.conf", "    ~ nginx.conf",
        "  lint:", "    advice server-tokens nginx.conf:3 hide it",
        "  configuration:", "    1 to add", "    + server b",
        "  behaviour:", "    nginx behaviour: 3",
    ]  # fmt: skip
    assert found["refused"] == {}


def test_nothing_to_do_and_who_did_not_answer() -> None:
    there = {"state": "confirmed"}
    gone = {"unreachable": True, "msg": "no route"}
    found = plan(a=(there, {}), b=({**there, "reload_needed": True}, {}), c=(gone, {}), d=({}, {}))
    assert found["text"] == [
        "a: nothing to do", "b: nothing to do; nginx is to be reloaded", "c: not asked: no route",
        "d: not asked: the host was not asked",
    ]  # fmt: skip
    assert found["refused"] == {"c": "no route", "d": "the host was not asked"}


def test_a_refusal_has_its_reason_and_the_guilty_lines() -> None:
    refused = {**STAGED, "failed": True, "msg": "would break"}
    found = plan(a=(refused, {**BEHAVIOUR, "failed": True, "lines": ["nginx.conf:3 + rewrite"]}))
    assert found["groups"][0]["text"][-2:] == ["  guilty:", "    nginx.conf:3 + rewrite"]
    assert found["refused"] == {"a": "would break"}
    same = plan(a=({"failed": True, "msg": "no cert"}, {}), b=({"failed": True, "msg": "no cert"}, {}))
    assert same["text"] == ["a, b: would be refused", "  refused:", "    no cert"]


def test_what_is_not_verified_is_said() -> None:
    found = plan(a=(STAGED, {"verified": False, "reason": "no namespaces"}))
    assert "    not verified: no namespaces" in found["text"]


def test_many_findings_are_counted() -> None:
    found = plan(a=({**STAGED, "findings": STAGED["findings"] * 30}, BEHAVIOUR))
    assert "    ... and 10 more" in found["text"]
