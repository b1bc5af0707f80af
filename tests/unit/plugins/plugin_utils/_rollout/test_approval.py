# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a deploy would do what was approved, told from a few letters a host."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.approval import Approval, HostPlan
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan import deploy_plan
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.results import HostResults
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.verdict import judge_fleet

CHECKED: t.Final = {"verified": True, "refused": False, "groups": "0123"}


def staged(number: int = 0, **changed: t.Any) -> dict[str, t.Any]:
    result = {
        "state": "planned",
        "release": f"r-new{number}",
        "previous": f"r-old{number}",
        "drift": [],
        "added": [],
        "modified": ["conf.d/site.conf"],
        "removed": [],
        "plan": {"key": "k", "before": "b" * 64, "after": "a" * 64},
        "asked": "options",
        "diff": [{"before": "secret hunter2", "after": "secret hunter3"}],
    }
    return {**result, **changed}


def plan_of(host: str, staged: dict[str, t.Any], behaviour: dict[str, t.Any]) -> HostPlan:
    return HostPlan.of(host, HostResults({"__nginx_deploy_staged": staged, "__nginx_deploy_behaviour": behaviour}))


def approval(plans: list[HostPlan]) -> dict[str, t.Any]:
    """Return the plan of these hosts as a job hands it to the next one."""
    return dict(json.loads(json.dumps(Approval.of(plans).to_json())))


def differs(plan: HostPlan, approved: dict[str, t.Any]) -> str:
    return Approval.from_json("nginx_deploy_approved_plan", approved).difference(plan)


def plans(number: int, **changed: t.Any) -> list[HostPlan]:
    return [plan_of(f"web{index}.example.com", staged(index, **changed), CHECKED) for index in range(number)]


@pytest.mark.parametrize("number", [3, 1000])
def test_a_deploy_that_would_do_the_same_is_approved_for_all_and_for_some_hosts(number: int) -> None:
    approved = approval(plans(number))
    assert not [differs(plan, approved) for plan in plans(number, state="staged") if differs(plan, approved)]
    assert not differs(plans(number)[1], json.loads(json.dumps(approved)))


@pytest.mark.parametrize("number", [3, 250, 1000])
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"release": "r-other"}, "the candidate is another one now, r-other"),
        ({"previous": "r-newer"}, "the host was changed since; it runs r-newer now"),
        ({"drift": ["nginx.conf"]}, "edited by hand"),
        ({"plan": {"key": "k", "before": "c" * 64, "after": "a" * 64}}, "the host was changed since"),
        (
            {"plan": {"key": "k", "before": "b" * 64, "after": "c" * 64}},
            "the options, nginx, or what the route check found",
        ),
        (
            {"plan": {"key": "j", "before": "b" * 64, "after": "a" * 64}},
            "the options, nginx, or what the route check found",
        ),
        ({"asked": "others"}, "the options, nginx, or what the route check found"),
        ({"removed": ["x.conf"]}, "the options, nginx, or what the route check found"),
        ({"state": "confirmed", "reload_needed": True, "plan": None}, "the host was changed since"),
    ],
)
def test_what_differs_is_told(number: int, changed: dict[str, t.Any], words: str) -> None:
    approved = approval(plans(number))
    plan = plan_of("web1.example.com", staged(1, **changed), CHECKED)
    assert words in differs(plan, approved)
    assert approved["digest"][:17] in differs(plan, approved)


def test_a_host_that_was_not_there_and_a_check_that_was_not_made_are_not_approved() -> None:
    approved = approval(plans(3))
    assert "this host was not in it" in differs(plan_of("db1", staged(1), CHECKED), approved)
    assert "what the route check found" in differs(plan_of("web1.example.com", staged(1), {}), approved)


def test_a_host_of_the_canary_has_what_was_approved() -> None:
    approved = approval(plans(3))
    there = staged(1, state="confirmed", modified=[], plan=None, previous="r-new1")
    assert not differs(plan_of("web1.example.com", there, {}), approved)
    other = {**there, "release": "r-other", "previous": "r-other"}
    assert "the candidate is another one now" in differs(plan_of("web1.example.com", other, {}), approved)


def test_a_thousand_hosts_take_less_than_ten_kilobytes_and_no_secret() -> None:
    approved = approval(plans(1000))
    text = json.dumps(approved)
    assert len(text) < 10_000
    assert not [word for word in ("hunter", "example.com", "r-new", "conf.d") if word in text]
    assert approved["changes"] == approved["hosts"] == 1000
    assert approved.pop("accept") == []
    assert all(isinstance(value, (str, int)) for value in approved.values())


TEXTS: t.Final = st.sampled_from(["", "a", "b"])
RESULTS: t.Final = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["planned", "confirmed"]),
        "release": TEXTS,
        "previous": TEXTS,
        "modified": st.lists(TEXTS, max_size=1),
        "asked": TEXTS,
    }
)
FLEETS: t.Final = st.dictionaries(st.sampled_from(["w1", "w2", "w3"]), RESULTS, min_size=1)


def made(fleet: dict[str, t.Any]) -> list[HostPlan]:
    return [plan_of(host, result, {}) for host, result in fleet.items()]


@given(FLEETS, FLEETS)
def test_digests_are_equal_exactly_where_plans_are(one: dict[str, t.Any], other: dict[str, t.Any]) -> None:
    same = sorted(made(one)) == sorted(made(other))
    assert (approval(made(one))["digest"] == approval(made(other))["digest"]) is same
    assert (approval(made(one)) == approval(list(reversed(made(other))))) is same
    assert not [plan for plan in made(one) if differs(plan, approval(made(one)))]


@pytest.mark.parametrize(
    "value",
    ["plan-" + "0" * 64, 83, [], {}, {"digest": "plan-0", "prints": 1}, {"digest": "0", "prints": "wide:"}, "{"],
)
def test_what_is_no_plan_is_refused(value: object) -> None:
    with pytest.raises(RolloutError, match="nginx_deploy_approved_plan is no plan"):
        variables.read("nginx_deploy_approved_plan", value)


@pytest.mark.parametrize(("prints", "words"), [("wide:abc", "cut short"), ("other:", "an unknown kind")])
def test_prints_that_are_damaged_are_refused(prints: str, words: str) -> None:
    with pytest.raises(RolloutError, match=words):
        variables.read("nginx_deploy_approved_plan", {"digest": "plan-0", "prints": prints})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": 3}, "was made by a newer version of this collection"),
        ({"version": None}, "was made by an older version of this collection"),
        ({"hosts": 3}, "cut short"),
        ({"accept": "lost-0123456789"}, "is damaged: accept has to be a list of keys"),
        ({"accept": ["lost-1 or all"]}, "is damaged: accept has to be a list of keys"),
        ({"accept": None}, "is damaged: accept has to be a list of keys"),
    ],
)
def test_a_plan_of_another_version_or_a_damaged_one_is_refused(fields: dict[str, t.Any], words: str) -> None:
    with pytest.raises(RolloutError, match=words):
        variables.read("nginx_deploy_approved_plan", {**approval(plans(2)), **fields})


STOPS: t.Final = {
    **CHECKED,
    "refused": True,
    "failed": True,
    "acceptable": True,
    "console": {"lines": ["STOPS lost"], "summary": "1 fails", "keys": ["lost-0123456789"], "given": ["a-1", "b-2"],
                "accepted": ["b-2"]},
}  # fmt: skip


def test_what_was_accepted_is_no_part_of_a_plan_and_every_group_that_was_found_is() -> None:
    planned = plan_of("web0.example.com", staged(failed=True, msg="stops"), STOPS)
    approved = approval([planned])
    accepted = plan_of("web0.example.com", staged(state="staged"), CHECKED)
    assert not differs(accepted, approved)
    other = plan_of("web0.example.com", staged(), {**CHECKED, "groups": "4567"})
    assert "what the route check found" in differs(other, approved)


def refused_fleet(**behaviour: t.Any) -> dict[str, dict[str, t.Any]]:
    stopped = {
        "__nginx_deploy_staged": staged(1, failed=True, msg="stops"),
        "__nginx_deploy_behaviour": {**STOPS, **behaviour},
    }
    return {"web1": stopped, "web2": {"__nginx_deploy_staged": staged(2)}}


def test_a_plan_that_stops_for_what_keys_accept_holds_these_keys_and_any_other_one_is_none() -> None:
    hosts = refused_fleet()
    made = deploy_plan(hosts, hosts)
    assert made.approval is not None
    assert made.approval.accept == ("b-2", "lost-0123456789")
    assert list(made.refused) == ["web1"]
    other = refused_fleet(acceptable=False)
    assert deploy_plan(other, other).approval is None


def test_a_refused_host_that_is_not_the_planned_one_says_both() -> None:
    hosts = refused_fleet()
    planned = deploy_plan(hosts, hosts).to_json()["approval"]
    told = {"__nginx_deploy_input": {"options": {"approved_plan": planned}}}
    now = {host: {**results, **told} for host, results in refused_fleet(groups="4567").items()}
    [verdict] = [each for each in judge_fleet(now, now).hosts if each.outcome == "refused"]
    assert "not what was approved" in verdict.reason
    assert verdict.reason.endswith("\nstops")
    now = {host: {**results, **told} for host, results in refused_fleet().items()}
    assert [each.reason for each in judge_fleet(now, now).hosts if each.outcome == "refused"] == ["stops"]


def test_a_plan_arrives_as_json_too() -> None:
    approved = approval(plans(2))
    assert variables.read("nginx_deploy_approved_plan", json.dumps(approved)) == approved


def test_the_plan_is_published_unless_a_host_would_be_refused_and_the_verdict_compares_with_it() -> None:
    hosts = {f"web{number}": {"__nginx_deploy_staged": staged(number)} for number in (1, 2)}
    published = deploy_plan(hosts, hosts).to_json()["approval"]
    assert isinstance(published, dict)
    assert published["hosts"] == 2
    refused = {**hosts, "web3": {"__nginx_deploy_staged": {"failed": True, "msg": "no"}}}
    assert deploy_plan(refused, refused).approval is None
    told = {"__nginx_deploy_input": {"options": {"approved_plan": published}}}
    same = {host: {**told, "__nginx_deploy_staged": staged(int(host[3:]), state="staged")} for host in hosts}
    assert not judge_fleet(same, same).stop
    same["web2"]["__nginx_deploy_staged"]["release"] = "r-other"
    verdict = judge_fleet(same, same)
    assert (verdict.stop, verdict.verdict, verdict.counts) == (True, "refused", {"pending": 1, "refused": 1})
