# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an accepted key to the gate: hosts are held to what was accepted and to nothing else. Real nginx, the real playbooks."""

from __future__ import annotations

import http.server
import re
import tempfile
import threading
import typing as t
from pathlib import Path

import pytest
from test_deploy import Instance, Play, Run, play, src, web1

if t.TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.nginx, pytest.mark.root]

__all__ = ["play", "src", "web1"]

SITE = """\
server {
    listen 127.0.0.1:{{ site_port }};
    server_name www.example.com;
    location / { return 200 front; }
    location /api/ { return 200 api; }
    location /app/ { proxy_pass http://127.0.0.1:{{ app_port }}; }
}
"""
API = ("location /api/ { return 200 api; }", "location /api/ { return 404; }")
SLASH = ("proxy_pass http://127.0.0.1:{{ app_port }};", "proxy_pass http://127.0.0.1:{{ app_port }}/;")


class Application(http.server.ThreadingHTTPServer):
    """An application that answers 404 to every path but those below its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.below = "/"


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path.startswith(t.cast("Application", self.server).below)
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web2(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path / "web2")
    instance.start()
    yield instance
    instance.stop()


@pytest.fixture
def applications() -> Iterator[dict[str, Application]]:
    found = {name: Application() for name in ("web1", "web2")}
    threads = [threading.Thread(target=each.serve_forever) for each in found.values()]
    for thread in threads:
        thread.start()
    yield found
    for each, thread in zip(found.values(), threads, strict=True):
        each.shutdown()
        thread.join()
        each.server_close()


class Fleet:
    """Two hosts that serve the site, confirmed, each with an application of its own."""

    def __init__(self, play: Play, src: Path, hosts: dict[str, dict[str, t.Any]]) -> None:
        self._play, self._hosts = play, hosts
        self.site = src / "conf.d" / "site.conf.j2"
        self.change()
        run = self.deploy(nginx_deploy_route_check=False, nginx_deploy_default_probes=0)
        assert run.rc == 0, run.output

    def change(self, *replacements: tuple[str, str]) -> None:
        text = SITE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.site.write_text(text)

    def deploy(self, **variables: object) -> Run:
        return self._play(hosts=self._hosts, **variables)


@pytest.fixture
def fleet(web1: Instance, web2: Instance, applications: dict[str, Application], play: Play, src: Path) -> Fleet:
    hosts = {
        name: {**instance.variables(), "app_port": applications[name].server_port, "nginx_deploy_health_timeout": 10}
        for name, instance in (("web1", web1), ("web2", web2))
    }
    return Fleet(play, src, hosts)


def key_of(run: Run) -> str:
    """The line to paste, which has one key."""
    assert run.rc == 2, run.output
    [key] = set(re.findall(r"-e nginx_deploy_accept=([a-z0-9,-]+)", run.flat))
    assert "," not in key, run.output
    return str(key)


def test_an_accepted_change_lets_no_other_pass(
    fleet: Fleet, web1: Instance, web2: Instance, applications: dict[str, Application]
) -> None:
    """The key covers what was shown on both hosts; the 404 of one host's application was not shown."""
    fleet.change(API, SLASH)
    key = key_of(fleet.deploy())
    applications["web1"].below = "/app/"
    served, master = (web2.conf / "conf.d/site.conf").read_bytes(), web2.master
    broken = fleet.deploy(nginx_deploy_accept=key)
    assert broken.rc == 2, broken.output
    assert "1 rolled back" in broken.flat
    assert "/app/" in broken.flat.partition("rolled back: web1")[2]
    assert "status 404; before the switch it was status 200" in broken.flat
    assert "return 200 api" in (web1.conf / "conf.d/site.conf").read_text()
    assert ((web2.conf / "conf.d/site.conf").read_bytes(), web2.master) == (served, master)
    # The same line once the application is repaired, and nothing but the change that was accepted is lost.
    applications["web1"].below = "/"
    done = fleet.deploy(nginx_deploy_accept=key)
    assert done.rc == 0, done.output
    assert "2 confirmed" in done.flat
    assert f"accepted: {key}" in done.flat
    for host in (web1, web2):
        assert host.ask("/api/") == "404"
        assert host.ask() == "front"


def test_a_key_in_routes_yml_is_what_the_gate_is_told(
    fleet: Fleet, web1: Instance, web2: Instance, tmp_path: Path
) -> None:
    fleet.change(API)
    key = key_of(fleet.deploy())
    routes = tmp_path / "routes.yml"
    routes.write_text(
        f"accept:\n  - {{key: {key}, reason: the old API is switched off, until: 2999-12-31}}\nexpect: []\n"
    )
    done = fleet.deploy(nginx_deploy_expectations=str(routes))
    assert done.rc == 0, done.output
    assert "2 confirmed" in done.flat
    assert [host.ask("/api/") for host in (web1, web2)] == ["404", "404"]


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that nginx's workers can look into."""
    with tempfile.TemporaryDirectory(prefix="failsafe-flag-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_what_the_plan_showed_and_a_host_does_not_do_fails_with_both(
    fleet: Fleet, web1: Instance, web2: Instance, tmp_path: Path, readable: Path
) -> None:
    """A file that appears after the plan, as a hook may make it, changes the answer."""
    flag, drain = readable / "flag", tmp_path / "drain.yml"
    fleet.change((API[0], f"location /api/ {{ if (-f {flag}) {{ return 502; }} return 404; }}"))
    refused = fleet.deploy()
    assert refused.rc == 2, refused.output
    keys = re.findall(r"-e nginx_deploy_accept=([a-z0-9,-]+)", refused.flat)[-1]
    drain.write_text(
        f"- name: Begin the maintenance\n  ansible.builtin.copy:\n    content: on\n    dest: {flag}\n    mode: '0644'\n"
    )
    run = fleet.deploy(nginx_deploy_accept=keys, nginx_deploy_drain_tasks=str(drain))
    assert run.rc == 2, run.output
    assert "1 rolled back" in run.flat
    assert re.search(r"(status|got) 502; before the switch it was status 200, and the plan showed status 404", run.flat)
    assert [host.ask("/api/") for host in (web1, web2)] == ["api", "api"]
