# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the deploy playbook behaves over a fleet, with scripted hosts and the real ansible-playbook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripted_fleet import FLEET, SERIAL, Deploy, fleet


@pytest.mark.matrix("a good change: canary, batches, confirmed")
def test_all_hosts_are_staged_before_the_first_is_activated_and_all_are_confirmed(deploy: Deploy) -> None:
    run = deploy(fleet(), *SERIAL)
    assert run.rc == 0, run.output
    first_activation = run.calls.index(("web1", "activated"))
    assert {host for host, step in run.calls[:first_activation] if step == "staged"} == set(FLEET)
    assert sorted(run.asked("confirmed")) == FLEET
    for host in FLEET:
        steps = [step for name, step in run.calls if name == host]
        assert steps == ["staged", "activated", "gated", "confirmed"]
    assert "6 confirmed" in run.output


@pytest.mark.matrix("one host refuses the candidate")
def test_one_refusal_stops_the_run_before_any_host_is_touched(deploy: Deploy) -> None:
    run = deploy(fleet(web5={"staged": "redirect loop in www.conf:12"}), *SERIAL)
    assert run.rc == 2, run.output
    assert not run.asked("activated")
    assert "refused: web5: redirect loop in www.conf:12" in run.output
    assert "5 pending" in run.output


@pytest.mark.matrix("one host cannot be reached in the preflight")
def test_an_unreachable_host_in_the_preflight_stops_the_run(deploy: Deploy) -> None:
    run = deploy(fleet(web4={"staged": "unreachable"}), *SERIAL)
    assert run.rc != 0
    assert not run.asked("activated")
    assert "unreachable: web4" in run.output


@pytest.mark.matrix("the canary's gate fails")
def test_a_canary_whose_gate_fails_is_rolled_back_and_no_other_host_is_touched(deploy: Deploy) -> None:
    run = deploy(fleet(web1={"gated": "GET / answered 500"}), *SERIAL)
    assert run.rc == 2, run.output
    assert run.asked("activated") == ["web1"]
    assert run.asked("rolled_back") == ["web1"]
    assert not run.asked("confirmed")
    assert "rolled back: web1: GET / answered 500" in run.output
    assert "5 pending" in run.output


@pytest.mark.parametrize("step", ["activated", "gated", "confirmed"])
def test_a_failure_in_a_later_batch_leaves_its_peers_done_and_stops_the_rest(deploy: Deploy, step: str) -> None:
    run = deploy(fleet(web2={step: "something broke"}), *SERIAL)
    assert run.rc == 2, run.output
    assert sorted(run.asked("activated")) == ["web1", "web2", "web3"]
    assert run.asked("rolled_back") == ["web2"]
    assert "2 confirmed" in run.output
    assert "rolled back: web2: something broke" in run.output


def test_a_whole_batch_that_fails_still_gets_a_verdict(deploy: Deploy) -> None:
    run = deploy(fleet(web2={"gated": "500"}, web3={"gated": "500"}), *SERIAL)
    assert run.rc == 2, run.output
    assert sorted(run.asked("rolled_back")) == ["web2", "web3"]
    assert not {"web4", "web5", "web6"} & set(run.asked("activated"))
    assert "2 rolled back" in run.output


@pytest.mark.parametrize("step", ["activated", "gated", "confirmed"])
def test_a_host_that_vanishes_counts_as_failed_and_stops_later_batches(deploy: Deploy, step: str) -> None:
    run = deploy(fleet(web1={step: "unreachable", "rolled_back": "unreachable"}), *SERIAL)
    assert run.rc != 0
    assert set(run.asked("activated")) == {"web1"}
    assert "5 pending" in run.output
    assert re.search(r"(unreachable|failed): web1: .*no route to host", run.output), run.output


def test_a_failed_rollback_is_told(deploy: Deploy) -> None:
    run = deploy(fleet(web1={"gated": "500", "rolled_back": "no space left"}), *SERIAL)
    assert run.rc == 2, run.output
    assert "the rollback failed too: no space left" in run.output


def test_hosts_that_are_there_already_need_one_execution(deploy: Deploy) -> None:
    there = {"staged": {"changed": False, "state": "confirmed", "release": "r-new"}}
    run = deploy(dict.fromkeys(FLEET, there), *SERIAL)
    assert run.rc == 0, run.output
    assert run.calls == [(host, "staged") for host, _unused in run.calls]
    assert len(run.calls) == len(FLEET)


def test_a_host_that_runs_something_else_than_its_files_is_reloaded(deploy: Deploy) -> None:
    stale = {"staged": {"changed": False, "state": "confirmed", "release": "r-new", "reload_needed": True}}
    run = deploy(fleet(web1=stale), *SERIAL)
    assert run.rc == 0, run.output
    assert ("web1", "gated") in run.calls


@pytest.mark.matrix("no host is selected")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-e", "nginx_deploy_hosts=nobody"), "selects none of the 6 hosts"),
        (("-e", "nginx_deploy_hosts=web1", "-l", "web2"), "leaves none of the 1 hosts"),
        (("-l", "nobody"), "nobody"),
    ],
)
def test_an_empty_set_of_hosts_fails(deploy: Deploy, arguments: tuple[str, ...], words: str) -> None:
    run = deploy(fleet(), *arguments)
    assert run.rc != 0
    assert words in run.output.replace("\n", " ")
    assert not run.calls


def test_a_syntax_check_needs_no_hosts(deploy: Deploy) -> None:
    run = deploy({}, "--syntax-check")
    assert run.rc == 0, run.output


def test_a_missing_source_is_a_refusal_with_its_reason(deploy: Deploy) -> None:
    run = deploy(fleet(), source=None)
    assert run.rc == 2
    assert not run.calls
    assert "nginx_deploy_src" in run.output


def test_a_limit_deploys_to_its_hosts_only(deploy: Deploy) -> None:
    run = deploy(fleet(), "-l", "web2,web3")
    assert run.rc == 0, run.output
    assert {host for host, _unused in run.calls} == {"web2", "web3"}


def test_the_preflight_alone_succeeds_when_every_host_is_valid(deploy: Deploy) -> None:
    run = deploy(fleet(), "--tags", "nginx_deploy_preflight")
    assert run.rc == 0, run.output
    assert not run.asked("activated")
    refused = deploy(fleet(web1={"staged": "no"}), "--tags", "nginx_deploy_preflight")
    assert refused.rc == 2


def test_check_mode_stages_nothing_and_activates_nothing(deploy: Deploy) -> None:
    planned = {name: {"staged": {"state": "planned", "changed": True}} for name in FLEET}
    run = deploy(planned, "--check")
    assert run.rc == 0, run.output
    assert not run.asked("activated")


HOOKS = {
    "nginx_deploy_drain_tasks": "drain.yml",
    "nginx_deploy_undrain_tasks": "undrain.yml",
    "nginx_deploy_failure_tasks": "failure.yml",
}


@pytest.fixture
def hooks(tmp_path: Path) -> tuple[str, ...]:
    for name in ("drain", "undrain", "failure"):
        (tmp_path / f"{name}.yml").write_text(
            f"- ansible.builtin.debug:\n    msg: 'HOOK {name} {{{{ inventory_hostname }}}}'\n"
        )
    return ("-e", json.dumps({key: str(tmp_path / value) for key, value in HOOKS.items()}))


def test_hooks_run_around_a_change(deploy: Deploy, hooks: tuple[str, ...]) -> None:
    run = deploy({"web1": {}}, *hooks)
    assert run.rc == 0, run.output
    assert run.output.index("HOOK drain web1") < run.output.index("HOOK undrain web1")
    assert "HOOK failure" not in run.output


def test_a_rolled_back_host_is_undrained_again(deploy: Deploy, hooks: tuple[str, ...]) -> None:
    run = deploy({"web1": {"gated": "500"}}, *hooks)
    assert run.rc == 2, run.output
    assert run.output.index("HOOK failure web1") < run.output.index("HOOK undrain web1")


def test_a_failing_drain_hook_leaves_the_host_untouched(deploy: Deploy, hooks: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "drain.yml").write_text("- ansible.builtin.fail:\n    msg: the balancer is away\n")
    run = deploy(fleet(), *SERIAL, *hooks)
    assert run.rc == 2, run.output
    assert not run.asked("activated")
    assert "the balancer is away" in run.output
    assert "5 pending" in run.output


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("path", ["/nowhere/hook.yml", "drain.yml", "/"])
def test_a_hook_that_is_not_there_is_refused_before_any_host_is_asked(
    deploy: Deploy, hooks: tuple[str, ...], hook: str, path: str
) -> None:
    run = deploy({"web1": {}}, *hooks, "-e", json.dumps({hook: path}))
    assert run.rc == 2, run.output
    assert not run.calls
    assert re.search(rf"refused: web1: .*absolute\s+paths.* {path}\. Nothing was changed", run.output), run.output


LOST = [("drain", "rolled back: web"), ("undrain", "runs the release, confirmed, but: ")]


@pytest.mark.parametrize(("hook", "words"), LOST)
def test_a_hook_that_cannot_be_included_does_not_lose_the_verdict(
    deploy: Deploy, hooks: tuple[str, ...], tmp_path: Path, hook: str, words: str
) -> None:
    (tmp_path / f"{hook}.yml").write_text("- ansible.builtin.include_tasks: gone.yml\n")
    run = deploy({"web1": {}}, *hooks)
    assert run.rc == 2, run.output
    assert words in run.output
    assert run.asked("activated") == ([] if hook == "drain" else ["web1"])


@pytest.mark.parametrize(("hook", "words"), LOST)
def test_a_hook_that_cannot_be_included_on_one_host_stops_the_next_batch(
    deploy: Deploy, hooks: tuple[str, ...], tmp_path: Path, hook: str, words: str
) -> None:
    (tmp_path / f"{hook}.yml").write_text(
        "- ansible.builtin.include_tasks: gone.yml\n  when: inventory_hostname == 'web2'\n"
    )
    run = deploy(fleet(), *SERIAL, *hooks)
    assert run.rc == 2, run.output
    assert sorted(run.asked("confirmed")) == (["web1", "web3"] if hook == "drain" else ["web1", "web2", "web3"])
    assert "3 pending" in run.output
    assert words in run.output


PLAY = """
- hosts: all
  gather_facts: false
  serial: 2
  max_fail_percentage: 0
  pre_tasks:
    - ansible.builtin.debug: {msg: "PRE {{ inventory_hostname }}"}
  roles:
    - role: failsafe.nginx.nginx_deploy
  post_tasks:
    - ansible.builtin.debug: {msg: "POST {{ inventory_hostname }}"}
"""


def test_the_role_works_inside_a_users_own_play(deploy: Deploy, tmp_path: Path) -> None:
    play = tmp_path / "own.yml"
    play.write_text(PLAY)
    run = deploy(fleet(), playbook=str(play))
    assert run.rc == 0, run.output
    assert sorted(run.asked("confirmed")) == FLEET
    assert all(f"PRE {host}" in run.output and f"POST {host}" in run.output for host in FLEET)


def test_the_role_alone_counts_a_rolled_back_host_as_failed(deploy: Deploy, tmp_path: Path) -> None:
    play = tmp_path / "own.yml"
    play.write_text(PLAY)
    run = deploy(fleet(web1={"gated": "500"}), playbook=str(play))
    assert run.rc == 2, run.output
    assert run.asked("rolled_back") == ["web1"]
    assert "POST web1" not in run.output
    assert not {"web3", "web4", "web5", "web6"} & set(run.asked("activated"))
