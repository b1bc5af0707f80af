# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A route check's task around what its action and its host do: secrets, and hosts that share one result."""

from __future__ import annotations

import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import Redactor
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import ReadJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run as on_host
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan import route_check, sides
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.controller import Controller
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.errors import HostError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check_task import route_check as check
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.run_cache import RunCache

SITE = "events {{}}\nhttp {{ server {{ listen 80; server_name a.test; return 302 /{token}/; }} }}\n"


class Stub:
    """Stands in the place of a Controller; its host cannot build a private world."""

    def __init__(self, folder: Path, host: str, secrets: tuple[str, ...] = ()) -> None:
        self.files = SimpleNamespace(bases=(str(folder), str(folder)))
        self.cache = RunCache(str(folder))
        self.host = host
        self.asked: list[str] = []
        self._secrets = secrets

    def learn_vault(self) -> None:
        """Know the secrets from the beginning."""

    def learn(self, secrets: t.Iterable[str]) -> None:
        self._secrets += tuple(secrets)

    @property
    def redact(self) -> Redactor:
        return Redactor(self._secrets)

    def ask(self, _module: str, step: str, _job: object, _arguments: t.Mapping[str, object]) -> object:
        self.asked.append(step)
        return {"worlds": {}, "unavailable": "no mounts"}


def run(stub: Stub, **more: object) -> dict[str, t.Any]:
    options: dict[str, object] = dict.fromkeys(
        (
            "src",
            "exclude",
            "plan",
            "expect",
            "binary",
            "prefix",
            "fs",
            "access_log",
            "log_format",
            "probe_limit",
            "report",
        )
    )
    options |= {
        "before": "old", "after": "new", "config_dir": "/etc/nginx", "main": "nginx.conf", "store": "/nowhere",
        "timeout": 1.0, "fail_on": ["critical"], "fail_on_unverified": False, "accept": [], "require": False,
        "bisect": True, "gate_probes": [], **more,
    }  # fmt: skip
    controller: Controller = t.cast("t.Any", stub)
    return t.cast("dict[str, t.Any]", check(options, controller))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, token in (("old", "the-old-token"), ("new", "the-new-token")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "nginx.conf").write_text(SITE.format(token=token))
    return tmp_path


def test_the_semantic_diff_is_made_once_and_masks_what_a_secret_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Diff] = []

    def counted(*configs: t.Any) -> Diff:
        made.append(diff(*configs))
        return made[-1]

    monkeypatch.setattr(sides, "diff", counted)
    monkeypatch.setattr(route_check, "diff", counted)
    stub = Stub(folder, "web1", secrets=("the-new-token",))
    result = run(stub)
    assert len(made) == 1
    assert "the-old-token" in str(result["difference"])
    assert "the-old-token" not in str(stub.redact(result))


def test_hosts_with_one_plan_share_one_result(folder: Path) -> None:
    first, second, other = Stub(folder, "web1"), Stub(folder, "web2"), Stub(folder, "web3")
    plan = {"key": "same", "before": None, "after": None}
    assert "asked_of" not in run(first, plan=plan)
    shared = run(second, plan=plan)
    assert (shared["asked_of"], second.asked) == ("web1", [])
    assert shared["msg"].startswith("as on web1: the behaviour of the change is not verified")
    assert "asked_of" not in run(other, plan={**plan, "key": "another"})
    assert other.asked == ["run"]


def test_a_host_that_fails_shares_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub(folder, "web1")

    def fail(*_arguments: object) -> object:
        raise HostError({"failed": True, "msg": "broken"})

    monkeypatch.setattr(stub, "ask", fail)
    plan = {"key": "same", "before": None, "after": None}
    with pytest.raises(HostError, match="broken"):
        run(stub, plan=plan)
    assert "asked_of" not in run(Stub(folder, "web2"), plan=plan)


class RealHost(Stub):
    """Asks this machine's nginx, in real private worlds."""

    def __init__(self, folder: Path, config_dir: Path) -> None:
        super().__init__(folder, "here")
        self.options = host.HostOptions(str(config_dir), store="/nowhere", timeout=120.0)
        self.host_names: list[str] = []

    def ask(self, _module: str, step: str, job: object, _arguments: t.Mapping[str, object]) -> object:
        self.asked.append(step)
        data = pack(encode(job))
        if step == "read":
            answer: object = host.read(self.options, host.unpack_job(ReadJob, data))
        else:
            answer = on_host(self.options, host.unpack_job(RouteCheckJob, data))
        return unpack(host.pack_answer(answer))


@pytest.mark.nginx
@pytest.mark.root
@pytest.mark.parametrize("before", ["old", "live"])
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("http { server { listen 80; server_name www.example.com; }\n", "nginx.conf:3"),
        ("http {\n    include snippets/gone.conf;\n}\n", "nginx.conf:3"),
    ],
)
def test_a_fix_of_what_cannot_be_read_is_checked_by_itself(tmp_path: Path, before: str, broken: str, why: str) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "old" / "nginx.conf").write_text(f"events {{}}\n{broken}")
    site = "events {{}}\nhttp {{ server {{ listen 80; server_name www.example.com; location / {{ {} }} }} }}\n"
    (tmp_path / "new" / "nginx.conf").write_text(site.format("return 200 fine;"))
    stub = RealHost(tmp_path, tmp_path / "old")
    options = {"before": before, "config_dir": str(tmp_path / "old")}
    result = run(stub, **options)
    assert (result["refused"], result["accounting"]) == (False, [])
    (warning,) = result["warnings"]
    assert f"nginx does not load {before}: " in warning
    assert why in warning
    assert any("nothing to compare with" in each["reason"] for each in result["unverified"])
    (tmp_path / "new" / "nginx.conf").write_text(site.format("rewrite ^ /again last;"))
    assert run(stub, **options)["refused"]
