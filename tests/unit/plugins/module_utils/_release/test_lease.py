# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases, reboots, rollouts and adoption, with an nginx and a dead-man's switch that do what the test says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from release_world import Master, World, importable, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release import clock as time_
from ansible_collections.failsafe.nginx.plugins.module_utils._release import lease as lease_
from ansible_collections.failsafe.nginx.plugins.module_utils._release import reservation, state
from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.results import Verdict

NEW = of({"conf.d/a.conf": "new"})
NEWER = of({"conf.d/a.conf": "newer", "conf.d/b.conf": "more"})
ACTS = ("staged", "active", "confirmed")


def refused(code: str, match: str | None = None) -> pytest.RaisesExc[ReleaseError]:
    return pytest.raises(ReleaseError, match=match, check=lambda error: error.code == code)


def events(world: World) -> list[str]:
    return [row["event"] for row in world.engine().history()[::-1]]


def lease(world: World) -> dict[str, t.Any]:
    found: dict[str, t.Any] = json.loads((world.store / "lease.json").read_text())
    return found


def left(world: World) -> float:
    note = lease(world)
    return time_.remaining(note["boot"], note["until"])


def edit_note(world: World, name: str, **values: t.Any) -> None:
    place = world.store / name
    place.write_text(json.dumps({**json.loads(place.read_text()), **values}))


def activate(world: World, wanted: HostCandidate = NEWER, *, reload: bool = True, **settings: t.Any) -> str:
    release: str = world.engine(**settings).stage(wanted)["release"]
    world.engine(**settings).activate(release, reload=reload)
    return release


def reboot(world: World, monkeypatch: pytest.MonkeyPatch, *, nginx: bool = False) -> None:
    """Every process is gone, and what counted seconds starts again."""
    for module in (time_, lease_, reservation, state):
        monkeypatch.setattr(module, "boot_id", lambda: "another boot")
    world.host.armed_tokens = []
    world.host.process = Master(5000, time_.ticks()) if nginx else None
    world.host.loaded = world.live() if nginx else None


# The lease


def test_a_release_that_nobody_confirms_is_rolled_back(world: World) -> None:
    old_release = world.deploy(NEW)
    old, release = world.live(), activate(world)
    token = lease(world)["token"]
    assert world.host.armed_tokens == [token]
    assert world.engine().expire(token)["expires_in"] > 100
    assert world.live() != old
    edit_note(world, "lease.json", until=0)
    result = world.engine().expire(token)
    assert (result["state"], result["release"], result["changed"]) == ("rolled_back", old_release, True)
    assert world.live() == old == world.host.loaded
    assert events(world)[-5:] == ["lease_expired", "restored", "reload", "gate", "rolled_back"]
    assert world.engine().history()[0]["details"]["by"] == "lease"
    assert world.engine().status()["lease"] is None
    with refused("order", f"{release}: it is not active.*rolled it back by itself at .*lease"):
        world.engine().confirm(release)
    with refused("order", "by itself"):
        world.engine().activate(release, reload=True)
    assert world.engine().expire(token) == {"changed": False, "expires_in": None}


def test_confirming_ends_the_lease(world: World) -> None:
    release = activate(world)
    token = lease(world)["token"]
    world.engine().confirm(release)
    new = world.live()
    assert world.host.armed_tokens == []
    assert not (world.store / "lease.json").exists()
    assert world.engine().expire(token)["changed"] is False
    assert world.live() == new


def test_the_lock_decides_between_the_end_and_the_confirmation(world: World) -> None:
    release = activate(world)
    token = lease(world)["token"]
    edit_note(world, "lease.json", until=0)
    assert world.engine().confirm(release)["changed"] is True  # first at the lock, though late
    assert world.engine().expire(token)["changed"] is False
    assert world.engine().status()["confirmed"] == release


def test_the_end_finds_the_lock_held(world: World) -> None:
    activate(world)
    edit_note(world, "lease.json", until=0)
    with world.engine().store.lock("confirm"), refused("locked"):
        world.engine().expire(lease(world)["token"])


def test_a_lease_of_another_activation_is_left_alone(world: World) -> None:
    activate(world)
    new = world.live()
    edit_note(world, "lease.json", until=0)
    assert world.engine().expire("another")["changed"] is False
    assert world.live() == new


def test_each_step_renews_and_a_dead_switch_is_replaced(world: World) -> None:
    release = activate(world, reload=False, lease=50)
    edit_note(world, "lease.json", until=time_.boottime() + 3)
    gated = world.engine(lease=50).activate(release, reload=True)
    assert gated["lease"]["expires_in"] > 45
    assert gated["lease"]["mechanism"] == "watcher"
    world.host.armed_tokens = []
    edit_note(world, "lease.json", until=time_.boottime() + 3)
    again = world.engine().activate(release, reload=True)
    assert (again["changed"], again["lease"]["expires_in"] > 45) == (False, True)
    assert world.host.armed_tokens == [lease(world)["token"]]
    assert events(world).count("lease_armed") == 2


def test_a_run_that_works_renews_and_one_that_hangs_does_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    release = activate(world, reload=False, lease=2)
    seen: list[float] = []

    def gate(*_arguments: t.Any) -> Verdict:
        end = time_.boottime() + 2.5
        while time_.boottime() < end:
            seen.append(left(world))
        return Verdict({"ok": True, "reason": ""})

    monkeypatch.setattr(world.host, "gate", gate)
    world.engine(lease=2).activate(release, reload=True)
    assert min(seen) > 0
    edit_note(world, "state.json", active={**world.engine().state()["active"], "phase": "running"})
    monkeypatch.setattr(lease_, "_MARGIN", -1000)
    seen.clear()
    world.engine(lease=2).activate(release, reload=True)
    assert min(seen) == 0


def test_the_whole_lease_is_left_when_the_gate_has_passed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    release = activate(world, reload=False, lease=50)

    def gate(*_arguments: t.Any) -> Verdict:
        edit_note(world, "lease.json", until=time_.boottime() + 3)
        return Verdict({"ok": True, "reason": ""})

    monkeypatch.setattr(world.host, "gate", gate)
    assert world.engine(lease=50).activate(release, reload=True)["lease"]["expires_in"] > 45


@pytest.mark.parametrize("required", [True, False])
def test_without_a_switch_there_is_no_activation_unless_allowed(world: World, *, required: bool) -> None:
    world.deploy(NEW)
    old, release = world.live(), world.engine().stage(NEWER)["release"]
    world.host.arm_ok = False
    engine = world.engine(require_lease=required)
    if required:
        with refused("lease", "nothing can be started"):
            engine.activate(release, reload=True)
        assert world.live() == old
        assert engine.status()["lease"] is None
        assert engine.status()["staged"] == release
    else:
        result = engine.activate(release, reload=True)
        assert (result["lease"]["mechanism"], result["lease"]["alive"]) == ("none", False)
        assert "nothing can be started" in engine.warnings[0]


@pytest.mark.parametrize("seconds", [-1, 0.5, float("nan"), float("inf"), 1e9])
def test_a_lease_that_cannot_be_kept_is_refused(world: World, seconds: float) -> None:
    release = world.engine().stage(NEW)["release"]
    with refused("options", "from 1 to 604800 seconds"):
        world.engine(lease=seconds).activate(release, reload=True)
    assert world.live() == world.original


def test_without_a_lease_the_next_run_undoes(world: World) -> None:
    world.deploy(NEW)
    release = activate(world, lease=0)
    assert world.host.armed_tokens == []
    assert world.engine().status()["lease"]["mechanism"] == "none"
    with refused("on_trial"):
        world.engine().stage(of({"conf.d/a.conf": "third"}))
    edit_note(world, "lease.json", until=0)
    assert release in world.engine().stage(of({"conf.d/a.conf": "third"}))["recovered"][0]


def test_the_refusal_says_who_is_on_trial(world: World) -> None:
    activate(world, metadata={"who": "anna"})
    with refused("on_trial", r"another run \(anna\) activated"):
        world.engine().stage(NEW)


def test_an_activation_that_fails_gives_the_lease_back(world: World) -> None:
    world.deploy(NEW)
    release = world.engine().stage(NEWER)["release"]

    def before(step: str) -> None:
        if step == "replace conf.d/b.conf":
            raise ReleaseError("cannot replace conf.d/b.conf", "file")

    with pytest.raises(ReleaseError, match="cannot replace"):
        world.engine(before).activate(release, reload=True)
    assert world.host.armed_tokens == []
    assert not (world.store / "lease.json").exists()


def test_a_rollback_by_the_lease_that_fails_is_tried_again(world: World) -> None:
    world.deploy(NEW)
    old, _release = world.live(), activate(world)
    token = lease(world)["token"]
    edit_note(world, "lease.json", until=0)
    world.host.reload_ok = False
    with refused("rollback_failed"):
        world.engine().expire(token)
    assert world.live() == old
    world.host.reload_ok = True
    assert world.engine().expire(token)["state"] == "rolled_back"
    assert world.host.loaded == old
    assert world.engine().status()["trouble"] is None


def test_a_lease_over_an_interrupted_switch_ends_it(world: World) -> None:
    world.deploy(NEW)
    old, release = world.live(), world.engine().stage(NEWER)["release"]

    class Died(BaseException):
        pass

    def before(step: str) -> None:
        if step == "replace conf.d/b.conf":
            raise Died

    with pytest.raises(Died):
        world.engine(before).activate(release, reload=False)
    edit_note(world, "lease.json", until=0)
    world.engine().expire(lease(world)["token"])
    assert world.live() == old
    assert world.engine().status()["interrupted"] is False


def test_a_lease_without_a_release_is_given_back(world: World) -> None:
    # Killed between the note and the switch.
    world.deploy(NEW)
    release = world.engine().stage(NEWER)["release"]

    class Died(BaseException):
        pass

    def before(step: str) -> None:
        if step.startswith("write") and (world.store / "lease.json").exists():
            raise Died

    with pytest.raises(Died):
        world.engine(before).activate(release, reload=False)
    token = lease(world)["token"]
    edit_note(world, "lease.json", until=0)
    assert world.engine().expire(token) == {"changed": False}
    assert not (world.store / "lease.json").exists()
    assert world.engine().activate(release, reload=True)["phase"] == "gated"


# Reboot


@pytest.mark.parametrize("reload", [True, False])
def test_an_unconfirmed_release_does_not_survive_a_reboot(
    world: World, monkeypatch: pytest.MonkeyPatch, *, reload: bool
) -> None:
    confirmed = world.deploy(NEW)
    old, release = world.live(), activate(world, reload=reload)
    reboot(world, monkeypatch)
    world.host.calls = []
    result = world.engine().recover(boot=True)
    assert release in result["recovered"][0]
    assert world.live() == old
    assert world.host.calls == []  # nginx is not started: it waits for us
    assert world.engine().history()[0]["details"]["by"] == "boot"
    assert world.engine().recover(boot=True)["changed"] is False
    world.host.process, world.host.loaded = Master(1, time_.ticks() + 1), world.live()
    assert world.engine().status()["running"] == confirmed


def test_a_reboot_without_recovery_is_undone_by_the_next_run_and_never_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(NEW)
    old, release = world.live(), activate(world)
    reboot(world, monkeypatch, nginx=True)
    for act in (lambda: world.engine().confirm(release), lambda: world.engine().activate(release, reload=True)):
        with refused("lease", "rebooted"):
            act()
    assert world.engine().recover()["changed"] is True
    assert world.live() == old == world.host.loaded


def test_recovery_leaves_a_release_on_trial_alone(world: World) -> None:
    activate(world)
    live = world.live()
    for boot in (True, False):
        assert world.engine().recover(boot=boot)["changed"] is False
    assert world.live() == live


def test_recovery_completes_a_rollback_that_failed(world: World) -> None:
    world.deploy(NEW)
    old, _release = world.live(), activate(world)
    world.host.reload_ok = False
    with refused("rollback_failed"):
        world.engine().rollback()
    world.host.reload_ok = True
    assert world.engine().recover()["changed"] is True
    assert world.host.loaded == old


# Locks


def test_the_lock_of_a_dead_run_is_told_from_a_living_one(world: World, tmp_path: Path) -> None:
    world.deploy(NEW)
    script = (
        "import os, sys, time\n"
        f"sys.path.insert(0, {importable(tmp_path)!r})\n"
        "from ansible_collections.failsafe.nginx.plugins.module_utils._release.lock import acquire\n"
        f"os.set_inheritable(acquire({str(world.store / 'lock')!r}, 'stage r-1'), True)\n"
        "if os.fork():\n    os._exit(0)\n"
        "print(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.wait(60)
        try:
            with refused("locked", r"stage r-1 by pid \d+ on \S+ for \d+ s, which is dead, .*fuser"):
                world.engine().rollback()
        finally:
            os.kill(child, 9)


def test_one_rollout_holds_a_host(world: World) -> None:
    one, other = {"rollout": "one", "metadata": {"who": "anna", "why": "T-1"}}, {"rollout": "other"}
    staged = world.engine(**one).stage(NEW)
    assert staged["rollout"]["id"] == "one"
    assert staged["rollout"]["holder"] == "anna T-1"
    for settings in (other, {}):
        for check_only in (True, False):
            with refused("rollout", r"rollout one \(anna T-1\) holds this host since .* for \d+ s.*unlock"):
                world.engine(**settings).stage(NEWER, check_only=check_only)
        with refused("rollout"):
            world.engine(**settings).activate(staged["release"], reload=True)
        with refused("rollout"):
            world.engine(**settings).adopt()
    assert world.engine(**one).activate(staged["release"], reload=True)["rollout"]["id"] == "one"
    assert world.engine(**one).confirm(staged["release"])["changed"] is True
    assert world.engine().status()["rollout"] is None
    assert world.engine(**other).stage(NEWER)["rollout"]["id"] == "other"


def test_a_rollback_is_never_refused(world: World) -> None:
    older = world.deploy(NEW)
    world.deploy(NEWER)
    world.engine(rollout="one").stage(of({"conf.d/a.conf": "third"}))
    assert world.engine().rollback(older)["state"] == "rolled_back"
    assert world.engine().status()["rollout"]["id"] == "one"
    assert world.engine(rollout="one").rollback()["changed"] is False
    assert world.engine().status()["rollout"] is None


def test_a_host_that_has_nothing_to_do_is_not_held(world: World) -> None:
    world.deploy(NEW)
    assert world.engine(rollout="one").stage(NEW)["rollout"] is None
    world.engine(rollout="one").stage(NEWER)
    assert world.engine(rollout="one").stage(NEW)["rollout"] is None  # what it held before is given back


def test_a_refused_stage_holds_nothing(world: World) -> None:
    world.deploy(NEW)
    with refused("invalid"):
        world.engine(rollout="one").stage(of({"conf.d/a.conf": "BROKEN"}))
    assert world.engine().status()["rollout"] is None


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_a_rollout_with_an_odd_name_is_refused(world: World, name: str) -> None:
    with refused("options", "printable"):
        world.engine(rollout=name).stage(NEW)


def test_unlocking(world: World) -> None:
    assert world.engine().unlock() == {"release": None, "state": "unlocked", "changed": False}
    world.engine(rollout="one").stage(NEW)
    assert world.engine(rollout="other").unlock()["changed"] is False
    assert world.engine(rollout="one").unlock()["changed"] is True
    world.engine(rollout="one").stage(NEW)
    result = world.engine().unlock()
    assert (result["changed"], result["rollout"]) == (True, None)
    assert events(world)[-1] == "unlocked"


@pytest.mark.parametrize("end", ["ttl", "reboot"])
def test_a_reservation_ends_by_itself(world: World, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    world.engine(rollout="one").stage(NEW)
    if end == "ttl":
        edit_note(world, "rollout.json", until=time_.boottime())
    else:
        reboot(world, monkeypatch, nginx=True)
    assert world.engine(rollout="other").stage(NEWER)["rollout"]["id"] == "other"
    with refused("rollout"):
        world.engine(rollout="one").activate("r-000000000000", reload=True)


def test_the_end_of_a_lease_gives_the_host_back(world: World) -> None:
    # Its run is dead. The next run must not wait for the rest of its time, nor must a person unlock by hand.
    world.deploy(NEW)
    activate(world, rollout="one")
    edit_note(world, "lease.json", until=0)
    world.engine().expire(lease(world)["token"])
    assert world.engine(rollout="other").stage(NEWER)["rollout"]["id"] == "other"


def test_the_age_and_the_name_of_a_hold_survive_its_renewal(world: World) -> None:
    release = world.engine(rollout="one", metadata={"who": "anna"}).stage(NEW)["release"]
    edit_note(world, "rollout.json", began=time_.boottime() - 500)
    held = world.engine(rollout="one").activate(release, reload=True)["rollout"]
    assert (held["age"] >= 500, held["holder"]) == (True, "anna")


# Drift


def test_drift_is_shown_with_what_changed(world: World) -> None:
    secret = CandidateEntry("key.pem", "file", None, b"k1", secret=True)
    files = {"a": "1\n2\n3\n", "b": "x\n", "c": "x\n", "d": "x\n", "t": "token hunter2-s3cret\n"}
    entries = (*of(files).entries, secret)
    world.deploy(HostCandidate(entries, ("hunter2-s3cret",)))
    (world.config_dir / "a").write_text("1\nTWO\n3\n")
    (world.config_dir / "b").unlink()
    (world.config_dir / "c").chmod(0o600)
    (world.config_dir / "d").unlink()
    (world.config_dir / "d").symlink_to("a")
    (world.config_dir / "t").write_text("token hunter2-s3cret\nmore\n")
    (world.config_dir / "key.pem").write_text("k2")
    rows = {row["path"]: row for row in world.engine().drift_diff()}
    assert {path: row["change"] for path, row in rows.items()} == {
        "a": "modified", "b": "removed", "c": "mode", "d": "replaced", "t": "modified", "key.pem": "modified",
    }  # fmt: skip
    assert (rows["a"]["added"], rows["a"]["removed"]) == (1, 1)
    assert "-2\n+TWO" in rows["a"]["diff"]
    assert "hunter2" not in json.dumps(rows)
    assert "not shown" in rows["key.pem"]["diff"]
    assert "k2" not in rows["key.pem"]["diff"]


def test_a_long_drift_is_cut_short(world: World) -> None:
    world.deploy(of({"a": "".join(f"{number}\n" for number in range(500))}))
    (world.config_dir / "a").write_text("")
    row = world.engine().drift_diff()[0]
    assert row["removed"] == 500
    assert row["diff"].endswith("more lines)")


def test_drift_is_adopted(world: World) -> None:
    before = world.deploy(NEWER)
    world.put("conf.d/a.conf", "by hand")
    (world.config_dir / "conf.d/b.conf").unlink()
    assert world.engine().drift() == ["conf.d/a.conf", "conf.d/b.conf"]
    live, world.host.calls = world.live(), []
    result = world.engine().adopt()
    assert (result["changed"], result["drift"]) == (True, ["conf.d/a.conf", "conf.d/b.conf"])
    assert world.host.calls == ["validate", "reload"]
    assert world.live() == live
    assert world.engine().status()["confirmed"] == result["release"] != before
    assert world.engine().drift() == []
    assert world.engine().adopt()["changed"] is False
    world.deploy(of({"conf.d/a.conf": "third"}))
    assert world.engine().rollback(result["release"])["state"] == "rolled_back"
    assert world.live() == live


def test_drift_that_nginx_refuses_is_not_adopted(world: World) -> None:
    before = world.deploy(NEW)
    world.put("conf.d/a.conf", "BROKEN")
    with refused("invalid", "not adopted"):
        world.engine().adopt()
    assert world.engine().status()["confirmed"] == before
    assert world.engine().drift() == ["conf.d/a.conf"]
    world.put("conf.d/a.conf", "loads, but not here")
    world.host.reload_ok = False
    with refused("reload"):
        world.engine().adopt()
    assert world.engine().status()["confirmed"] == before


def test_adopted_secrets_stay_secret(world: World) -> None:
    world.deploy(HostCandidate((CandidateEntry("key.pem", "file", None, b"k1", secret=True),)))
    (world.config_dir / "key.pem").write_text("k2")
    world.engine().adopt()
    (world.config_dir / "key.pem").write_text("k3")
    assert "k3" not in world.engine().drift_diff()[0]["diff"]


def test_nothing_to_adopt_without_a_store(world: World) -> None:
    with refused("order"):
        world.engine().adopt()
