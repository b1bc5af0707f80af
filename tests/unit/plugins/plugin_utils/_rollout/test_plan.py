# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a deploy would do, once for all hosts on which it is the same."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan import deploy_plan

ERROR = {
    "severity": "error",
    "rule": "redirect-loop",
    "file": "/etc/nginx/nginx.conf",
    "line": 3,
    "message": "for ever",
}
WARNING = {**ERROR, "severity": "warning", "rule": "if-is-evil"}
ADVICE = {**ERROR, "severity": "advice", "rule": "server-tokens"}
STAGED = {
    "state": "planned", "plan": {"key": "k1"}, "added": ["conf.d/b.conf"], "modified": ["nginx.conf"], "removed": [],
    "findings": [ADVICE, WARNING, ERROR],
}  # fmt: skip
BEHAVIOUR = {
    "verified": True, "refused": False, "changes": [], "difference": {"text": "1 to add\n+ server b"},
    "diff": {"prepared": "nginx behaviour: 3\nconfig: 1 to add\n"},
}  # fmt: skip
GONE = {"unreachable": True, "msg": "no route"}


def plan(**hosts: tuple[dict[str, t.Any], dict[str, t.Any]]) -> dict[str, t.Any]:
    variables = {
        name: {"__nginx_deploy_staged": staged, "__nginx_deploy_behaviour": behaviour}
        for name, (staged, behaviour) in hosts.items()
    }
    return deploy_plan(hosts, variables).to_json()


def test_hosts_that_are_alike_are_told_once_by_the_one_that_was_asked() -> None:
    short = {"verified": True, "refused": False, "asked_of": "web1", "msg": "as on web1"}
    found = plan(web1=(STAGED, BEHAVIOUR), web2=(STAGED, short), web3=({**STAGED, "plan": {"key": "k2"}}, BEHAVIOUR))
    assert [group["hosts"] for group in found["groups"]] == [["web1", "web2"], ["web3"]]
    assert found["groups"][0]["text"] == [
        "web1, web2: would be changed",
        "  files:", "    + conf.d/b.conf", "    ~ nginx.conf",
        "  lint:", "    error redirect-loop nginx.conf:3 for ever", "    warning if-is-evil nginx.conf:3 for ever",
        "    1 piece of advice: -v shows it",
        "  configuration:", "    1 to add", "    + server b",
        "  behaviour:", "    nginx behaviour: 3",
    ]  # fmt: skip
    assert found["refused"] == {}
    assert found["text"][:3] == ["3 hosts: 3 to change", "", "web1, web2: would be changed"]


def test_what_needs_a_look_stands_last_and_is_counted_first() -> None:
    there = {"state": "confirmed"}
    refused = {**STAGED, "failed": True, "msg": "would break\nGET /"}
    found = plan(
        gone=(GONE, {}), never=({}, {}), bad=(refused, {**BEHAVIOUR, "refused": True}), a=(there, {}), new=(STAGED, BEHAVIOUR),
        b=({**there, "reload_needed": True}, {}), wrong=({"failed": True, "msg": "no such folder"}, {}),
        broken=({**STAGED, "failed": True, "msg": "what the host answered cannot be read"}, {"changed": False}),
        late=({**STAGED, "failed": True, "unreachable": True, "msg": "did not answer"}, GONE),
    )  # fmt: skip
    assert found["text"][0] == "9 hosts: 2 unchanged, 1 to change, 1 refused, 2 without a plan, 3 unreachable"
    heads = [group["text"][0] for group in found["groups"]]
    assert heads == [
        "a: nothing to do", "b: nothing to do", "new: would be changed", "bad: would be refused", "wrong: no plan",
        "broken: no plan", "gone: unreachable", "never: unreachable", "late: unreachable",
    ]  # fmt: skip
    assert found["groups"][1]["text"][1] == "  nginx is to be reloaded"
    assert found["groups"][4]["text"][1:] == ["  why:", "    no such folder"]
    assert found["groups"][6]["text"][1:] == ["  no route"]
    assert set(found["refused"]) == {"gone", "never", "bad", "wrong", "broken", "late"}
    assert found["refused"]["bad"] == "would be refused: would break (all of it is in the plan above)"


def test_a_refusal_begins_with_its_reason_and_the_guilty_lines() -> None:
    refused = {**STAGED, "failed": True, "msg": "would break\nGET /"}
    behaviour = {**BEHAVIOUR, "refused": True, "failed": True, "lines": ["nginx.conf:3 + rewrite"]}
    found = plan(a=(refused, behaviour))
    assert found["text"][2:5] == ["a: would be refused", "  why:", "    would break"]
    assert found["text"][5] == "    guilty: nginx.conf:3 + rewrite"
    lint = {"failed": True, "findings": [], "msg": "no cert\nat line 3"}
    same = plan(a=(lint, {}), b=(lint, {}))
    assert same["groups"][0]["text"] == ["a, b: would be refused", "  why:", "    no cert", "    at line 3"]


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_not_verified_is_said(*, fails: bool) -> None:
    staged = {**STAGED, **({"failed": True, "msg": "no world"} if fails else {})}
    found = plan(a=(staged, {"verified": False, "refused": fails, "reason": "no namespaces"}))
    assert "    not verified: no namespaces" in found["text"]
    off = plan(a=(STAGED, {"skipped": True}))
    assert "    not verified: the route check is switched off (nginx_deploy_route_check)" in off["text"]


def test_many_findings_are_counted() -> None:
    found = plan(a=({**STAGED, "findings": [ERROR] * 30}, BEHAVIOUR))
    assert "    ... and 10 more" in found["text"]
