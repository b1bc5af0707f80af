# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The route check and the search for guilty lines in a rollout, with scripted hosts."""

from __future__ import annotations

import typing as t

from scripted_fleet import FLEET, SERIAL, Deploy, fleet

PLAN = {"key": "k", "before": "a", "after": "b"}
STAGED = {"staged": {"plan": PLAN}}
GATE = {"ok": False, "failed": [{"name": "front page"}]}


def planned(**scripts: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {name: {**STAGED, **scripts.get(name, {})} for name in FLEET}


def test_every_host_is_compared_before_the_first_one_changes(deploy: Deploy) -> None:
    run = deploy(planned(), *SERIAL)
    assert run.rc == 0, run.output
    first = run.calls.index(("web1", "activated"))
    assert sorted(host for host, step in run.calls[:first] if step == "nginx_route_check") == FLEET
    assert not run.asked("nginx_bisect")


def test_a_refused_change_of_behaviour_touches_no_host(deploy: Deploy) -> None:
    run = deploy(planned(web3={"nginx_route_check": "CRITICAL error-introduced; guilty: api.conf:6"}), *SERIAL)
    assert run.rc == 2, run.output
    assert not run.asked("activated")
    assert "refused: web3: CRITICAL error-introduced; guilty: api.conf:6" in run.output
    assert "5 pending" in run.output


def test_a_host_that_vanishes_during_the_comparison_is_unreachable_and_touches_no_host(deploy: Deploy) -> None:
    run = deploy(planned(web3={"nginx_route_check": "unreachable"}), *SERIAL)
    assert run.rc == 2, run.output
    assert not run.asked("activated")
    assert run.outcomes()["unreachable"] == ["web3"]
    told = " ".join(run.output.split())
    assert (
        "unreachable: web3: unreachable: the host did not answer while the change was tried in a private world" in told
    )
    assert "no route to host; nothing was changed" in told


def test_a_host_that_vanishes_during_the_comparison_is_within_the_budget_and_never_rolled_out(deploy: Deploy) -> None:
    run = deploy(planned(web3={"nginx_route_check": "unreachable"}), *SERIAL, "-e", "nginx_deploy_max_failures=1")
    assert run.rc == 2, run.output
    assert sorted(run.asked("confirmed")) == ["web1", "web2", "web4", "web5", "web6"]
    assert "web3" not in run.asked("activated")
    assert run.outcomes()["unreachable"] == ["web3"]


def test_what_could_not_be_verified_is_in_the_verdict(deploy: Deploy) -> None:
    script = {"nginx_route_check": {"verified": False, "reason": "no namespaces"}}
    run = deploy(planned(web1=script, web2=script), *SERIAL)
    assert run.rc == 0, run.output
    assert "behaviour not verified: web1, web2: no namespaces" in run.output


def test_a_failed_gate_is_followed_by_the_search_and_the_verdict_names_the_line(deploy: Deploy) -> None:
    run = deploy(planned(web1={"gated": {"failed": True, "msg": "front page answered 500", "gate": GATE}}), *SERIAL)
    assert run.rc == 2, run.output
    steps = [step for host, step in run.calls if host == "web1"]
    assert steps[-3:] == ["rolled_back", "nginx_bisect", "nginx_release_info"]
    assert "rolled back: web1: front page answered 500; guilty: conf.d/a.conf:3 + rewrite" in run.output
    assert run.asked("nginx_bisect") == ["web1"]


def test_a_search_that_fails_takes_nothing_away(deploy: Deploy) -> None:
    for broken in ("no world", "unreachable"):
        script = {"gated": {"failed": True, "msg": "front page answered 500", "gate": GATE}, "nginx_bisect": broken}
        run = deploy(planned(web1=script), *SERIAL)
        assert run.rc == 2, run.output
        assert "rolled back: web1: front page answered 500" in run.output
        assert not run.asked("confirmed")


def test_a_plan_names_refused_hosts_hosts_without_a_plan_and_unreachable_hosts(deploy: Deploy) -> None:
    scripts = {
        "web2": {"nginx_route_check": {"refused": True, "msg": "would break", "lines": ["a.conf:3 + rewrite"]}},
        "web3": {"staged": "no such folder"},
        "web4": {"nginx_route_check": "unreachable"},
        "web5": {"staged": "unreachable"},
    }
    run = deploy(planned(**scripts), playbook="failsafe.nginx.plan")
    assert run.rc == 2, run.output
    told = " ".join(run.output.split())
    assert "6 hosts: 2 to change, 1 refused, 1 without a plan, 2 unreachable" in told
    for words in (
        "web1, web6: would be changed",
        "web2: would be refused",
        "guilty: a.conf:3 + rewrite",
        "web3: no plan",
    ):
        assert words in told, run.output
    assert {step for _host, step in run.calls} == {"staged", "nginx_route_check"}
    limited = deploy(planned(**scripts), "--limit", "web1,web6", "--check", playbook="failsafe.nginx.plan")
    assert limited.rc == 0, limited.output
    assert "2 hosts: 2 to change" in limited.output


def test_hosts_that_are_there_already_are_not_compared(deploy: Deploy) -> None:
    there = {"staged": {"changed": False, "state": "confirmed", "release": "r-new"}}
    run = deploy(dict.fromkeys(FLEET, there), *SERIAL)
    assert run.rc == 0, run.output
    assert {step for _host, step in run.calls} == {"staged"}


def test_it_can_be_switched_off(deploy: Deploy) -> None:
    run = deploy(fleet(web1=STAGED), *SERIAL, "-e", "nginx_deploy_route_check=false")
    assert run.rc == 0, run.output
    assert not run.asked("nginx_route_check")
    assert "behaviour not verified: web1: the route check is switched off (nginx_deploy_route_check)" in run.output
    assert run.record["hosts"][0]["unverified"].startswith("the route check is switched off")
