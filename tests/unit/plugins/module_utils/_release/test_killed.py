# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real processes that are really killed (SIGKILL), with a real nginx: the files that are left, and the recovery."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t

import pytest
from real_site import OTHER, PATIENCE, PROBES, Site, server
from release_world import Shape, importable, of, shape

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import environment
from ansible_collections.failsafe.nginx.plugins.module_utils._release import watchdog
from ansible_collections.failsafe.nginx.plugins.module_utils._release.clock import boottime

pytestmark = pytest.mark.nginx

FIRST = of({"vhosts/a.conf": server("return 200 first;"), "vhosts/gone.conf": server("return 200 gone;", OTHER)})
SECOND = of({"vhosts/a.conf": server("return 200 second;"), "vhosts/new.conf": server("return 200 new;", OTHER)})

DRIVER = """\
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release import watchdog
from ansible_collections.failsafe.nginx.plugins.module_utils._release.engine import Engine
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.state import GateOptions
from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
watchdog._SYSTEMD = os.devnull
settings, action, arguments, step, count = json.loads(sys.argv[2])
left = [count]
if action == "stage":
    rows = [CandidateEntry(path, "file", None, text.encode()) for path, text in arguments["candidate"].items()]
    arguments = {"candidate": HostCandidate(tuple(rows))}
if "gate" in arguments:
    arguments["gate"] = decode(GateOptions, arguments["gate"])

def before(name):
    if name == step:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

getattr(Engine(Settings(**settings), before=before), action)(**arguments)
"""


def start(site: Site, action: str, step: str = "", count: int = 1, **arguments: t.Any) -> subprocess.Popen[bytes]:
    """Run one step of the engine in a process of its own, which kills itself ahead of a certain write."""
    settings = vars(site.engine(lease=arguments.pop("lease", 600)).settings)
    given = json.dumps([settings, action, arguments, step, count])
    argv = [sys.executable, "-c", DRIVER, importable(site.top / "lib"), given]
    return subprocess.Popen(argv, cwd="/", start_new_session=True)


def killed(process: subprocess.Popen[bytes]) -> bool:
    return process.wait(PATIENCE) == -signal.SIGKILL


def recover(site: Site) -> dict[str, t.Any]:
    """Recover as someone on the host would."""
    done = site.command("recover")
    assert done.returncode == 0, done.stderr
    result: dict[str, t.Any] = json.loads(done.stdout)
    return result


def loads(site: Site) -> bool:
    argv = ["nginx", "-t", "-q", "-c", str(site.conf / "main.conf"), "-p", f"{site.top}/"]
    return subprocess.run(argv, env=environment(), check=False, timeout=PATIENCE).returncode == 0


def served(site: Site) -> tuple[str, str]:
    return site.get(), site.get(OTHER)


@pytest.fixture(autouse=True)
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher is what these tests are about; test_systemd.py has the timer."""
    monkeypatch.setattr(watchdog, "_SYSTEMD", os.devnull)


@pytest.fixture
def ready(site: Site) -> tuple[Site, Shape, str]:
    """A host that runs FIRST, confirmed, and has SECOND staged."""
    site.run()
    site.release(FIRST, PROBES)
    old = shape(site.conf)
    return site, old, site.engine().stage(SECOND)["release"]


@pytest.mark.parametrize(
    ("step", "count"),
    [
        ("replace lease.json", 1),
        ("replace state.json", 1),
        ("append to journal.jsonl", 2),
        ("replace vhosts/a.conf", 1),
        ("replace vhosts/new.conf", 1),
        ("delete vhosts/gone.conf", 1),
        ("replace state.json", 2),
        ("replace state.json", 3),
        ("replace state.json", 5),
    ],
)
def test_killed_while_it_activates(ready: tuple[Site, Shape, str], step: str, count: int) -> None:
    site, old, release = ready
    assert killed(start(site, "activate", step, count, release=release, reload=True, gate=PROBES))
    recover(site)
    assert loads(site)
    live = shape(site.conf)
    switched = step == "replace state.json" and count > 2
    assert (live == old) is not switched
    if switched:
        # The whole new tree, on trial: a restart serves it, and the lease still decides.
        site.stop_nginx()
        site.run()
        assert served(site) == ("second", "new")
        assert site.engine().status()["lease"]["alive"] is True
    assert json.loads(site.command("rollback").stdout)["state"] == "rolled_back"
    assert shape(site.conf) == old
    assert served(site) == ("first", "gone")


def test_killed_from_outside_while_it_holds_the_gate(ready: tuple[Site, Shape, str]) -> None:
    site, old, release = ready
    process = start(site, "activate", release=release, reload=True, gate={**PROBES, "soak": 120}, lease=6)
    site.await_(lambda: any(row["event"] == "reload" for row in site.engine().history()[:2]))
    site.await_(lambda: served(site) == ("second", "new"))
    # It works for longer than its lease, which is renewed meanwhile.
    over = boottime() + 6
    site.await_(lambda: boottime() > over)
    assert served(site) == ("second", "new")
    os.kill(process.pid, signal.SIGKILL)
    assert killed(process)
    # No run acts: the host itself rolls back.
    site.await_(lambda: served(site) == ("first", "gone"))
    site.await_(lambda: site.engine().history()[0]["event"] == "rolled_back")
    row = site.engine().history()[0]
    assert (row["details"]["by"], row["details"]["abandoned"]) == ("lease", release)
    assert shape(site.conf) == old
    assert site.engine().status()["running"] == site.engine().status()["confirmed"]


def test_a_controller_that_is_gone_after_the_switch(ready: tuple[Site, Shape, str]) -> None:
    site, old, release = ready
    process = start(site, "activate", release=release, reload=False, lease=5)
    assert process.wait(PATIENCE) == 0
    assert "activated" in [row["event"] for row in site.engine().history()[:4]]
    site.await_(lambda: shape(site.conf) == old)
    site.await_(lambda: site.engine().status()["active"] is None)
    assert served(site) == ("first", "gone")
    assert "reload" not in [row["event"] for row in site.engine().history()[:4]]  # nginx never saw the other files


@pytest.mark.parametrize("step", ["replace state.json", "replace vhosts/a.conf", "delete vhosts/new.conf"])
def test_killed_while_it_rolls_back(ready: tuple[Site, Shape, str], step: str) -> None:
    site, old, release = ready
    site.engine().activate(release, reload=True, gate=PROBES)
    new = shape(site.conf)
    assert killed(start(site, "rollback", step))
    recover(site)
    assert loads(site)
    assert shape(site.conf) == (new if step == "replace state.json" else old)
    assert json.loads(site.command("rollback").stdout)["state"] == "rolled_back"
    assert shape(site.conf) == old
    assert served(site) == ("first", "gone")


@pytest.mark.parametrize(("step", "kept"), [("replace state.json", False), ("append to journal.jsonl", True)])
def test_killed_while_it_confirms(ready: tuple[Site, Shape, str], step: str, *, kept: bool) -> None:
    site, old, release = ready
    site.engine(lease=600).activate(release, reload=True, gate=PROBES)
    new = shape(site.conf)
    assert killed(start(site, "confirm", step, release=release))
    note = json.loads((site.store / "lease.json").read_text())
    (site.store / "lease.json").write_text(json.dumps({**note, "until": 0}))
    assert site.command("expire", note["token"]).returncode == 0
    assert not (site.store / "lease.json").exists()
    assert shape(site.conf) == (new if kept else old)
    assert served(site) == (("second", "new") if kept else ("first", "gone"))
    assert site.engine().status()["confirmed"] == release or not kept


@pytest.mark.parametrize(
    ("step", "count"), [("make folder vhosts", 1), ("move in releases/r-{}", 1), ("replace state.json", 1)]
)
def test_killed_while_it_stages(ready: tuple[Site, Shape, str], step: str, count: int) -> None:
    site, old, _release = ready
    third = {"vhosts/a.conf": server("return 200 third;")}
    step = step.format(site.engine().stage(of(third))["release"][2:])
    site.engine().remove(site.engine().status()["staged"])
    assert killed(start(site, "stage", step, count, candidate=third))
    recover(site)
    assert shape(site.conf) == old
    release = site.engine().stage(of(third))["release"]
    assert not [name for name in os.listdir(site.store / "releases") if name.startswith(".")]
    assert site.engine().activate(release, reload=True, gate={})["phase"] == "gated"
    assert site.get() == "third"


def test_the_watcher_that_is_killed_is_noticed_and_replaced(ready: tuple[Site, Shape, str]) -> None:
    site, _old, release = ready
    site.engine().activate(release, reload=False)
    watcher = json.loads((site.store / "lease.json").read_text())["pid"]
    assert os.getsid(watcher) != os.getsid(0)
    assert site.engine().status()["lease"]["alive"] is True
    os.kill(watcher, signal.SIGKILL)
    site.await_(lambda: site.engine().status()["lease"]["alive"] is False)
    assert site.engine().activate(release, reload=True)["lease"]["alive"] is True
    site.engine().confirm(release)
    assert site.engine().status()["lease"] is None


def test_confirming_ends_the_watcher(ready: tuple[Site, Shape, str]) -> None:
    site, _old, release = ready
    site.engine().activate(release, reload=True)
    watcher = json.loads((site.store / "lease.json").read_text())["pid"]
    site.engine().confirm(release)
    site.await_(lambda: not os.path.exists(f"/proc/{watcher}"))


def test_without_the_archive_nothing_is_activated(ready: tuple[Site, Shape, str]) -> None:
    site, old, release = ready
    (site.store / "failsafe-nginx.pyz").write_bytes(b"damaged")
    process = start(site, "activate", release=release, reload=True)
    assert process.wait(PATIENCE) == 1
    assert shape(site.conf) == old
    assert not (site.store / "lease.json").exists()
