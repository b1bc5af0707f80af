# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole way with a real nginx: what clients get decides."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from release_world import of, shape

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import environment
from ansible_collections.failsafe.nginx.plugins.module_utils._release.engine import Engine
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.host import Settings

pytestmark = pytest.mark.nginx
PORT = 21510 + 20 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8)


def server(answer: str, port: int = PORT) -> str:
    return f"server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }}\n"


class Site:
    """An nginx of its own, with a configuration folder that is not nginx's default."""

    def __init__(self, top: Path) -> None:
        self.top, self.conf, self.store = top, top / "elsewhere/conf", top / "store"
        for name in ("elsewhere/conf/vhosts", "log", "run"):
            (top / name).mkdir(parents=True)
        (self.conf / "main.conf").write_text(
            f"user root; worker_processes 2; pid {top}/run/nginx.pid; error_log {top}/log/error.log;\n"
            f"events {{}}\nhttp {{ access_log off; include vhosts/*.conf; }}\n"
        )
        (self.conf / "vhosts/a.conf").write_text(server("return 200 old;"))

    def engine(self, **settings: t.Any) -> Engine:
        given = {"store": str(self.store), "config_dir": str(self.conf), "main": "main.conf", "prefix": str(self.top)}
        return Engine(Settings(**given, service_manager="none", owner="web1", reload_timeout=6, **settings))

    def run(self) -> None:
        argv = ["nginx", "-c", str(self.conf / "main.conf"), "-p", f"{self.top}/"]
        subprocess.run(argv, env=environment(), check=True, timeout=20)

    def get(self, port: int = PORT) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.code)
        except OSError:
            return "down"

    def stop(self) -> None:
        try:
            pid = int((self.top / "run/nginx.pid").read_text())
        except (OSError, ValueError):
            return
        # A signal between nginx's start and its first sigsuspend() is lost: ask until it is gone.
        while os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.02)

    def release(self, wanted: t.Any, gate: t.Any = None, *, confirm: bool = True) -> str:
        release: str = self.engine().stage(wanted)["release"]
        self.engine().activate(release, reload=False, gate=gate)
        self.engine().activate(release, reload=True, gate=gate)
        if confirm:
            self.engine().confirm(release)
        return release


@pytest.fixture
def site(tmp_path: Path) -> t.Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.stop()


PROBES = {"probes": [{"name": "front", "url": f"http://127.0.0.1:{PORT}/", "status": "100-499"}], "interval": 0.05}


def test_a_full_cycle(site: Site) -> None:
    site.run()
    adopted = shape(site.conf)
    first = site.release(of({"vhosts/a.conf": server("return 200 first;")}), PROBES)
    assert site.get() == "first"
    again = site.engine().stage(of({"vhosts/a.conf": server("return 200 first;")}))
    assert (again["changed"], again["state"], again["validation"]) == (False, "confirmed", None)
    site.release(of({"vhosts/b.conf": server("return 200 second;", PORT + 1)}), PROBES | {"probes": []})
    assert (site.get(), site.get(PORT + 1)) == ("down", "second")
    assert site.engine().rollback(first)["state"] == "rolled_back"
    assert (site.get(), site.get(PORT + 1)) == ("first", "down")
    site.engine().rollback(site.engine().store.state()["adopted"])
    assert site.get() == "old"
    assert shape(site.conf) == adopted


def test_nginx_names_file_and_line_of_a_broken_candidate(site: Site) -> None:
    site.run()
    with pytest.raises(ReleaseError, match="nginx refuses") as caught:
        site.engine().stage(of({"vhosts/a.conf": "server {\n  lisen 80;\n}\n"}))
    assert caught.value.details["validation"]["line"] == 2
    assert caught.value.details["validation"]["file"].endswith("vhosts/a.conf")
    assert str(site.conf) in caught.value.details["validation"]["file"]
    assert not site.store.exists()
    assert site.get() == "old"


def test_the_outage_is_stopped_by_the_gate_and_rolled_back(site: Site) -> None:
    site.run()
    loop = server("rewrite ^ /profile last;") + ""
    release = site.engine().stage(of({"vhosts/a.conf": loop}))["release"]
    site.engine().activate(release, reload=False, gate=PROBES)
    with pytest.raises(ReleaseError, match=r"gate of .* failed: front") as caught:
        site.engine().activate(release, reload=True, gate=PROBES)
    assert caught.value.code == "gate"
    assert site.get() == "500"
    start = time.monotonic()
    result = site.engine().rollback()
    assert time.monotonic() - start < 2
    assert (result["proof"]["ok"], result["gate"]["ok"]) == (True, True)
    assert site.get() == "old"


def test_a_taken_port_passes_the_validation_and_fails_the_proof(site: Site) -> None:
    site.run()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", PORT + 2))
        taken.listen()
        wanted = of({"vhosts/a.conf": server("return 200 new;") + server("return 200 x;", PORT + 2)})
        try:
            release = site.engine().stage(wanted)["release"]
        except ReleaseError as error:
            assert "Address already in use" in str(error)  # noqa: PT017 - some nginx finds it in the test already
        else:
            with pytest.raises(ReleaseError, match=r"in use|could not bind"):
                site.engine().activate(release, reload=True, gate=PROBES)
            assert site.engine().rollback()["proof"]["ok"] is True
        assert site.get() == "old"


def test_nginx_that_was_down_is_started_and_stopped_again(site: Site) -> None:
    release = site.engine().stage(of({"vhosts/a.conf": server("return 200 new;")}))["release"]
    site.engine().activate(release, reload=True)
    assert site.get() == "new"
    assert site.engine().rollback()["stopped"] is True
    assert site.get() == "down"


def test_a_killed_master_is_brought_back_by_the_rollback(site: Site) -> None:
    site.run()
    release = site.engine().stage(of({"vhosts/a.conf": server("return 200 new;")}))["release"]
    site.engine().activate(release, reload=True, gate=PROBES)
    site.stop()
    with pytest.raises(ReleaseError, match="stopped"):
        site.engine().confirm(release)
    assert site.engine().rollback()["proof"]["ok"] is True
    assert site.get() == "old"


def test_a_restart_by_somebody_else_is_no_drift(site: Site) -> None:
    site.run()
    wanted = of({"vhosts/a.conf": server("return 200 new;")})
    release = site.release(wanted, PROBES)
    site.stop()
    assert site.engine().stage(wanted)["changed"] is True
    site.run()
    assert site.engine().status()["running"] == release
    assert site.engine().stage(wanted)["changed"] is False


def test_the_archive_works_without_ansible(site: Site) -> None:
    site.run()
    first = site.release(of({"vhosts/a.conf": server("return 200 first;")}), PROBES)
    site.release(of({"vhosts/a.conf": server("return 200 second;")}), PROBES, confirm=False)

    def command(*argv: str) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-I", str(site.store / "failsafe-nginx.pyz"), *argv]
        return subprocess.run(
            run, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]}
        )

    assert json.loads(command("status").stdout)["phase"] == "gated"
    assert json.loads(command("rollback").stdout)["release"] == first
    assert site.get() == "first"
    assert json.loads(command("recover").stdout)["changed"] is False
    assert json.loads(command("confirm").stdout)["changed"] is False
    assert "rolled_back" in command("history", "-n", "1").stdout
    failed = command("rollback", "r-000000000000")
    assert (failed.returncode, "not in the store" in failed.stderr) == (1, True)
    assert "ansible" not in command("--help").stdout
    nowhere = command("--store", str(site.top / "none"), "status")
    assert (nowhere.returncode, "no release" in nowhere.stderr) == (1, True)


def test_the_archive_is_written_once(site: Site) -> None:
    site.run()
    site.release(of({"vhosts/a.conf": server("return 200 first;")}))
    archive = site.store / "failsafe-nginx.pyz"
    inode = archive.stat().st_ino
    site.release(of({"vhosts/a.conf": server("return 200 second;")}))
    assert archive.stat().st_ino == inode
    archive.write_bytes(b"damaged")
    site.release(of({"vhosts/a.conf": server("return 200 third;")}))
    assert archive.stat().st_size > 10_000


@pytest.mark.parametrize("binary", ["/nonexistent/nginx", "/bin/true"])
def test_no_nginx(site: Site, binary: str) -> None:
    with pytest.raises(ReleaseError):
        site.engine(binary=binary).stage(of({"vhosts/a.conf": "x"}))
    assert not site.store.exists()
    assert site.engine(binary=binary).host.describe()["problem"]
