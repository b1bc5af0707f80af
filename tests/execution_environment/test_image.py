# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lint, plan and route check in the image: as uid 1000, without a network, on a source that cannot be written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UID = 1000
DOCKER = shutil.which("docker") or "docker"

#: What a container needs for a private world, and nothing else does. docs/awx.md says it in the words of AWX.
WORLD = ("--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined")
#: What the container's filter of system calls denies.
NO_NAMESPACE = "unshare of the mount namespace in a user namespace: Operation not permitted (EPERM)"

MAIN = """\
pid /tmp/nginx.pid;
error_log /tmp/error.log;
events {}
http {
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    access_log off;
    include conf.d/*.conf;
}
"""
SITE = """\
server {
    listen 8080;
    server_name www.example.com;
    location / { return 200 old; }
    location /api/ { return 200 api; }
}
"""
LOOP = SITE.replace("return 200 api", "rewrite ^/api/profile /api/profile_list last; return 200 api")

PROJECT = "/runner/project"
CHECK = f"""\
- name: Route check
  hosts: all
  gather_facts: false
  tasks:
    - name: Compare two checkouts
      failsafe.nginx.nginx_route_check:
        before: {PROJECT}/live
        after: "{{{{ after }}}}"
        config_dir: {PROJECT}/live
"""


class Done(t.NamedTuple):
    """How a command in the image ended, and what it printed on one line."""

    rc: int
    text: str


class Image:
    """Runs commands in the image, on one project."""

    def __init__(self, name: str, work: Path) -> None:
        self._name = name
        self._project = work / "project"
        shutil.copytree(ROOT / "examples" / "awx" / "project", self._project)
        for folder, site in (("live", SITE), ("same", SITE), ("good", SITE.replace("old", "new")), ("loop", LOOP)):
            (self._project / folder / "conf.d").mkdir(parents=True)
            (self._project / folder / "conf.d" / "site.conf").write_text(site)
            (self._project / folder / "nginx.conf").write_text(MAIN)
        (self._project / "check.yml").write_text(CHECK)
        host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/usr/bin/python3",
            "nginx_deploy_src": f"{PROJECT}/good",
            "nginx_deploy_config_dir": f"{PROJECT}/live",
            "nginx_deploy_store": "/tmp/store",
            "nginx_deploy_become": False,
            "nginx_deploy_service_manager": "none",
        }
        (self._project / "hosts.json").write_text(json.dumps({"all": {"hosts": {"edge": host}}}))
        # A project belongs to the user of the image: AWX checks it out so.
        for path in [self._project, *self._project.rglob("*")]:
            os.chown(path, UID, 0)
            path.chmod(0o755 if path.is_dir() else 0o644)

    def __call__(self, *command: str, options: tuple[str, ...] = ()) -> Done:
        """Run a command as AWX's container group does: without a terminal, without privileges."""
        given = ["--network=none", f"--user={UID}", "-v", f"{self._project}:{PROJECT}:ro", "-w", PROJECT, *options]
        done = subprocess.run(
            [DOCKER, "run", "--rm", *given, self._name, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, re.sub(r"\s+", " ", done.stdout))

    def play(self, playbook: str, *arguments: str, options: tuple[str, ...] = ()) -> Done:
        return self("ansible-playbook", "-i", "hosts.json", f"{playbook}.yml", *arguments, options=options)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(os.environ["FAILSAFE_EE_IMAGE"], tmp_path_factory.mktemp("ee"))


def test_the_image_has_what_the_collections_metadata_asks_for(image: Image) -> None:
    asked = "import crossplane, shutil; print(crossplane.__version__, shutil.which('nginx'), shutil.which('ansible-runner'))"
    done = image("python3", "-c", asked)
    assert done.rc == 0, done.text
    assert re.fullmatch(r"0\.\d+\.\d+ /usr/sbin/nginx /usr/local/bin/ansible-runner ?", done.text), done.text


def test_there_is_no_privilege_no_network_and_nothing_to_write(image: Image) -> None:
    """What the other tests show is shown under these conditions."""
    done = image("sh", "-c", "id -u; ls /sys/class/net; grep CapEff /proc/self/status; touch written; sudo -n true")
    assert done.text.startswith(f"{UID} lo CapEff: 0000000000000000 "), done.text
    assert "'written': Read-only file system" in done.text


def test_lint_passes_what_is_right(image: Image) -> None:
    done = image.play("lint")
    assert done.rc == 0, done.text
    assert "edge : ok=" in done.text


def test_lint_refuses_a_cycle(image: Image) -> None:
    done = image.play("lint", "-e", f"nginx_deploy_src={PROJECT}/loop")
    assert done.rc == 2, done.text
    assert "rewrite-cycle conf.d/site.conf:5" in done.text


def test_lint_is_a_job_of_ansible_runner_in_the_image(image: Image) -> None:
    done = image("ansible-runner", "run", "/runner", "-p", "lint.yml", "--inventory", f"{PROJECT}/hosts.json")
    assert done.rc == 0, done.text
    assert "edge : ok=" in done.text


def test_a_plan_without_a_world_is_a_refusal_that_says_why(image: Image) -> None:
    done = image.play("plan", "--check", "--diff")
    assert done.rc == 2, done.text
    assert "edge: would be refused" in done.text
    assert f"no private world can be built on this host ({NO_NAMESPACE})" in done.text


def test_a_plan_that_may_do_without_a_world_tells_the_rest(image: Image) -> None:
    done = image.play("plan", "--check", "--diff", "-e", "nginx_deploy_require_route_check=false")
    assert done.rc == 0, done.text
    assert "edge: would be changed" in done.text
    assert "server www.example.com: location /: return 200 old -> new" in done.text
    assert "+ location / { return 200 new; }" in done.text
    assert f"not verified: {NO_NAMESPACE}" in done.text
    assert "nginx -t ran on a copy" in done.text


def test_a_plan_verifies_the_behaviour_where_the_container_may(image: Image) -> None:
    done = image.play("plan", "--check", "--diff", options=WORLD)
    assert done.rc == 0, done.text
    assert "edge: would be changed" in done.text
    assert "not verified" not in done.text
    assert re.search(r"nginx behaviour: \d+ requests, [1-9]\d* changed, 0 unverified, coverage 3/3 blocks", done.text)
    assert "nginx -t ran on a copy" not in done.text


def test_a_route_check_passes_what_is_the_same(image: Image) -> None:
    done = image.play("check", "-e", f"after={PROJECT}/same", options=WORLD)
    assert done.rc == 0, done.text
    assert "edge : ok=1" in done.text


def test_a_route_check_finds_the_request_and_the_line(image: Image) -> None:
    done = image.play("check", "-e", f"after={PROJECT}/loop", options=WORLD)
    assert done.rc == 2, done.text
    assert "CRITICAL error-introduced www.example.com location /api/" in done.text
    assert 'rewrite or internal redirection cycle while processing "/api/profile_list"' in done.text
    assert "conf.d/site.conf:5 + rewrite ^/api/profile /api/profile_list last" in done.text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), NO_NAMESPACE),
        (WORLD[:2], "mount /proc: Operation not permitted (EPERM)"),
    ],
    ids=["default", "masked /proc"],
)
def test_a_route_check_without_a_world_fails_and_says_why(image: Image, options: tuple[str, ...], reason: str) -> None:
    """The change is harmless, which cannot be known without a world."""
    done = image.play("check", "-e", f"after={PROJECT}/same", options=options)
    assert done.rc == 2, done.text
    assert (
        f"the behaviour of the change is not verified: no private world can be built on this host ({reason})"
        in done.text
    )
