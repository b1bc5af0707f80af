# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.verdict import judge_fleet, judge_host

STAGED = {"state": "staged", "release": "r-1", "changed": True}
DONE = {"state": "confirmed"}
ACTIVE = {"state": "active", "changed": True}
BACK = {"state": "rolled_back", "changed": True}
GONE = {"unreachable": True, "msg": "no route to host", "changed": False}


def bad(message: str) -> dict:
    return {"failed": True, "msg": message}


CASES = [
    ("nothing ran", {}, "failed", "never staged"),
    ("skipped", {"staged": {"skipped": True, "changed": False}}, "failed", "never staged"),
    ("unreachable in preflight", {"staged": GONE}, "unreachable", "no route to host"),
    ("refused", {"staged": bad("lint says no")}, "refused", "lint says no"),
    ("already there", {"staged": {"state": "confirmed", "release": "r-1"}}, "unchanged", ""),
    (
        "already there, but nginx runs something else",
        {"staged": {"state": "confirmed", "reload_needed": True}},
        "pending",
        "no batch",
    ),
    ("check mode", {"staged": {"state": "planned"}}, "planned", ""),
    ("not its turn yet", {"staged": STAGED}, "pending", "no batch"),
    (
        "the drain failed on a host with something to undo",
        {"staged": STAGED, "failure": bad("the balancer is away"), "rolled_back": BACK},
        "rolled_back",
        "the balancer is away",
    ),
    ("all went well", {"staged": STAGED, "activated": ACTIVE, "gated": ACTIVE, "confirmed": DONE}, "confirmed", ""),
    (
        "drift at activation",
        {"staged": STAGED, "activated": bad("drift"), "failure": bad("drift"), "rolled_back": {"changed": False}},
        "rolled_back",
        "drift",
    ),
    (
        "gate failed",
        {"staged": STAGED, "activated": ACTIVE, "gated": bad("500"), "failure": bad("handler"), "rolled_back": BACK},
        "rolled_back",
        "500",
    ),
    (
        "gate failed before ansible-core 2.19, which knows no failed task then",
        {"staged": STAGED, "activated": ACTIVE, "gated": bad("500"), "rolled_back": BACK},
        "rolled_back",
        "500",
    ),
    (
        "the rollback failed too",
        {"staged": STAGED, "activated": ACTIVE, "gated": bad("500"), "rolled_back": bad("no space")},
        "failed",
        "500; the rollback failed too: no space",
    ),
    (
        "the drain hook failed",
        {"staged": STAGED, "failure": bad("balancer"), "rolled_back": {"changed": False}},
        "failed",
        "balancer; nothing was changed",
    ),
    (
        "the undrain hook failed after the confirm",
        {
            "staged": STAGED,
            "activated": ACTIVE,
            "confirmed": DONE,
            "failure": bad("balancer"),
            "rolled_back": {"changed": False},
        },
        "failed",
        "runs the release, confirmed, but: balancer",
    ),
    ("lost while activating", {"staged": STAGED, "activated": GONE, "confirmed": GONE}, "unreachable", "no route"),
    ("lost before the confirm", {"staged": STAGED, "activated": ACTIVE, "confirmed": GONE}, "unreachable", "no route"),
    ("confirm never ran", {"staged": STAGED, "activated": ACTIVE}, "failed", "not confirmed"),
]


def variables(steps: dict) -> dict:
    return {f"__nginx_deploy_{name}": result for name, result in steps.items()}


@pytest.mark.parametrize(("steps", "outcome", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_host_comes_to_one_outcome(steps: dict, outcome: str, reason: str) -> None:
    verdict = judge_host("web1", variables(steps))
    assert verdict.outcome == outcome
    assert reason in verdict.reason
    assert bool(reason) == bool(verdict.reason)


@pytest.mark.parametrize(
    ("outcomes", "stop", "ok"),
    [
        (["all went well", "already there"], False, True),
        (["all went well", "not its turn yet"], False, False),
        (["all went well", "refused"], True, False),
        (["lost before the confirm", "not its turn yet"], True, False),
        (["gate failed", "not its turn yet"], True, False),
        (["nothing ran"], True, False),
        ([], False, False),
    ],
)
def test_a_fleet_goes_on_only_while_nothing_failed(outcomes: list[str], stop: bool, ok: bool) -> None:  # noqa: FBT001 - a table
    steps = {case[0]: case[1] for case in CASES}
    hostvars = {f"web{number}": variables(steps[name]) for number, name in enumerate(outcomes)}
    verdict = judge_fleet(hostvars, hostvars)
    assert (verdict.stop, verdict.ok) == (stop, ok)


def test_a_preflight_alone_is_fine_when_every_host_is_staged() -> None:
    hostvars = {"web1": variables({"staged": STAGED})}
    assert judge_fleet(hostvars, hostvars, preflight_only=True).ok
    assert not judge_fleet(hostvars, hostvars).ok


def test_what_hosts_share_is_told_once() -> None:
    hostvars = {name: variables({"staged": bad("one reason")}) for name in ("web1", "web2", "web3")}
    assert judge_fleet(hostvars, hostvars).text == ("3 refused", "refused: web1, web2, web3: one reason")


def test_what_a_gate_did_not_ask_is_told() -> None:
    left_out = ["http://a.test/logout: logout may do something"]
    staged, gated = (
        {**STAGED, "probes_excluded": left_out},
        {**ACTIVE, "gate": {"ok": True, "unasked": ["GET /login: a limit"]}},
    )
    done = variables({"staged": staged, "activated": ACTIVE, "gated": gated, "confirmed": DONE})
    waiting = variables({"staged": staged})
    hostvars = {"web1": done, "web2": done, "web3": waiting}
    [line] = [line for line in judge_fleet(hostvars, hostvars).text if "did not ask" in line]
    assert line == f"the gate did not ask: web1, web2: {left_out[0]}; GET /login: a limit"
    many = {**staged, "probes_excluded": [f"/{number}: no" for number in range(9)]}
    hostvars = {"web1": variables({"staged": many, "activated": ACTIVE, "gated": ACTIVE, "confirmed": DONE})}
    assert judge_fleet(hostvars, hostvars).text[-1].endswith("/4: no; and 4 more")


def test_many_hosts_with_one_reason_are_counted_and_one_of_them_fails_with_it() -> None:
    hostvars = {f"web{number}": variables({"staged": bad("one reason")}) for number in range(1, 21)}
    hostvars["web7"] = variables({"staged": bad("another reason")})
    verdict = judge_fleet(hostvars, hostvars)
    assert verdict.text[1:] == ("refused: web1 and 18 more: one reason", "refused: web7: another reason")
    assert verdict.failures["web1"] == "refused: web1 and 18 more: one reason"
    assert verdict.failures["web7"] == "refused: web7: another reason"
    assert verdict.failures["web20"] == "refused, for the same reason as web1"
    assert {*verdict.failures} == {*hostvars}


def test_every_host_for_which_a_run_stops_fails_with_a_message() -> None:
    for name, steps, *_rest in CASES:
        hostvars = {"web1": variables(steps)}
        verdict = judge_fleet(hostvars, hostvars)
        assert not verdict.stop or "web1" in verdict.failures, name


PLANNED = {**STAGED, "plan": {"key": "k"}}
UNKNOWN = [
    ("verified", {"staged": PLANNED, "behaviour": {"verified": True}}, ""),
    ("no world", {"staged": PLANNED, "behaviour": {"verified": False, "reason": "no namespaces"}}, "no namespaces"),
    ("no reason", {"staged": PLANNED, "behaviour": {"verified": False}}, "no reason was given"),
    ("switched off", {"staged": PLANNED, "behaviour": {"skipped": True}}, "switched off (nginx_deploy_route_check)"),
    ("nothing to do", {"staged": {"state": "confirmed"}, "behaviour": {"skipped": True}}, ""),
    ("refused", {"staged": {**PLANNED, **bad("critical")}, "behaviour": bad("critical")}, ""),
    ("gone", {"staged": {**PLANNED, **bad("gone"), "unreachable": True}, "behaviour": GONE}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "steps", "reason"), UNKNOWN, ids=[case[0] for case in UNKNOWN])
def test_behaviour_that_is_not_verified_has_a_reason(name: str, steps: dict, reason: str) -> None:
    verdict = judge_host("web1", variables(steps))
    assert verdict.unverified.endswith(reason), name
    assert bool(verdict.unverified) == bool(reason)


RESULTS = st.one_of(
    st.sampled_from([STAGED, DONE, ACTIVE, BACK, GONE, bad("x"), {"skipped": True}]), st.none(), st.just("garbage")
)


ROLLED_BACK = {
    "staged": STAGED,
    "activated": ACTIVE,
    "gated": bad("500"),
    "failure": bad("handler"),
    "rolled_back": BACK,
}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"lines": ["a.conf:3 + x"], "msg": "GET /\n  guilty:"}, "500; guilty: a.conf:3 + x"),
        (
            {"lines": [], "msg": "front cannot be bisected, because neither configuration listens on :81"},
            "500; no guilty line was found: front cannot be bisected, because neither configuration listens on :81",
        ),
        (
            {
                "lines": [],
                "msg": "GET /\n  - 200\n  + 200\n  both configurations give it the same here: no line of the change explains it",
            },
            "500; no guilty line was found: both configurations give it the same here: no line of the change explains it",
        ),
        (
            {"msg": "no private world can be built here: EPERM\nmore"},
            "500; no guilty line was found: no private world can be built here: EPERM",
        ),
        ({"skipped": True}, "500"),
        ({}, "500"),
    ],
)
def test_a_search_that_names_no_line_says_why(found: dict, reason: str) -> None:
    told = judge_host("web1", variables({**ROLLED_BACK, "bisected": found}))
    assert told.reason == reason


@given(
    st.dictionaries(st.sampled_from(["staged", "activated", "gated", "confirmed", "rolled_back", "failure"]), RESULTS)
)
def test_no_host_is_confirmed_without_a_confirmation(steps: dict) -> None:
    verdict = judge_host("web1", variables(steps))
    if verdict.outcome == "confirmed":
        assert steps["confirmed"] == DONE
        assert not any(isinstance(result, dict) and result.get("failed") for result in (steps.get("failure"),))
