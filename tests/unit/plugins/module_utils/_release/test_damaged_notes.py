# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Damaged files of the store: no traceback, and no lease of an active release is lost in silence."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from release_world import World, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release import watch
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError

NEW = of({"conf.d/a.conf": "new"})
DEEP = "[" * 10**5
#: Contents of a lease or a reservation, and what the warning says of each.
DAMAGED = {
    "": "Expecting value",
    "[]": "an object is needed, not a list",
    "\x00": "Expecting value",
    DEEP: "lists and objects are nested too deeply",
}


def trial(world: World) -> dict[str, t.Any]:
    """Activate a release, and return its lease."""
    engine = world.engine(rollout="R1")
    engine.activate(engine.stage(NEW)["release"], reload=True)
    found: dict[str, t.Any] = json.loads((world.store / "lease.json").read_text())
    return found


@pytest.mark.parametrize("person", [1000, True, 1.5, "alice", "", ["a"], {"a": 1}, None])
def test_any_person_of_the_first_version_keeps_the_lease(world: World, person: object) -> None:
    lease = trial(world)
    (world.store / "lease.json").write_text(json.dumps({**lease, "who": person}))
    assert world.engine().status()["lease"]["release"] == lease["release"]
    assert world.engine().recover()["recovered"] == []
    with pytest.raises(ReleaseError) as failure:
        world.engine(rollout="R1").stage(of({"conf.d/a.conf": "newer"}))
    assert failure.value.code == "on_trial"
    (world.store / "lease.json").write_text(json.dumps({**lease, "who": person, "until": 0}))
    assert world.engine().expire(lease["token"])["state"] == "rolled_back"


@pytest.mark.parametrize(("text", "problem"), DAMAGED.items(), ids=["empty", "list", "binary", "deep"])
@pytest.mark.parametrize("name", ["lease.json", "rollout.json"])
def test_a_damaged_note_is_told_and_ends(world: World, name: str, text: str, problem: str) -> None:
    trial(world)
    (world.store / name).write_text(text)
    engine = world.engine()
    assert engine.status()["lease" if name == "lease.json" else "rollout"] is None
    (warning,) = engine.warnings
    assert warning.startswith(f"{world.store / name} is damaged and counts as ended: {problem}")
    engine = world.engine()
    assert bool(engine.recover()["recovered"]) is (name == "lease.json")
    assert engine.warnings == ([warning] if name == "lease.json" else [])
    world.engine().rollback()
    assert world.engine().status()["active"] is None


@pytest.mark.parametrize("name", ["lease.json", "rollout.json"])
@pytest.mark.parametrize("value", [10**400, float("inf"), float("nan"), "soon", None])
def test_an_impossible_end_is_named(world: World, name: str, value: object) -> None:
    trial(world)
    place = world.store / name
    place.write_text(json.dumps({**json.loads(place.read_text()), "until": value}))
    engine = world.engine()
    assert engine.status()["lease" if name == "lease.json" else "rollout"] is None
    assert f"{name} is damaged and counts as ended: until: " in engine.warnings[0]


def test_a_rollout_without_an_end_is_refused(world: World) -> None:
    with pytest.raises(ReleaseError, match="rollout_ttl has to be a number of seconds") as failure:
        world.engine(rollout="R1", rollout_ttl=float("inf")).stage(NEW)
    assert failure.value.code == "options"


@pytest.mark.parametrize("text", [DEEP, '{"schema": 1, "confirmed": ' + DEEP])
def test_a_state_nested_too_deeply_is_damaged(world: World, text: str) -> None:
    trial(world)
    (world.store / "state.json").write_text(text)
    for step in (world.engine().status, world.engine().recover, world.engine().rollback):
        with pytest.raises(ReleaseError, match=r"state.json is damaged: lists and objects are nested too deeply"):
            step()


def test_a_line_nested_too_deeply_is_left_out_of_the_history(world: World) -> None:
    trial(world)
    known = world.engine().history()
    with open(world.store / "journal.jsonl", "a", encoding="ascii") as file:
        file.write(DEEP + "\n")
    assert world.engine().history() == known
    assert world.engine().rollback()["changed"] is True
    assert world.engine().history()[-1:] == known[-1:]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "null", "{}", DEEP, '{"token": "T"}', '{"token": "T", "boot": "b", "until": null}',
     '{"token": "T", "boot": "b", "until": 1' + "0" * 400 + "}"],
)  # fmt: skip
def test_the_watcher_looks_again_at_a_damaged_lease(tmp_path: Path, text: str) -> None:
    (tmp_path / "lease.json").write_text(text)
    assert watch._left(str(tmp_path / "lease.json"), "T") == watch._LONGEST
