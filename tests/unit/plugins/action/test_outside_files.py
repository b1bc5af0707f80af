# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations as Debian and certbot lay them out: includes and links that lead out of the configuration folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.nginx, pytest.mark.root]

ROOT = Path(__file__).resolve().parents[4]
MAIN = "include modules-enabled/*.conf;\nevents {{}}\nhttp {{\n    include conf.d/*.conf;\n    include {outside}/shared/*.conf;\n}}\n"
SITE = """\
server {{
    listen 127.0.0.1:8080;
    server_name www.example.com;
    include {outside}/options.conf;
    location / {{ return 200 here; }}
    location /api/ {{ proxy_pass http://10.0.0.1:8080; }}
}}
"""
CYCLE = ("location /api/ {", "location /api/ { rewrite ^/api/a /api/ab last;")
LINE = "conf.d/a.conf:6 + rewrite ^/api/a /api/ab last"


class Site:
    """A host's configuration folder, what lies beside it, and a changed copy on the controller."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.outside, self.live, self.new = folder, folder / "outside", folder / "etc", folder / "new"
        for path in (self.outside / "shared", self.live / "conf.d", self.live / "modules-enabled"):
            path.mkdir(parents=True, mode=0o755)
        (self.outside / "module.conf").write_text("worker_rlimit_nofile 512;\n")
        (self.outside / "options.conf").write_text("add_header X-Frame-Options DENY always;\n")
        (self.outside / "shared" / "log.conf").write_text("access_log off;\n")
        (self.live / "modules-enabled" / "50-mod.conf").symlink_to(self.outside / "module.conf")
        (self.live / "nginx.conf").write_text(MAIN.format(outside=self.outside))
        (self.live / "conf.d" / "a.conf").write_text(SITE.format(outside=self.outside))
        shutil.copytree(self.live, self.new, symlinks=True)
        site = self.new / "conf.d" / "a.conf"
        site.write_text(site.read_text().replace(*CYCLE))

    def run(self, *tasks: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """The results of some tasks, each a module and its options."""
        collections = self.folder / "collections" / "ansible_collections" / "failsafe"
        if not collections.exists():
            collections.mkdir(parents=True)
            (collections / "nginx").symlink_to(ROOT)
        where = {"config_dir": str(self.live)}
        steps: list[dict[str, t.Any]] = [
            {f"failsafe.nginx.{module}": {**where, **options}, "register": f"found{number}", "ignore_errors": True}
            for number, task in enumerate(tasks)
            for module, options in task.items()
        ]
        names = ", ".join(f"found{number}" for number in range(len(tasks)))
        path = self.folder / "result.json"
        steps.append(
            {"ansible.builtin.copy": {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(path), "mode": "0600"}}
        )
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        play = {"hosts": "all", "gather_facts": False, "vars": local, "tasks": steps}
        (self.folder / "play.yml").write_text(json.dumps([play]))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "PATH": os.environ["PATH"] + ":/usr/sbin",
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.yml"]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert path.exists(), done.stdout + done.stderr
        found: list[dict[str, t.Any]] = json.loads(path.read_text())
        return [{**each, "warned": " ".join(done.stderr.split())} for each in found]


@pytest.fixture
def site() -> Iterator[Site]:
    # Workers run as another user: pytest's own folders are private.
    folder = Path(tempfile.mkdtemp(prefix="failsafe-outside-"))
    folder.chmod(0o755)
    yield Site(folder)
    shutil.rmtree(folder)


def test_the_hosts_own_files_outside_of_the_folder_are_part_of_every_comparison(site: Site) -> None:
    changed, route, guilty = site.run(
        {"nginx_diff": {"before": "live", "after": "new"}},
        {"nginx_route_check": {"before": "live", "after": "new"}},
        {"nginx_bisect": {"before": "live", "after": "new", "request": {"url": "http://www.example.com:8080/api/a"}}},
    )
    assert [change["line"] for change in changed["changes"]] == [
        "server www.example.com: location /api/: + rewrite ^/api/a /api/ab last"
    ]
    assert changed["unread"] == []
    assert {change["class"] for change in route["changes"]} == {"error-introduced"}, route["msg"]
    assert route["lines"] == guilty["lines"] == [LINE]
    assert [each for each in route["unverified"] if "not compared" in each["reason"]] == []
    assert route["coverage"]["traced"]


def test_folders_of_the_controller_say_what_was_not_read(site: Site) -> None:
    shutil.copytree(site.live, site.folder / "old", symlinks=True)
    # This name does not resolve here, so nginx -T cannot read the folders; the world resolves it.
    for name in ("old", "new"):
        path = site.folder / name / "conf.d" / "a.conf"
        path.write_text(path.read_text().replace("10.0.0.1", "app.internal"))
    changed, route = site.run(
        {"nginx_diff": {"before": "old", "after": "new"}},
        {"nginx_route_check": {"before": "old", "after": "new", "fs": "host"}},
    )
    assert len(changed["changes"]) == 1
    assert [each.partition(": ")[0] for each in changed["unread"]] == [
        "conf.d/a.conf:4",
        "nginx.conf:1",
        "nginx.conf:5",
    ]
    assert "not compared: conf.d/a.conf:4" in changed["warned"]
    assert {change["class"] for change in route["changes"]} == {"error-introduced"}, route["msg"]
    assert route["lines"] == [LINE]


def test_a_machine_without_these_files_says_what_to_do(site: Site) -> None:
    shutil.copytree(site.live, site.folder / "old", symlinks=True)
    (site.outside / "options.conf").unlink()
    (route,) = site.run({"nginx_route_check": {"before": "old", "after": "new", "fs": "host"}})
    assert route["failed"]
    assert f'open() "{site.outside}/options.conf" failed (2: No such file or directory)' in route["msg"]
    assert "conf.d/a.conf:4" in route["msg"]
    assert "let the task run on a host that has these files" in route["msg"]
