# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stores that the engine of version 0.1.0 wrote: this engine reads them, is killed in its next step, and recovers."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from release_world import importable, of
from stored_host import StoredHost

from ansible_collections.failsafe.nginx.plugins.module_utils._release import watchdog
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError

pytestmark = pytest.mark.nginx

ADOPTED, FIRST, SECOND = "r-372de461ae75", "r-9cde15cd4ac2", "r-b9ac2d5f4666"
ROLLOUT = "alice@control-20261130T120000Z-1a2b"
NAMES = ("idle", "staged", "on_trial", "interrupted", "trouble", "reserved")
#: What the status says of each fixture, beside what all have.
STATUS: dict[str, dict[str, t.Any]] = {
    "idle": {"releases": [ADOPTED, FIRST]},
    "staged": {"staged": SECOND},
    "on_trial": {"active": SECOND, "phase": "gated", "running": SECOND},
    "interrupted": {"staged": SECOND, "interrupted": True},
    "trouble": {"running": None},
    "reserved": {"staged": SECOND},
}
COMMON = {
    "confirmed": FIRST, "previous": ADOPTED, "active": None, "phase": None, "staged": None, "running": FIRST,
    "interrupted": False, "releases": [ADOPTED, FIRST, SECOND],
}  # fmt: skip
FIRST_FILES = {
    "conf.d/a.conf": b"map $host $release { default first; }\n",
    "conf.d/gone.conf": b"map $host $gone { default 1; }\n",
}
SECOND_FILES = {
    "conf.d/a.conf": b"map $host $release { default second; }\n",
    "conf.d/new.conf": b"map $host $new { default 1; }\n",
}
THIRD = {"conf.d/a.conf": "map $host $release { default third; }\n"}

DRIVER = """\
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release import watchdog
from ansible_collections.failsafe.nginx.plugins.module_utils._release.engine import Engine
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
watchdog._SYSTEMD = os.devnull
settings, action, arguments, step, count = json.loads(sys.argv[2])
left = [count]
if "files" in arguments:
    rows = [CandidateEntry(path, "file", None, text.encode()) for path, text in arguments.pop("files").items()]
    arguments = {"candidate": HostCandidate(tuple(rows))}

def before(name):
    if name == step:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

getattr(Engine(Settings(**settings), before=before), action)(**arguments)
"""


class Death(t.NamedTuple):
    """The next step on a host, and the write ahead of which its process is killed."""

    action: str
    step: str
    count: int = 1
    arguments: dict[str, t.Any] = {}  # noqa: RUF012 - read only
    settings: dict[str, t.Any] = {}  # noqa: RUF012
    recovered: str = ""


ACTIVATE = {"release": SECOND, "reload": True}
DEATHS = {
    "idle": Death("stage", "replace state.json", arguments={"files": THIRD}),
    "staged": Death("activate", "replace conf.d/new.conf", arguments=ACTIVATE, recovered="interrupted activate"),
    "on_trial": Death("rollback", "replace conf.d/a.conf", recovered="interrupted rollback"),
    "interrupted": Death("recover", "replace conf.d/a.conf", recovered="interrupted activate"),
    "trouble": Death("recover", "replace state.json", 2, recovered="that failed is complete now"),
    "reserved": Death(
        "activate", "delete conf.d/gone.conf", arguments=ACTIVATE, settings={"rollout": ROLLOUT},
        recovered="interrupted activate",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are watched by processes here; test_systemd.py has the timer."""
    monkeypatch.setattr(watchdog, "_SYSTEMD", os.devnull)


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[StoredHost]:
    host = StoredHost(tmp_path / "host", f"0.1.0/{request.param}")
    yield host
    host.stop()


def die(host: StoredHost, death: Death) -> None:
    """Run a step in a process of its own, which is killed."""
    settings = {**dataclasses.asdict(host.engine().settings), **death.settings}
    del settings["extra"]
    given = json.dumps([settings, death.action, death.arguments, death.step, death.count])
    argv = [sys.executable, "-c", DRIVER, importable(host.top / "lib"), given]
    done = subprocess.run(argv, cwd="/", start_new_session=True, check=False, timeout=600)
    assert done.returncode == -signal.SIGKILL


def managed(host: StoredHost) -> dict[str, bytes]:
    return {path: content for path, content in host.files().items() if path.startswith("conf.d/")}


@pytest.mark.parametrize(("host", "wanted"), STATUS.items(), ids=STATUS, indirect=["host"])
def test_the_status_of_a_stored_host(host: StoredHost, wanted: dict[str, t.Any]) -> None:
    found = host.engine().status()
    trouble, lease, rollout = (found.pop(name) for name in ("trouble", "lease", "rollout"))
    assert found == {**COMMON, **wanted}
    assert ("unexpected end of file" in (trouble or "")) is ("running" in wanted and wanted["running"] is None)
    assert (lease or {}).get("release") == wanted.get("active")
    assert (rollout or {}).get("id") == (ROLLOUT if host.stored("state.json")["settings"]["rollout"] else None)


@pytest.mark.parametrize("host", NAMES, indirect=True)
def test_the_journal_of_a_stored_host(host: StoredHost) -> None:
    rows = [json.loads(line) for line in (host.store / "journal.jsonl").read_text().splitlines()]
    assert host.engine().history() == rows[::-1]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["event"] for row in rows} >= {"staged", "activated", "reload", "gate", "confirmed"}


@pytest.mark.parametrize("host", NAMES, indirect=True)
def test_a_stored_host_is_killed_in_its_next_step_and_recovers(
    host: StoredHost, request: pytest.FixtureRequest
) -> None:
    death = DEATHS[request.node.callspec.params["host"]]
    if host.stored("state.json").get("trouble"):
        host.mend()
    die(host, death)
    done = host.command("recover")
    assert done.returncode == 0, done.stderr
    recovered = json.loads(done.stdout)["recovered"]
    assert recovered == [] if not death.recovered else any(death.recovered in text for text in recovered)
    assert managed(host) == FIRST_FILES
    assert host.command("rollback").returncode == 0
    status = host.engine().status()
    assert {name: status[name] for name in ("confirmed", "active", "running", "trouble", "interrupted", "lease")} == {
        "confirmed": FIRST, "active": None, "running": FIRST, "trouble": None, "interrupted": False, "lease": None,
    }  # fmt: skip
    # It goes on as any host: the next release is staged, activated, proven, gated and confirmed.
    engine = host.engine(**death.settings)
    release = engine.stage(of(THIRD))["release"]
    assert engine.activate(release, reload=True, gate=host.gate())["phase"] == "gated"
    assert engine.confirm(release)["changed"] is True
    assert managed(host) == {path: text.encode() for path, text in THIRD.items()}


@pytest.mark.parametrize("host", ["on_trial"], indirect=True)
def test_a_trial_of_the_former_version_is_renewed_and_confirmed(host: StoredHost) -> None:
    engine = host.engine()
    before = host.stored("lease.json")
    assert engine.activate(SECOND, reload=True)["lease"]["alive"] is True  # its watchdog had died with the fixture
    after = host.stored("lease.json")
    assert (after["token"], after["release"]) == (before["token"], SECOND)
    assert after["pid"] != before["pid"]
    assert engine.confirm(SECOND)["changed"] is True
    assert managed(host) == SECOND_FILES
    assert host.stored("state.json")["version"] == "0.2.0"


@pytest.mark.parametrize("host", ["on_trial"], indirect=True)
def test_a_lease_of_the_former_version_ends(host: StoredHost) -> None:
    lease = host.stored("lease.json")
    host.edit("lease.json", until=0)
    assert host.command("expire", lease["token"]).returncode == 0
    assert managed(host) == FIRST_FILES
    assert host.engine().status()["running"] == FIRST
    assert host.engine().history()[0]["details"] == {"abandoned": SECOND, "by": "lease"}


@pytest.mark.parametrize("host", ["reserved"], indirect=True)
def test_a_reservation_of_the_former_version_holds(host: StoredHost) -> None:
    with pytest.raises(ReleaseError, match=f"rollout {ROLLOUT} .alice a fixture. holds this host") as failure:
        host.engine(rollout="another").activate(SECOND, reload=True)
    assert failure.value.code == "rollout"
    assert managed(host) == FIRST_FILES
    assert host.engine(rollout=ROLLOUT).activate(SECOND, reload=True)["rollout"]["id"] == ROLLOUT
    assert host.engine(rollout=ROLLOUT).unlock()["rollout"] is None


@pytest.mark.parametrize("host", ["on_trial"], indirect=True)
def test_keys_of_a_newer_version_survive(host: StoredHost) -> None:
    state = host.stored("state.json")
    newer = {"newer": {"a": [1, None]}}
    host.edit("state.json", **newer, settings={**state["settings"], **newer}, active={**state["active"], **newer})
    host.edit("lease.json", **newer)
    host.edit(f"releases/{SECOND}/manifest.json", **newer)
    host.engine().activate(SECOND, reload=True)
    assert host.stored("lease.json")["newer"] == newer["newer"]
    (host.conf / "mime.types").write_text("types { text/plain txt; }\n")
    host.engine().confirm(SECOND)
    release = host.engine().stage(of(THIRD))["release"]  # the unmanaged file changed: SECOND's manifest is written anew
    manifest, state = host.stored(f"releases/{SECOND}/manifest.json"), host.stored("state.json")
    assert manifest["folder"] != "tree-cd2e08a57bcd"
    assert (manifest["newer"], state["newer"], state["settings"]["newer"]) == (newer["newer"],) * 3
    assert state["staged"]["id"] == release


@pytest.mark.parametrize("host", ["interrupted"], indirect=True)
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"confirmed": 1}, "confirmed: text is needed, not a whole number"),
        ({"txn": {"kind": "activate", "from": "r-1", "time": "now"}}, "txn.to: is missing"),
        ({"staged": {"id": "r-1", "base": None}}, "staged.base: text is needed, not null"),
        ({"running": {"release": None, "pid": "1", "start_time": 1, "since": ""}}, "running.pid: a whole number"),
        ({"settings": {"lease": "long"}}, "settings.lease: a number is needed, not text"),
        ({"owner": []}, "owner: an object is needed, not a list"),
    ],
)
def test_an_offending_key_of_the_state_is_named(host: StoredHost, change: dict[str, t.Any], key: str) -> None:
    host.edit("state.json", **change)
    for step in (host.engine().status, host.engine().recover, lambda: host.engine().stage(of(THIRD))):
        with pytest.raises(ReleaseError, match=f"state.json is damaged: {key}") as failure:
            step()
        assert failure.value.code == "store"


@pytest.mark.parametrize("host", ["idle"], indirect=True)
def test_an_offending_key_of_a_manifest_is_named(host: StoredHost) -> None:
    manifest = host.stored(f"releases/{FIRST}/manifest.json")
    manifest["tree"][1]["uid"] = "root"
    host.edit(f"releases/{FIRST}/manifest.json", tree=manifest["tree"])
    with pytest.raises(ReleaseError, match=r"manifest.json is damaged: tree\[1\].uid: a whole number") as failure:
        host.engine().rollback()
    assert failure.value.code == "store"
