# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What playbooks do with variables as forms hand them over: read or refused before any host is asked."""

from __future__ import annotations

import json
import typing as t

import pytest
from scripted_fleet import FLEET, Deploy, fleet
from scripted_release import GOOD

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.approval import Approval, HostPlan
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.results import HostResults


def extra(**variables: t.Any) -> tuple[str, str]:
    return "-e", json.dumps({f"nginx_deploy_{name}": value for name, value in variables.items()})


SLICE: t.Final = {"awx_job_launch_type": "workflow", "awx_job_template_name": "d", "awx_workflow_job_name": "d"}


@pytest.mark.matrix("answers of an AWX survey")
def test_answers_of_a_form_are_read_as_they_were_meant(deploy: Deploy) -> None:
    answers = extra(
        hosts="web1\nweb2\n",
        serial="1, 100%",
        max_failures=None,
        on_failure="",
        drain_tasks=None,
        checks="[]",
        lint_ignore="single-worker\nserver-tokens",
        require_lease="",
        route_check="yes",
        service=None,
        metadata='{"ticket": "OPS-1"}',
    )
    launch = ("-e", json.dumps({"awx_job_id": 42, "awx_user_name": "alice"}))
    run = deploy(fleet(), *answers, *launch)
    assert run.rc == 0, run.output
    assert sorted(run.asked("confirmed")) == ["web1", "web2"]
    assert [batch["hosts"] for batch in run.record["batches"]] == [["web1"], ["web2"]]
    assert run.record["settings"]["metadata"] == {"ticket": "OPS-1"}
    assert run.record["settings"]["on_failure"] == "keep"
    assert run.record["launch"] == {"job": "42", "user": "alice"}


def test_everything_that_is_wrong_is_told_at_once_before_any_host_is_asked(deploy: Deploy) -> None:
    hosts = {**fleet(), "web3": {}}
    run = deploy(hosts, *extra(serail=1, service=83, serial="ten"), "-e", json.dumps(SLICE), source=None)
    said = " ".join(run.output.split())
    assert run.rc == 2, run.output
    assert not run.calls
    assert "no variable nginx_deploy_serail; did you mean nginx_deploy_serial?" in said
    assert "nginx_deploy_service has to be text, and arrived as the number 83" in said
    assert "nginx_deploy_serial has to be a size of batches" in said
    assert "nginx_deploy_src is not set: it names the folder to deploy" in said
    assert "slice of the template" in said
    assert "argument_spec" not in said


def test_a_rollback_is_not_refused_for_what_the_inventory_says_but_for_what_it_was_told(deploy: Deploy) -> None:
    (deploy.work / "group_vars").mkdir()
    (deploy.work / "group_vars" / "all.yml").write_text("nginx_deploy_serail: 1\n")
    run = deploy(fleet(), playbook="failsafe.nginx.rollback")
    assert run.rc == 0, run.output
    assert sorted(run.asked("rolled_back")) == FLEET
    assert "did you mean nginx_deploy_serial?" in " ".join(run.output.split())
    run = deploy(fleet(), *extra(relaese="r-1"), playbook="failsafe.nginx.rollback")
    assert run.rc == 2, run.output
    assert not run.calls
    run = deploy(fleet())
    assert run.rc == 2, run.output
    assert not run.calls


@pytest.mark.parametrize("name", ["serial", "hosts"])
def test_what_a_play_cannot_read_in_the_inventory_is_refused_there(deploy: Deploy, name: str) -> None:
    (deploy.work / "group_vars").mkdir()
    (deploy.work / "group_vars" / "all.yml").write_text(f"nginx_deploy_{name}: all\n")
    run = deploy(fleet())
    assert run.rc == 2, run.output
    assert not run.calls
    assert f"nginx_deploy_{name} is set in the inventory" in " ".join(run.output.split())


def plan_of(**changed: t.Any) -> dict[str, t.Any]:
    """What a plan of the scripted fleet hands to the next job."""
    results = HostResults({"__nginx_deploy_staged": {**GOOD["staged"], **changed}})
    return Approval.of([HostPlan.of(host, results) for host in FLEET]).to_json()


def test_a_plan_publishes_what_a_deploy_has_to_come_to(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    planned = {host: {"staged": {"state": "planned"}} for host in FLEET}
    run = deploy(planned, playbook="failsafe.nginx.plan")
    assert run.rc == 0, run.output
    assert plan_of()["digest"] in run.output
    refused = deploy({**planned, "web3": {"staged": "redirect loop"}}, playbook="failsafe.nginx.plan")
    assert refused.rc == 2
    assert "plan-" not in refused.output


def test_a_deploy_of_what_was_approved_goes_on_and_one_of_something_else_touches_no_host(deploy: Deploy) -> None:
    approved = extra(approved_plan=plan_of(), require_approval="true")
    canary = deploy(fleet(), *approved, "-l", "web1")
    assert canary.rc == 0, canary.output
    assert canary.asked("confirmed") == ["web1"]
    there = {"staged": {"changed": False, "state": "confirmed", "previous": "r-new"}}
    run = deploy(fleet(web1=there), *approved)
    assert run.rc == 0, run.output
    run = deploy(fleet(web5={"staged": {"release": "r-other"}}), *approved)
    assert run.rc == 2, run.output
    assert not run.asked("activated")
    assert sorted(run.asked("unlocked")) == FLEET
    assert "refused: web5: not what was approved" in " ".join(run.output.split())
    assert run.record["verdict"] == "refused"


@pytest.mark.parametrize("arrived", [None, "", "missing"])
def test_a_deploy_that_needs_an_approval_and_gets_none_is_refused(deploy: Deploy, arrived: str | None) -> None:
    answers = {} if arrived == "missing" else {"approved_plan": arrived}
    run = deploy(fleet(), *extra(require_approval=True, **answers))
    assert run.rc == 2, run.output
    assert not run.calls
    assert "no nginx_deploy_approved_plan arrived" in " ".join(run.output.split())
