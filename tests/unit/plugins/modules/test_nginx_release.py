# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S607 - nginx is where PATH says
"""nginx_release and nginx_release_info as Ansible runs them: arguments in, one JSON result out."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.failsafe.nginx.plugins.doc_fragments import checks, release
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import environment
from ansible_collections.failsafe.nginx.plugins.modules import nginx_release, nginx_release_info
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate, Rendered
from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

PORT = free_port()


class Deploy:
    """One instance and the two modules that look at it."""

    def __init__(self, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.top, self.capsys = top, capsys
        (top / "etc").mkdir()
        self.common = {"config_dir": str(top / "etc"), "store": str(top / "store"), "prefix": str(top)}
        (top / "etc/nginx.conf").write_text(
            f"user root; worker_processes 1; pid {top}/nginx.pid; error_log {top}/error.log;\n"
            f"events {{}}\nhttp {{ access_log off; include *.site; }}\n"
        )

    def __call__(self, state: str, **arguments: t.Any) -> dict[str, t.Any]:
        given = {"state": state, "service_manager": "none", "_owner": "web1", "health_interval": 0.01}
        return self._main(nginx_release, {**given, **self.common, **arguments})

    def info(self, **arguments: t.Any) -> dict[str, t.Any]:
        return self._main(nginx_release_info, {**self.common, **arguments})

    def _main(self, module: t.Any, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit) as end:
            module.main()
        result: dict[str, t.Any] = json.loads(self.capsys.readouterr().out)
        assert bool(end.value.code) is bool(result.get("failed"))
        return result


@pytest.fixture
def deploy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> t.Iterator[Deploy]:
    deploy = Deploy(tmp_path, capsys)
    subprocess.run(
        ["nginx", "-c", f"{tmp_path}/etc/nginx.conf", "-p", f"{tmp_path}/"], env=environment(), check=True, timeout=60
    )
    try:
        yield deploy
        deploy("rolled_back")  # and whatever waits for the end of a lease ends with it
    finally:
        pid = int((tmp_path / "nginx.pid").read_text())
        # A signal between nginx's start and its first sigsuspend() is lost: ask until it is gone.
        while os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.02)


def payload(text: str = "hello", *secrets: str) -> str:
    site = f"server {{ listen 127.0.0.1:{PORT}; return 200 '{text}'; }}\n"
    return Candidate((Rendered("a.site", "file", site.encode()),), secrets).payload()


@pytest.mark.nginx
def test_the_way_of_a_release(deploy: Deploy) -> None:
    planned = deploy("staged", _payload=payload(), _ansible_check_mode=True, _ansible_diff=True)
    assert (planned["changed"], planned["added"], planned["diff"][0]["before"]) == (True, ["a.site"], "")
    assert not (deploy.top / "store").exists()
    staged = deploy("staged", _payload=payload())
    assert "diff" not in staged
    release = staged["release"]
    assert release == planned["release"]
    assert deploy("active", release=release, _ansible_check_mode=True)["changed"] is True
    switched = deploy("active", release=release, reload=False)
    assert switched["reload_needed"] is True
    assert [line["event"] for line in switched["journal"]] == ["lease_armed", "activating", "activated"]
    check = {"url": f"http://127.0.0.1:{PORT}/", "body": "hello"}
    gated = deploy("active", release=release, checks=[check])
    assert (gated["phase"], gated["gate"]["ok"], gated["proof"]["ok"]) == ("gated", True, True)
    assert {"reload", "gate"} < {line["event"] for line in gated["journal"]}
    assert all("metadata" not in line for line in gated["journal"])
    assert deploy("active", release=release, checks=[check])["changed"] is False
    assert deploy("confirmed", release=release, _ansible_check_mode=True)["changed"] is True
    assert deploy("confirmed", release=release)["changed"] is True
    for state in ("active", "confirmed"):
        assert deploy(state, release=release)["changed"] is False
    assert deploy("rolled_back", _ansible_check_mode=True)["changed"] is False
    assert deploy("rolled_back")["changed"] is False
    assert deploy("absent", release="r-000000000000")["changed"] is False
    assert deploy("absent", release=release)["code"] == "order"
    again = deploy("staged", _payload=payload())
    assert (again["changed"], again["state"]) == (False, "confirmed")


@pytest.mark.nginx
def test_a_failing_gate_rolls_back_where_asked(deploy: Deploy) -> None:
    release = deploy("staged", _payload=payload("wrong"))["release"]
    check = {"name": "page", "url": f"http://127.0.0.1:{PORT}/", "body": "right"}
    failed = deploy("active", release=release, checks=[check], rollback_on_failure=True)
    assert (failed["code"], failed["rollback"]["state"]) == ("gate", "rolled_back")
    told = [(line["event"], line["details"].get("ok")) for line in failed["journal"] if "ok" in line["details"]]
    assert told == [("reload", True), ("gate", False), ("reload", True), ("gate", True)]
    history = [row["event"] for row in deploy.info()["history"]]
    assert [line["event"] for line in failed["journal"]] == history[: len(failed["journal"])][::-1]
    assert "page" in failed["msg"]
    assert not (deploy.top / "etc/a.site").exists()


@pytest.mark.nginx
def test_info_before_and_after(deploy: Deploy) -> None:
    before = deploy.info()
    assert (before["changed"], before["history"], before["drift"], before["current"]["confirmed"]) == (
        False,
        [],
        [],
        None,
    )
    assert (before["nginx"]["running"], before["nginx"]["problem"]) == (True, "")
    assert not (deploy.top / "store").exists()
    release = deploy("staged", _payload=payload(), metadata={"who": "me"})["release"]
    deploy("active", release=release)
    (deploy.top / "etc/a.site").write_text("by hand")
    after = deploy.info(limit=2, _ansible_check_mode=True)
    assert (after["current"]["active"], after["current"]["phase"], after["drift"]) == (release, "gated", ["a.site"])
    assert [row["event"] for row in after["history"]] == ["gate", "reload"]
    assert deploy.info()["history"][-1]["metadata"] == {"who": "me"}


@pytest.mark.nginx
def test_lease_rollout_and_adoption(deploy: Deploy) -> None:
    one = {"rollout": "one", "metadata": {"who": "anna"}}
    staged = deploy("staged", _payload=payload(), **one)
    assert (staged["rollout"]["id"], staged["rollout"]["holder"]) == ("one", "anna")
    release = staged["release"]
    refused = deploy("active", release=release, rollout="other")
    assert (refused["code"], refused["rollout"]["id"]) == ("rollout", "one")
    assert "unlock" in refused["msg"]
    active = deploy("active", release=release, lease=50, **one)
    assert (active["lease"]["seconds"], active["lease"]["alive"]) == (50, True)
    current = deploy.info()["current"]
    assert (current["lease"]["release"], current["rollout"]["id"]) == (release, "one")
    for changed in (True, False):
        assert deploy("unlocked", rollout="one", _ansible_check_mode=True)["changed"] is changed
        assert deploy("unlocked", rollout="one")["changed"] is changed
    assert deploy("confirmed", release=release)["changed"] is True
    assert deploy.info()["current"]["lease"] is None
    (deploy.top / "etc/a.site").write_text(f"server {{ listen 127.0.0.1:{PORT}; return 204; }}\n")
    shown = deploy.info()["drift_diff"]
    assert [(row["path"], row["change"], row["added"]) for row in shown] == [("a.site", "modified", 1)]
    assert deploy("staged", _payload=payload("more"))["code"] == "drift"
    for changed in (True, False):
        assert deploy("adopted", _ansible_check_mode=True)["changed"] is changed
        adopted = deploy("adopted")
        assert adopted["changed"] is changed
    assert deploy.info()["drift"] == []
    assert deploy.info()["current"]["confirmed"] == adopted["release"]


@pytest.mark.nginx
def test_secrets_are_masked_in_messages_diffs_and_journal(deploy: Deploy) -> None:
    result = deploy("staged", _payload=payload("s3cret-token", "s3cret-token"), _ansible_diff=True)
    shown = json.dumps({name: value for name, value in result.items() if not name.startswith("_")})
    assert "********" in shown
    assert "s3cret-token" not in shown + (deploy.top / "store/journal.jsonl").read_text()
    broken = Candidate((Rendered("a.site", "file", b"s3cret-token on;\n"),), ("s3cret-token",)).payload()
    refused = deploy("staged", _payload=broken)
    assert 'unknown directive "********"' in refused["msg"]
    assert "s3cret-token" not in json.dumps(refused)


@pytest.mark.nginx
def test_without_nginx_info_still_answers(deploy: Deploy) -> None:
    deploy("staged", _payload=payload())
    result = deploy.info(binary="/nonexistent/nginx")
    assert (result["nginx"]["version"], result["current"]["running"]) == (None, None)
    assert "/nonexistent/nginx" in result["nginx"]["problem"]


@pytest.mark.nginx
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state": "staged"}, "action plugin"),
        ({"state": "staged", "_payload": "x"}, "cannot be read"),
        ({"state": "active"}, "release"),
        ({"state": "active", "release": "r-000000000000"}, "stage one first"),
        ({"state": "rolled_back", "release": "r-000000000000"}, "not in the store"),
        ({"state": "rolled_back", "file_mode": "rw-r--r--"}, "no octal mode"),
        ({"state": "staged", "_payload": payload(), "binary": "/nonexistent/nginx"}, "no nginx at"),
        ({"state": "staged", "_payload": payload(), "config_dir": "/nonexistent"}, "is nginx installed"),
    ],
)
def test_what_is_refused(deploy: Deploy, arguments: dict[str, t.Any], message: str) -> None:
    result = deploy(**arguments)
    assert result["failed"] is True
    assert message in result["msg"]
    assert not (deploy.top / "store").exists()


def test_every_option_is_documented_with_its_default() -> None:
    documented = yaml.safe_load(nginx_release.DOCUMENTATION)["options"]
    for fragment in (release.ModuleDocFragment.INSTANCE, checks.ModuleDocFragment.GATE):
        documented.update(yaml.safe_load(fragment)["options"])
    spec = nginx_release.argument_spec()
    assert set(spec) == set(documented)
    for name, option in spec.items():
        assert option.get("default") == documented[name].get("default"), name
        assert option.get("type", "str") == documented[name]["type"], name
        assert set(option.get("choices", ())) == set(documented[name].get("choices", ())), name
