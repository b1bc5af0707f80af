# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failures over a fleet: the budget, the fleet's way back, the lock, and the record of a run that was cut short."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from scripted_fleet import FLEET, SERIAL, Deploy, fleet

BACK = ("-e", "nginx_deploy_on_failure=rollback_fleet")


def may_fail(value: int | str) -> tuple[str, ...]:
    return ("-e", json.dumps({"nginx_deploy_max_failures": value}))


# The budget


@pytest.mark.parametrize("budget", [1, "1", "17%"])
@pytest.mark.parametrize("failure", [{"gated": "500"}, {"activated": "unreachable", "rolled_back": "unreachable"}])
def test_a_host_that_fails_within_the_budget_does_not_end_the_rollout(
    deploy: Deploy, budget: int | str, failure: dict
) -> None:
    run = deploy(fleet(web2=failure), *SERIAL, *may_fail(budget))
    assert sorted(run.asked("confirmed")) == ["web1", "web3", "web4", "web5", "web6"]
    assert run.rc == 2, "the exit status is the truth"
    assert (run.record["verdict"], run.record["ok"]) == ("incomplete", False)


@pytest.mark.matrix("more hosts fail than may")
@pytest.mark.parametrize("budget", [1, "34%"])
def test_one_more_than_the_budget_ends_it(deploy: Deploy, budget: int | str) -> None:
    failing = {"gated": "500"}
    run = deploy(fleet(web2=failing, web4=failing), "-e", '{"nginx_deploy_serial": [1, 2, 2, 1]}', *may_fail(budget))
    assert run.rc == 2
    assert ("web6" in run.asked("activated")) == (budget == "34%")
    assert ("2 of 6 hosts failed, at most 1 may" in run.output) == (budget == 1)


def test_a_batch_of_which_every_host_failed_ends_it_whatever_the_budget_is(deploy: Deploy) -> None:
    run = deploy(fleet(web1={"gated": "500"}), *SERIAL, *may_fail("100%"))
    assert run.rc == 2
    assert run.asked("activated") == ["web1"]
    assert "which no budget of failures covers" in run.output


def test_an_unreachable_host_in_the_preflight_is_within_the_budget_too(deploy: Deploy) -> None:
    run = deploy(fleet(web4={"staged": "unreachable"}), *SERIAL, *may_fail(1))
    assert run.rc == 2
    assert sorted(run.asked("confirmed")) == ["web1", "web2", "web3", "web5", "web6"]
    assert run.outcomes()["unreachable"] == ["web4"]


def test_a_refusal_is_within_no_budget(deploy: Deploy) -> None:
    run = deploy(fleet(web4={"staged": "redirect loop"}), *SERIAL, *may_fail(5))
    assert run.rc == 2
    assert not run.asked("activated")
    assert run.record["verdict"] == "refused"


WRONG = [
    ("nginx_deploy_max_failures", "a few"),
    ("nginx_deploy_max_failures", "101%"),
    ("nginx_deploy_max_failures", -1),
    ("nginx_deploy_max_failures", True),
    ("nginx_deploy_on_failure", "panic"),
    ("nginx_deploy_serial", ["some"]),
    ("nginx_deploy_serial", 0),
    ("nginx_deploy_record", "/proc/nowhere/record"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_a_later_play_would_stumble_over_is_refused_before_any_host_is_asked(
    deploy: Deploy, name: str, value: object
) -> None:
    run = deploy(fleet(), "-e", json.dumps({name: value}))
    assert run.rc == 2
    assert not run.told
    assert (name if "record" not in name else str(value)) in run.output


# The way back of the fleet


@pytest.mark.matrix("a later batch fails, with rollback_fleet")
def test_the_fleet_goes_back_when_a_later_batch_fails(deploy: Deploy) -> None:
    run = deploy(fleet(web4={"gated": "GET / answered 502"}), *SERIAL, *BACK)
    assert run.rc == 2
    reverted = [(call.host, call.release) for call in run.told if call.step == "reverted"]
    assert sorted(reverted) == [(host, "r-old") for host in ("web1", "web2", "web3", "web5", "web6")]
    assert run.asked("rolled_back") == ["web4"]
    assert run.record["verdict"] == "rolled_back"
    assert run.outcomes() == {"reverted": ["web1", "web2", "web3", "web5", "web6"], "rolled_back": ["web4"]}
    assert run.record["fleet_rollback"]["finished"]
    assert "reverted: web1, web2, web3, web5, web6" in run.output


def test_hosts_that_were_never_touched_are_not_asked_to_go_back(deploy: Deploy) -> None:
    there = {"staged": {"changed": False, "state": "confirmed", "release": "r-new"}}
    run = deploy(fleet(web1=there, web2={"gated": "500"}), *SERIAL, *BACK)
    assert run.asked("reverted") == ["web3"]
    assert run.outcomes() == {
        "unchanged": ["web1"],
        "rolled_back": ["web2"],
        "reverted": ["web3"],
        "pending": ["web4", "web5", "web6"],
    }


def test_by_default_hosts_that_are_done_are_kept(deploy: Deploy) -> None:
    run = deploy(fleet(web2={"gated": "500"}), *SERIAL)
    assert not run.asked("reverted")
    assert run.record["verdict"] == "stopped"
    assert run.outcomes()["confirmed"] == ["web1", "web3"]


def test_a_failure_within_the_budget_rolls_no_other_host_back(deploy: Deploy) -> None:
    run = deploy(fleet(web2={"gated": "500"}), *SERIAL, *BACK, *may_fail(1))
    assert not run.asked("reverted")


@pytest.mark.parametrize("what", ["unreachable", "nginx does not start"])
def test_a_host_that_cannot_go_back_is_told_and_the_others_do(deploy: Deploy, what: str) -> None:
    run = deploy(fleet(web1={"reverted": what}, web4={"gated": "500"}), *SERIAL, *BACK)
    assert run.rc == 2
    assert run.outcomes()["reverted"] == ["web2", "web3", "web5", "web6"]
    assert run.outcomes()["failed"] == ["web1"]
    assert "failed: web1: runs the release, confirmed; the rollback of the fleet failed" in run.output
    assert run.record["verdict"] == "stopped"


def test_a_host_that_vanished_is_asked_again_with_the_fleet(deploy: Deploy) -> None:
    vanishing = {"gated": "unreachable", "rolled_back": "unreachable"}
    run = deploy(fleet(web4=vanishing), *SERIAL, *BACK)
    assert "web4" in run.asked("reverted")
    assert run.outcomes()["rolled_back"] == ["web4"]


# Hosts that vanish


@pytest.mark.matrix("every host of a batch vanishes on trial")
def test_every_host_of_a_batch_vanishes_and_the_verdict_is_there(deploy: Deploy) -> None:
    gone = {"activated": "unreachable", "rolled_back": "unreachable", "nginx_release_info": "unreachable"}
    run = deploy(fleet(web2=gone, web3=gone), *SERIAL)
    assert run.rc == 2
    assert run.outcomes()["unreachable"] == ["web2", "web3"]
    assert run.record["verdict"] == "stopped"
    assert "if it was activated, its lease brings it back to r-old" in run.output
    assert sorted(run.asked("nginx_release_info")) == ["web2", "web3"]
    assert "What web2, web3 did by itself: the journal could not be read" in run.report["unknown"]
    assert "What web2, web3 runs now: it was not asked, or did not answer" in run.report["unknown"]
    assert run.events("web1")[-1] == "confirmed"


def test_every_host_vanishes_before_anything_happened(deploy: Deploy) -> None:
    run = deploy(fleet(**{name: {"staged": "unreachable"} for name in FLEET}), *SERIAL, *may_fail("100%"))
    assert run.rc == 2
    assert not run.asked("activated")
    assert run.record["counts"] == {"unreachable": 6}
    assert {host: run.events(host) for host in FLEET} == {name: ["unreachable"] for name in FLEET}
    assert run.reports["md"].startswith("# Postmortem (draft): Refused, nothing was changed")


def test_a_host_that_vanished_on_trial_is_listed_with_its_lease_and_tells_of_it_once_it_is_back(deploy: Deploy) -> None:
    history = [
        {"time": "2999-01-01T00:00:00.000Z", "seq": 9, "event": "rolled_back", "release": "r-old", "details": {"by": "lease"}},
        {"time": "2999-01-01T00:00:00.000Z", "seq": 1, "event": "staged", "release": "r-new", "details": {}},
        {"time": "1999-01-01T00:00:00.000Z", "seq": 0, "event": "adopted", "release": "r-old", "details": {}},
    ]  # fmt: skip
    told = {"history": history, "current": {"running": "r-old", "confirmed": "r-old"}}
    run = deploy(
        fleet(web1={"gated": "unreachable", "rolled_back": "unreachable", "nginx_release_info": told}), *SERIAL
    )
    assert "its lease brings it back to r-old within 140 s of the activation" in run.output
    assert run.outcomes()["unreachable"] == ["web1"]
    assert "went back to r-old, by its lease" in run.reports["md"]
    assert run.events("web1").count("staged") == 1
    assert "adopted" not in run.events("web1"), "what was before this run"
    assert run.report["hosts"][0]["now"]["running"] == "r-old"


# The lock


def test_all_steps_of_a_run_name_the_same_rollout(deploy: Deploy) -> None:
    run = deploy(fleet(web4={"gated": "500"}), *SERIAL, *BACK)
    assert {call.rollout for call in run.told if call.step != "nginx_release_info"} == {run.record["rollout"]}


@pytest.mark.parametrize(
    ("script", "unlocked"),
    [
        ({"web1": {"gated": "500"}}, ["web2", "web3", "web4", "web5", "web6"]),
        ({"web6": {"staged": "redirect loop"}}, ["web1", "web2", "web3", "web4", "web5"]),
        ({"web6": {"staged": "unreachable"}}, ["web1", "web2", "web3", "web4", "web5"]),
        ({}, []),
    ],
)
def test_the_lock_is_given_back_by_every_host_that_still_holds_it(
    deploy: Deploy, script: dict, unlocked: list[str]
) -> None:
    run = deploy(fleet(**script), *SERIAL)
    assert sorted(run.asked("unlocked")) == unlocked


def test_the_preflight_alone_gives_the_lock_back(deploy: Deploy) -> None:
    run = deploy(fleet(), "--tags", "nginx_deploy_preflight")
    assert run.rc == 0
    assert sorted(run.asked("unlocked")) == FLEET
    assert run.record["verdict"] == "validated"


@pytest.mark.parametrize("what", ["no such store", "unreachable"])
def test_a_lock_that_cannot_be_given_back_fails_nothing_else(deploy: Deploy, what: str) -> None:
    run = deploy(fleet(web2={"unlocked": what}), "--tags", "nginx_deploy_preflight")
    assert run.rc == 0


# The record


#: Exit statuses of ansible-playbook after Ctrl-C: its own, and Python's where the second one meets its end.
INTERRUPTED = {99, -signal.SIGINT}
FINDING = {"rule": "server-tokens", "severity": "advice", "message": "m", "file": "nginx.conf", "line": 4}


def test_the_record_and_the_report_of_a_good_run(deploy: Deploy) -> None:
    staged = {"staged": {"findings": [FINDING], "validation": {"ok": True, "nginx_version": "1.22.1"}}}
    run = deploy(dict.fromkeys(FLEET, staged), *SERIAL)
    record = run.record
    assert (record["schema"], record["verdict"], record["ok"]) == (1, "deployed", True)
    assert [batch["hosts"] for batch in record["batches"]] == [FLEET[:1], FLEET[1:3], FLEET[3:]]
    assert all(batch["started"] <= batch["finished"] for batch in record["batches"])
    assert record["fleet_rollback"] is None
    assert record["settings"]["serial"] == [1, 2, 3]
    assert {(row["outcome"], row["release"], row["previous"]) for row in record["hosts"]} == {
        ("confirmed", "r-new", "r-old")
    }
    assert set(run.reports) == {"json", "md", "html"}
    unknown = "What each request gets before and after on web1, web2, web3, web4, web5, web6: no route check says so"
    assert (run.report["verdict"], run.report["unknown"]) == ("deployed", [unknown])
    told = ["staged", "lease_armed", "activating", "activated", "reload", "gate", "confirmed"]
    assert {host: run.events(host) for host in FLEET} == dict.fromkeys(FLEET, told)
    assert run.report["findings"] == [{**FINDING, "hosts": FLEET}]
    assert run.report["nginx"] == {"1.22.1": FLEET}
    assert not run.asked("nginx_release_info"), "a host that came to a good end is asked nothing more"
    assert re.search(r"report: \S+/failsafe-nginx/\S+\.report\.html \(and \.md, \.json\)", run.output), run.output


@pytest.mark.matrix("the run is interrupted (SIGINT, SIGTERM, SIGKILL)")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_record_of_an_interrupted_run_says_so(deploy: Deploy, ending: int) -> None:
    run = deploy.interrupted(
        ending, "gated", fleet(web2={"gated": "hang"}), *SERIAL[:1], '{"nginx_deploy_serial": [2, 4]}'
    )
    assert run.rc != 0
    assert (run.record["verdict"], run.record["ok"], run.record["finished"]) == ("interrupted", False, None)
    assert run.outcomes() == {"unknown": ["web1", "web2"], "pending": ["web3", "web4", "web5", "web6"]}
    assert [batch["finished"] for batch in run.record["batches"]] == [None]


@pytest.mark.parametrize("presses", [1, 2])
def test_a_second_interrupt_changes_nothing(deploy: Deploy, presses: int) -> None:
    options = '{"nginx_deploy_serial": [2, 4], "nginx_deploy_lease": 50}'
    run = deploy.interrupted(
        signal.SIGINT, "gated", fleet(web2={"gated": "hang"}), *SERIAL[:1], options, presses=presses
    )
    assert run.rc in INTERRUPTED
    assert (run.record["verdict"], run.record["ok"], run.record["finished"]) == ("interrupted", False, None)
    assert run.outcomes() == {"unknown": ["web1", "web2"], "pending": ["web3", "web4", "web5", "web6"]}
    # Both hosts activated with a lease, and none gave it up: the hosts act alone from here.
    assert sorted(run.asked("activated")) == ["web1", "web2"]
    assert set(Path(f"{deploy.log}.leases").read_text().split()) == {"50.0"}
    assert not run.asked("confirmed")


def test_a_run_that_dies_before_a_host_is_changed_has_a_record(deploy: Deploy) -> None:
    run = deploy.interrupted(signal.SIGKILL, "staged", fleet(web2={"staged": "hang"}))
    assert run.record["verdict"] == "interrupted"
    assert run.outcomes() == {"unknown": FLEET}


def test_a_run_that_dies_while_the_fleet_goes_back_says_which_hosts_are_unknown(deploy: Deploy) -> None:
    script = fleet(web1={"reverted": "hang"}, web4={"gated": "500"})
    run = deploy.interrupted(signal.SIGTERM, "reverted", script, *SERIAL, *BACK)
    assert run.record["verdict"] == "interrupted"
    assert run.outcomes() == {"unknown": ["web1", "web2", "web3", "web5", "web6"], "rolled_back": ["web4"]}
    assert run.record["fleet_rollback"]["hosts"] == ["web1", "web2", "web3", "web5", "web6"]


@pytest.mark.parametrize("place", ["records/", "records/one.json", ""])
def test_the_record_is_where_it_is_asked_for(deploy: Deploy, tmp_path: Path, place: str) -> None:
    run = deploy(fleet(), "-e", f"nginx_deploy_record={place}")
    assert run.rc == 0, run.output
    assert not run.record, "nothing in the default place"
    found = sorted(tmp_path.glob("records/*"))
    assert len(found) == (4 if place else 0)
    assert {path.stat().st_mode & 0o777 for path in found} <= {0o600}
    for path in found:
        if path.suffix == ".json":
            assert json.loads(path.read_text())["verdict"] == "deployed"
        if path.suffix == ".html":
            assert f"report: {path} (and .md, .json)" in run.output.replace("\n", " ")


@pytest.mark.matrix("check mode")
def test_check_mode_keeps_no_record(deploy: Deploy) -> None:
    planned = {name: {"staged": {"state": "planned", "changed": True}} for name in FLEET}
    run = deploy(planned, "--check")
    assert run.rc == 0, run.output
    assert not run.record


@pytest.mark.parametrize("event", ["settling", "batch"])
def test_a_record_that_fails_keeps_no_host_from_going_back_and_no_lock(deploy: Deploy, event: str) -> None:
    action = deploy.home / "plugins/action/nginx_rollout_record.py"
    broken = f'        if self._task.args["event"] == "{event}":\n            raise AnsibleActionFail("no memory")\n'
    text = action.read_text()
    action.write_text(
        text.replace("        super().run(tmp, task_vars)\n", "        super().run(tmp, task_vars)\n" + broken)
    )
    assert action.read_text() != text
    run = deploy(
        fleet(web4={"gated": "502"}, web5={"gated": "502"}), "-e", '{"nginx_deploy_serial": [1, 2, 2, 1]}', *BACK
    )
    assert run.rc == 2
    assert sorted(run.asked("reverted")) == ["web1", "web2", "web3"]
    assert run.asked("unlocked") == ["web6"]


@pytest.mark.parametrize(("forks", "seconds"), [(6, 50), (4, 100)])
def test_the_lease_lasts_until_every_host_of_a_batch_had_its_turn(deploy: Deploy, forks: int, seconds: int) -> None:
    options = json.dumps({"nginx_deploy_serial": "100%", "nginx_deploy_lease": 50})
    run = deploy(fleet(), "-e", options, "--forks", str(forks))
    assert run.rc == 0, run.output
    leases = Path(f"{deploy.log}.leases").read_text().split()
    assert [float(lease) for lease in leases] == [seconds] * 12


def test_a_lease_that_is_off_stays_off(deploy: Deploy) -> None:
    assert deploy(fleet(), "-e", '{"nginx_deploy_serial": "100%", "nginx_deploy_lease": 0}', "--forks", "1").rc == 0
    assert set(Path(f"{deploy.log}.leases").read_text().split()) == {"0.0"}
