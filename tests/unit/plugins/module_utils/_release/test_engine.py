# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S607 - mount is where PATH says
"""The states of one host, with an nginx that does what the test says."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import socket
import subprocess
import zlib
from pathlib import Path

import pytest
from json_engine import JsonEngine
from release_world import Master, World, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release.clock import ticks
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.journal import JournalLine, brief
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings

NEW = of({"conf.d/a.conf": "new"})
NEWER = of({"conf.d/a.conf": "newer", "conf.d/b.conf": "more"})
BROKEN = of({"conf.d/a.conf": "BROKEN"})


def refused(code: str, match: str | None = None) -> pytest.RaisesExc[ReleaseError]:
    return pytest.raises(ReleaseError, match=match, check=lambda error: error.code == code)


def test_the_way_of_a_release(world: World) -> None:
    staged = world.engine().stage(NEW)
    release = staged["release"]
    assert (staged["state"], staged["changed"], staged["modified"], staged["added"]) == (
        "staged",
        True,
        ["conf.d/a.conf"],
        [],
    )
    assert world.live() == world.original
    switched = world.engine().activate(release, reload=False)
    assert (switched["phase"], switched["reload_needed"], switched["changed"]) == ("switched", True, True)
    assert world.live()["conf.d/a.conf"][2] == b"new"
    assert world.host.loaded == world.original
    gated = world.engine().activate(release, reload=True)
    assert (gated["phase"], gated["reload_needed"]) == ("gated", False)
    assert world.host.loaded == world.live()
    assert world.engine().activate(release, reload=True)["changed"] is False
    assert world.engine().confirm(release)["changed"] is True
    assert world.engine().confirm(release)["changed"] is False
    assert world.engine().status() == {
        "confirmed": release,
        "previous": world.engine().state()["adopted"],
        "active": None,
        "phase": None,
        "staged": None,
        "trouble": None,
        "running": release,
        "interrupted": False,
        "lease": None,
        "rollout": None,
        "releases": world.engine().status()["releases"],
    }
    events = [row["event"] for row in world.engine().history()[::-1]]
    lease = ["lease_armed", "activating", "activated", "lease_renewed", "reload", "gate", "lease_renewed"]
    assert events == ["staged", *lease, "confirmed"]
    assert [row["seq"] for row in world.engine().history()] == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_a_host_that_is_there_already_is_left_alone(world: World) -> None:
    release = world.deploy(NEW)
    before, world.host.calls = world.kept(), []
    result = world.engine().stage(NEW)
    assert (result["changed"], result["state"], result["release"]) == (False, "confirmed", release)
    assert world.host.calls == []
    assert world.kept() == before


@pytest.mark.parametrize("fresh", [True, False])
def test_a_refused_candidate_leaves_no_trace(world: World, *, fresh: bool) -> None:
    if not fresh:
        world.deploy(NEW)
    live, store = world.live(), world.kept()
    with refused("invalid", "unknown directive in a.conf"):
        world.engine().stage(BROKEN)
    assert (world.live(), world.kept()) == (live, store)
    assert fresh is (store is None)


@pytest.mark.parametrize("fresh", [True, False])
def test_check_mode_tells_the_same_and_leaves_no_trace(world: World, *, fresh: bool) -> None:
    if not fresh:
        world.deploy(NEW)
    live, store = world.live(), world.kept()
    foreseen = world.engine().stage(NEWER, check_only=True)
    assert (world.live(), world.kept()) == (live, store)
    done = world.engine().stage(NEWER)
    same = ("release", "state", "changed", "added", "modified", "removed", "diff")
    assert {name: foreseen[name] for name in same} == {name: done[name] for name in same}


def test_check_mode_after_a_run_that_died(world: World) -> None:
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=False)
    expire(world)
    live, store = world.live(), world.kept()
    foreseen = world.engine().stage(NEWER, check_only=True)
    assert foreseen["diff"][0]["before"] == "old"
    assert foreseen["changed"] is True
    assert (world.live(), world.kept()) == (live, store)


def test_unmanaged_files_survive_and_their_changes_too(world: World) -> None:
    release = world.deploy(of({"conf.d/a.conf": "new", "extra/x.conf": "x"}))
    (world.config_dir / "certbot.conf").write_text("theirs")
    (world.config_dir / "mime.types").write_text("changed by a package")
    world.deploy(NEWER)
    assert world.live()["certbot.conf"][2] == b"theirs"
    assert "extra" not in world.live()
    (world.config_dir / "certbot.conf").write_text("theirs, renewed")
    world.engine().rollback(release)
    live = world.live()
    assert (live["certbot.conf"][2], live["mime.types"][2], live["extra/x.conf"][2]) == (
        b"theirs, renewed",
        b"changed by a package",
        b"x",
    )
    assert "conf.d/b.conf" not in live


def test_back_to_what_the_host_had_before_us(world: World) -> None:
    world.deploy(NEW)
    world.deploy(NEWER)
    adopted = world.engine().state()["adopted"]
    result = world.engine().rollback(adopted)
    assert (result["state"], result["changed"]) == ("rolled_back", True)
    assert world.live() == world.original
    assert world.engine().status()["confirmed"] == adopted
    assert world.host.loaded == world.original


def test_drift_is_refused_and_named_or_kept(world: World) -> None:
    release = world.deploy(NEW)
    world.put("conf.d/a.conf", "by hand")
    store = world.kept()
    with refused("drift", "conf.d/a.conf") as caught:
        world.engine().stage(NEWER)
    assert caught.value.details["drift"] == ["conf.d/a.conf"]
    assert world.kept() == store
    assert world.engine().drift() == ["conf.d/a.conf"]
    staged = world.engine(on_drift="overwrite").stage(NEWER)
    assert staged["drift"] == ["conf.d/a.conf"]
    world.engine().activate(staged["release"], reload=True)
    stored = [world.engine().store.releases.read(name) for name in world.engine().status()["releases"]]
    kept = [one for one in stored if one.kind == "drift"]
    assert world.engine().store.releases.files(kept[0]).read("conf.d/a.conf") == b"by hand"
    world.engine().rollback()
    assert world.live()["conf.d/a.conf"][2] == b"new"
    assert world.engine().status()["confirmed"] == release


@pytest.mark.parametrize("edit", ["content", "gone", "mode", "link", "new"])
def test_an_edit_between_stage_and_activate_stops_everything(world: World, edit: str) -> None:
    world.deploy(NEW)
    release = world.engine().stage(NEWER)["release"]
    place = world.config_dir / "conf.d/a.conf"
    if edit == "content":
        place.write_text("by hand")
    elif edit == "mode":
        place.chmod(0o600)
    elif edit == "new":
        place = world.config_dir / "conf.d/b.conf"
        place.write_text("by hand")
    else:
        place.unlink()
        if edit == "link":
            place.symlink_to("../mime.types")
    live = world.live()
    with refused("edited", place.name):
        world.engine().activate(release, reload=True)
    assert world.live() == live


@pytest.mark.parametrize("edit", ["changed", "gone", "new"])
def test_an_edit_of_an_unmanaged_file_voids_the_validation(world: World, edit: str) -> None:
    release = world.engine().stage(NEW)["release"]
    place = world.config_dir / ("conf.d/certbot.conf" if edit == "new" else "mime.types")
    place.unlink() if edit == "gone" else place.write_text("renewed")
    live = world.live()
    with refused("edited", place.name):
        world.engine().activate(release, reload=True)
    assert world.live() == live
    assert world.engine().status()["lease"] is None
    world.deploy(NEW)
    assert world.live()["conf.d/a.conf"][2] == b"new"


def test_a_failing_reload_or_gate_fails_and_a_rollback_works(world: World) -> None:
    world.deploy(NEW)
    old = world.live()
    for what in ("reload", "gate"):
        release = world.engine().stage(NEWER)["release"]
        world.host.reload_ok, world.host.gate_ok = what != "reload", what != "gate"
        with refused(what, "bind" if what == "reload" else "500"):
            world.engine().activate(release, reload=True)
        with refused("order", "switched" if what == "reload" else "running"):
            world.engine().confirm(release)
        assert world.live() != old
        world.host.reload_ok, world.host.calls = True, []
        result = world.engine().rollback()
        assert (result["changed"], result["state"]) == (True, "rolled_back")
        assert world.live() == old == world.host.loaded
        assert world.host.calls == ["reload", "gate"]
        assert world.engine().rollback()["changed"] is False


def test_rollback_on_failure(world: World) -> None:
    world.deploy(NEW)
    old, release = world.live(), world.engine().stage(NEWER)["release"]
    world.host.gate_ok = False
    with refused("gate") as caught:
        world.engine().activate(release, reload=True, rollback_on_failure=True)
    assert caught.value.details["rollback"]["state"] == "rolled_back"
    assert world.live() == old == world.host.loaded


def test_rolling_back_before_the_reload_needs_none(world: World) -> None:
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=False)
    world.host.calls = []
    world.engine().rollback()
    assert world.host.calls == []
    assert world.live() == world.original


def test_a_rollback_that_fails_is_loud_and_can_be_repeated(world: World) -> None:
    world.deploy(NEW)
    old, release = world.live(), world.engine().stage(NEWER)["release"]
    world.host.reload_ok = False
    with refused("reload"):
        world.engine().activate(release, reload=True)
    with refused("rollback_failed", "ROLLBACK FAILED: the files of .* are restored; .*bind"):
        world.engine().rollback()
    assert world.live() == old
    assert world.engine().status()["running"] is None
    world.host.reload_ok = True
    assert world.engine().rollback()["changed"] is True
    assert world.engine().status()["running"] == world.engine().status()["confirmed"]


def test_edits_made_on_trial_are_kept_when_it_is_rolled_back(world: World) -> None:
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=True)
    world.put("conf.d/a.conf", "by hand")
    result = world.engine().rollback()
    assert result["edited"] == ["conf.d/a.conf"]
    store = world.engine().store
    assert store.releases.files(store.releases.read(result["kept"])).read("conf.d/a.conf") == b"by hand"
    assert world.live() == world.original


def test_nginx_that_did_not_run_is_started_and_stopped_again(world: World) -> None:
    world.host.process = world.host.loaded = None
    release = world.engine().stage(NEW)["release"]
    world.host.gate_ok = False
    with refused("gate"):
        world.engine().activate(release, reload=True)
    assert "start" in world.host.calls
    assert "baseline" not in world.host.calls
    assert world.engine().rollback()["stopped"] is True
    assert world.host.process is None
    assert world.live() == world.original


def expire(world: World) -> None:
    """Let the time in which the active release could be confirmed be over."""
    place = world.store / "lease.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "until": 0}))


def test_a_second_deploy_may_not_stage_while_the_first_may_still_confirm(world: World) -> None:
    world.deploy(NEW)
    release = world.engine().stage(NEWER)["release"]
    world.engine().activate(release, reload=True)
    for check_only in (False, True):
        with refused("on_trial", f"another run activated {release}"):
            world.engine().stage(of({"conf.d/a.conf": "third"}), check_only=check_only)
    assert world.engine().confirm(release)["changed"]


def test_what_a_dead_run_left_is_rolled_back_by_the_next_stage(world: World) -> None:
    world.deploy(NEW)
    release = world.engine().stage(NEWER)["release"]
    world.engine().activate(release, reload=True)
    expire(world)
    result = world.engine().stage(of({"conf.d/a.conf": "third"}))
    assert release in result["recovered"][0]
    assert world.live()["conf.d/a.conf"][2] == b"new"
    assert world.host.loaded == world.live()
    with refused("order", "neither staged nor active"):
        world.engine().activate(release, reload=True)


def test_a_restart_of_nginx_is_told_from_an_old_generation(world: World) -> None:
    release = world.deploy(NEW)
    world.host.process = Master(3000, ticks() + 100)
    assert world.engine().status()["running"] == release
    assert world.engine().stage(NEW)["changed"] is False
    world.host.process = Master(4000, 1)  # older than the switch: it cannot have read these files
    assert world.engine().status()["running"] is None
    (world.config_dir / "mime.types").write_text("renewed")
    staged = world.engine().stage(NEW)
    assert (staged["changed"], staged["state"], staged["modified"]) == (True, "staged", [])
    assert world.engine().activate(staged["release"], reload=True)["phase"] == "gated"
    assert world.engine().confirm(release)["changed"] is True


def test_confirming_what_stopped_running_is_refused(world: World) -> None:
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=True)
    world.host.process = None
    with refused("order", "stopped"):
        world.engine().confirm(release)


def test_a_current_configuration_that_does_not_load_is_refused(world: World) -> None:
    world.put("conf.d/a.conf", "BROKEN")
    with refused("no_rollback", "could not be rolled back"):
        world.engine().stage(NEW)
    assert not world.store.exists()
    staged = world.engine(require_rollback=False).stage(NEW)
    assert "require_rollback is off" in staged["validation"]["limits"][0]
    assert staged["_dump_current"] is None


def test_a_host_without_a_main_file_says_that_it_has_no_rollback(world: World) -> None:
    (world.config_dir / "nginx.conf").unlink()
    staged = world.engine().stage(of({"nginx.conf": "x"}))
    assert "nothing to roll back to" in staged["validation"]["limits"][0]


def test_the_dumps_are_packed_for_the_action(world: World) -> None:
    staged = world.engine().stage(NEW)
    assert zlib.decompress(base64.b64decode(staged["_dump"])).startswith(b"dump of ")
    assert zlib.decompress(base64.b64decode(staged["_dump_current"])).startswith(b"dump of ")
    assert staged["_dump"] != staged["_dump_current"]


def test_two_hosts_with_the_same_store_are_refused(world: World, tmp_path: Path) -> None:
    world.deploy(NEW)
    with refused("owner", "two hosts with the same store.*web1.*web2"):
        world.engine(owner="web2").stage(NEWER)
    other = tmp_path / "other"
    other.mkdir()
    with refused("owner", str(other)):
        world.engine(config_dir=str(other)).rollback()
    assert world.engine(owner=None).rollback()["changed"] is False


def test_special_files_are_left_alone(world: World) -> None:
    os.mkfifo(world.config_dir / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(world.config_dir / "s"))
        staged = world.engine().stage(NEW)
        assert staged["special"] == ["pipe", "s"]
        with refused("conflict", "socket, device or FIFO"):
            world.engine().stage(of({"pipe": "x"}))
        world.engine().activate(staged["release"], reload=True)
        assert {"pipe", "s"} <= set(world.live())


def test_a_link_in_the_way_is_never_followed(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (world.config_dir / "sites").symlink_to(outside)
    with refused("conflict", "sites is a link"):
        world.engine().stage(of({"sites/x.conf": "x"}))
    release = world.engine().stage(of({"d/x.conf": "x"}))["release"]
    (world.config_dir / "d").symlink_to(outside)  # slipped in after staging
    with pytest.raises(ReleaseError):
        world.engine().activate(release, reload=True)
    assert list(outside.iterdir()) == []


def test_names_that_are_not_utf_8_survive(world: World) -> None:
    odd = os.fsencode(str(world.config_dir)) + b"/conf.d/\xff\xfe.conf"
    with open(odd, "wb") as file:
        file.write(b"x")
    before = world.live()
    release = world.deploy(NEW)
    adopted = world.engine().state()["adopted"]
    assert release != adopted
    world.engine().rollback(adopted)
    assert world.live() == before


def test_modes_are_kept_given_and_defaulted(world: World) -> None:
    (world.config_dir / "conf.d/a.conf").chmod(0o640)
    wanted = HostCandidate(
        (
            CandidateEntry("conf.d/a.conf", "file", None, b"new"),
            CandidateEntry("run.sh", "file", 0o755, b"x"),
            CandidateEntry("key.pem", "file", None, b"k", secret=True),
            CandidateEntry("d/plain", "file", None, b"x"),
        )
    )
    world.deploy(wanted, file_mode=0o604, directory_mode=0o711)
    modes = {path: oct(row[1]) for path, row in world.live().items()}
    assert modes["conf.d/a.conf"] == "0o640"
    assert (modes["run.sh"], modes["key.pem"], modes["d/plain"], modes["d"]) == ("0o755", "0o600", "0o604", "0o711")


@pytest.mark.root
def test_owners_are_kept(world: World) -> None:
    os.chown(world.config_dir / "conf.d/a.conf", 33, 34)
    world.deploy(NEW)
    info = (world.config_dir / "conf.d/a.conf").stat()
    assert (info.st_uid, info.st_gid) == (33, 34)


def test_secrets_appear_nowhere(world: World) -> None:
    world.put("token.conf", "token old-hunter2;")
    secret = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\n"
    wanted = HostCandidate(
        (
            CandidateEntry("token.conf", "file", None, b"token hunter2-s3cret;"),
            CandidateEntry("key.pem", "file", None, secret.encode()),
            CandidateEntry("hush", "file", None, b"quiet words", secret=True),
        ),
        ("hunter2-s3cret",),
    )
    engine = world.engine()
    shown = ""
    for _time in range(2):
        result = engine.stage(wanted)
        shown += json.dumps(
            engine.engine.context.redact({name: value for name, value in result.items() if not name.startswith("_")})
        )
        engine.activate(result["release"], reload=True)
        engine.confirm(result["release"])
        wanted = wanted._replace(entries=wanted.entries[1:])
    shown += (world.store / "journal.jsonl").read_text() + (world.store / "state.json").read_text()
    for word in ("hunter2-s3cret", "MIIabc", "quiet words"):
        assert word not in shown
    assert "********" in shown


def test_the_store_is_for_its_owner_only(world: World) -> None:
    world.store.mkdir(mode=0o755)
    world.deploy(NEW)
    assert world.store.stat().st_mode & 0o777 == 0o700
    assert (world.store / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", ["activate", "confirm", "rollback", "remove", "recover"])
def test_steps_on_a_host_without_a_store(world: World, step: str) -> None:
    engine = world.engine()
    if step == "rollback":
        assert engine.rollback() == {"release": None, "state": "absent", "changed": False}
        with refused("unknown_release"):
            engine.rollback("r-000000000000")
    elif step in ("remove", "recover"):
        assert (engine.remove("r-0") if step == "remove" else engine.recover())["changed"] is False
    else:
        with refused("order", "stage one first"):
            engine.activate("r-0", reload=True) if step == "activate" else engine.confirm("r-0")
    assert not world.store.exists()


def test_removing_and_pruning_spare_what_is_needed(world: World) -> None:
    releases = [world.deploy(of({"conf.d/a.conf": f"number {number}"}), keep=2) for number in range(4)]
    stored = world.engine().status()["releases"]
    adopted = world.engine().state()["adopted"]
    assert adopted in stored
    assert releases[-1] in stored
    assert len(stored) == 3
    for name in (adopted, releases[-1]):
        with refused("order", "needed"):
            world.engine().remove(name)
    staged = world.engine().stage(NEW)["release"]
    assert world.engine().remove(staged)["changed"] is True
    assert world.engine().remove(staged)["changed"] is False
    assert world.engine().status()["staged"] is None


def test_the_release_before_is_kept_whatever_is_pruned(world: World) -> None:
    first, second = world.deploy(NEW), world.engine().stage(NEWER)
    assert second["previous"] == first
    world.engine().activate(second["release"], reload=True)
    assert world.engine(keep=0).confirm(second["release"])["pruned"] == []
    assert world.engine().status()["previous"] == first
    third = world.deploy(of({"conf.d/a.conf": "third"}), keep=0)
    assert set(world.engine().status()["releases"]) == {
        third,
        second["release"],
        world.engine().state()["adopted"],
    }
    assert world.engine().rollback(second["release"])["state"] == "rolled_back"


def test_a_rollback_leaves_a_candidate_that_is_only_staged(world: World) -> None:
    world.deploy(NEW)
    staged = world.engine().stage(NEWER)["release"]
    result = world.engine().rollback()
    assert result["changed"] is False
    assert staged in result["older"]
    assert world.engine().status()["staged"] == staged


@pytest.mark.parametrize(
    ("store", "words"),
    [("relative/store", "absolute"), ("{config}/store", "may not lie in each other"), ("{config}", "may not lie")],
)
def test_a_store_in_a_place_that_cannot_work_is_refused(world: World, store: str, words: str) -> None:
    with refused("options", words):
        JsonEngine(Settings(store=store.format(config=world.config_dir), config_dir=str(world.config_dir)))
    with refused("options", "may not lie in each other"):
        JsonEngine(Settings(store=str(world.config_dir.parent), config_dir=str(world.config_dir)))


def test_a_failed_rollback_is_remembered_until_one_succeeds(world: World) -> None:
    world.deploy(NEW)
    release = world.engine().stage(NEWER)["release"]
    world.engine().activate(release, reload=True)
    world.host.reload_ok = False
    with refused("rollback_failed", "ROLLBACK FAILED"):
        world.engine().rollback()
    assert world.engine().status()["trouble"]
    world.host.reload_ok = True
    world.engine().rollback()
    assert world.engine().status()["trouble"] is None


def test_rollback_to_an_unknown_or_hostile_id(world: World) -> None:
    world.deploy(NEW)
    for name in ("r-000000000000", "../releases", "."):
        with refused("unknown_release"):
            world.engine().rollback(name)


def test_a_rollback_to_an_older_release_that_fails_its_gate_returns(world: World) -> None:
    older, newer = world.deploy(NEW), world.deploy(NEWER)
    live, world.host.gate_ok = world.live(), False
    with refused("gate") as caught:
        world.engine().rollback(older)
    assert caught.value.details["rollback"]["release"] == newer
    assert world.live() == live == world.host.loaded
    assert world.engine().status()["confirmed"] == newer


def test_a_wrong_gate_is_refused_before_anything_changes(world: World) -> None:
    release = world.engine().stage(NEW)["release"]
    with refused("nginx", "no such check"):
        world.engine().activate(release, reload=True, gate={"wrong": True})
    assert world.live() == world.original


def test_a_second_engine_is_turned_away_and_told_who_is_first(world: World) -> None:
    world.deploy(NEW)
    with world.engine().store.lock("another deploy"):
        for act in (lambda: world.engine().stage(NEWER), lambda: world.engine().rollback()):
            with refused("locked", rf"another deploy by pid {os.getpid()} on \S+ for \d+ s"):
                act()
    assert world.engine().stage(NEWER)["changed"] is True


def test_a_journal_with_a_torn_line_goes_on(world: World) -> None:
    world.deploy(NEW)
    with open(world.store / "journal.jsonl", "a") as file:
        file.write('{"seq": 99, "eve')
    world.engine().stage(NEWER)
    rows = world.engine().history()
    assert [row["seq"] for row in rows] == list(range(len(rows), 0, -1))
    assert rows[0]["event"] == "staged"


def test_the_journal_is_bounded(world: World) -> None:
    world.deploy(NEW)
    place = world.store / "journal.jsonl"
    line = {**world.engine().history()[0], "event": "reload", "details": {"reason": "x" * 1000}}
    last = line["seq"] + 3000
    place.write_text("".join(json.dumps({**line, "seq": number}) + "\n" for number in range(last + 1)))
    world.deploy(NEWER)
    assert place.stat().st_size < 1_200_000
    numbers = [row["seq"] for row in world.engine().history()]
    assert numbers[0] > last
    assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))


@pytest.mark.parametrize("text", ["{", '{"schema": 99}', ""])
def test_a_damaged_state_is_an_error_not_a_guess(world: World, text: str) -> None:
    world.deploy(NEW)
    (world.store / "state.json").write_text(text)
    live = world.live()
    with refused("store"):
        world.engine().stage(NEWER)
    assert world.live() == live


@pytest.mark.root
@pytest.mark.parametrize("full", ["store", "config"])
def test_a_full_disk_is_an_error_that_changes_nothing(world: World, full: str) -> None:
    world.deploy(NEW)
    place = world.store if full == "store" else world.config_dir
    aside = place.with_name("aside")
    place.rename(aside)
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(place)], check=True, timeout=120)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(place)], check=True, timeout=120)
        big = of({f"conf.d/{number}.conf": os.urandom(100_000) for number in range(15)})
        live, store = world.live(), world.kept()
        if full == "store":
            with refused("no_space", str(world.store)):
                world.engine().stage(big)
            assert world.kept() == store
        else:
            release = world.engine().stage(big)["release"]
            with refused("no_space", str(world.config_dir)):
                world.engine().activate(release, reload=True)
            assert world.engine().status()["interrupted"] is False
        assert world.live() == live
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=120)


def test_no_configuration_folder(world: World, tmp_path: Path) -> None:
    with refused("folder", "is nginx installed"):
        world.engine(config_dir=str(tmp_path / "none")).stage(NEW)


def test_a_stage_that_fails_at_its_last_write_takes_everything_back(world: World) -> None:
    world.deploy(NEW)
    (world.config_dir / "mime.types").write_text("changed, so that the confirmed release is refreshed too")
    store = world.kept()
    journaled = False

    def before(step: str) -> None:
        nonlocal journaled
        journaled = journaled or step == "append to journal.jsonl"
        if journaled and step.startswith("write "):
            raise ReleaseError("no space left", "no_space")

    engine = world.engine(before)
    with refused("no_space"):
        engine.stage(NEWER)
    assert journaled
    assert engine.store.journal.written == []
    assert world.kept() == store


def test_a_lock_that_its_last_holder_removed_is_taken_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deploy(NEW)
    lock, flock, holders = world.store / "lock", fcntl.flock, ["one that made the store for nothing and removes it"]

    def late(handle: int, operation: int) -> None:
        if holders:
            holders.pop()
            lock.unlink()
            lock.touch()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with world.engine().store.lock("first"), refused("locked", "first by pid"):
        world.engine().rollback()


def test_what_a_controller_gets_of_the_journal_is_small() -> None:
    given = {"few": ["a"], "many": ["a"] * 21, "gate": {"reason": "x" * 501}}
    shown = brief([JournalLine("now", 1, "staged", None, given, {"who": "me"})] * 60)
    assert len(shown) == 50
    details = {"few": ["a"], "many": 21, "gate": {"reason": "x" * 500 + "..."}}
    assert shown[0] == {"time": "now", "seq": 1, "event": "staged", "release": None, "details": details}
