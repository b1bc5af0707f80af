# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules claim, asked of a real nginx."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.loop_requests import loop_requests
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.engine import lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.simulate import simulate

pytestmark = pytest.mark.nginx
FIXTURES = Path(__file__).parent / "fixtures"
CYCLES = ("rewrite-cycle", "try-files-cycle", "error-page-cycle")
Runner = t.Callable[[str], t.Any]


def paths(kind: str, *rules: str) -> list[Path]:
    return [path for rule in rules for path in sorted((FIXTURES / rule / kind).iterdir())]


def load(text: str) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{text}}}\n".encode()}, config_dir="/etc/nginx")


def name(path: Path) -> str:
    return f"{path.parts[-3]}-{path.stem}"


def asked(message: str) -> str:
    match = re.search(r"GET (\S+)", message)
    assert match
    return match[1]


@pytest.mark.parametrize("path", paths("fire", *CYCLES), ids=name)
def test_a_cycle_is_a_500(path: Path, real_nginx: Runner) -> None:
    text = path.read_text()
    findings = [finding for finding in lint(load(text)) if finding.rule in CYCLES]
    with real_nginx(text) as nginx:
        for finding in findings:
            assert nginx.get(asked(finding.message)).status == 500
            assert "rewrite or internal redirection cycle" in nginx.log()


@pytest.mark.parametrize("path", paths("fire", "redirect-loop"), ids=name)
def test_a_redirect_loop_does_not_end(path: Path, real_nginx: Runner) -> None:
    text = path.read_text()
    findings = [finding for finding in lint(load(text)) if finding.rule == "redirect-loop"]
    with real_nginx(text) as nginx:
        for finding in findings:
            urls = nginx.follow(asked(finding.message))
            assert len(urls) == 21
            if "back where it began" in finding.message:
                assert urls[0] in urls[1:]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("if (-f FILE) { return 302 /maintenance.html; }", "redirect-loop"),
        ("location / { if (-e FILE) { rewrite ^ /maintenance.html last; } }", "rewrite-cycle"),
    ],
)
def test_a_switch_that_is_there(body: str, rule: str, tmp_path: Path, real_nginx: Runner) -> None:
    text = "server { listen 80; server_name a.test; " + body.replace("FILE", f"{tmp_path}/maintenance.on") + " }"
    finding = next(finding for finding in lint(load(text)) if finding.rule == rule)
    assert "while the file that an if asks for is there" in finding.message
    with real_nginx(text) as nginx:
        assert nginx.get("http://a.test/").status < 500
        assert len(nginx.follow("http://a.test/")) == 1
        (tmp_path / "maintenance.on").touch()
        if rule == "redirect-loop":
            assert len(nginx.follow(asked(finding.message))) == 21
        else:
            assert nginx.get(asked(finding.message)).status == 500


@pytest.mark.parametrize("path", paths("fire", "named-location-undefined"), ids=name)
def test_an_undefined_named_location_is_a_500(path: Path, real_nginx: Runner) -> None:
    with real_nginx(path.read_text()) as nginx:
        assert nginx.get("http://a.test/nothing").status == 500
        assert "could not find named location" in nginx.log()


@pytest.mark.parametrize("path", paths("fire", "shadowed-server"), ids=name)
def test_a_shadowed_server_never_answers(path: Path, real_nginx: Runner) -> None:
    text = path.read_text()
    finding = next(finding for finding in lint(load(text)) if finding.rule == "shadowed-server")
    names = re.findall(r'"([^"]+)"', finding.message)
    with real_nginx(text) as nginx:
        for host in names:
            assert nginx.get(f"http://{host if host.strip('_') else 'any.test'}/").body == "first"
        assert f'conflicting server name "{names[0].lower()}"' in nginx.log()


@pytest.mark.parametrize("path", paths("silent", *CYCLES, "redirect-loop", "named-location-undefined"), ids=name)
def test_good_configurations_end_every_request(path: Path, real_nginx: Runner) -> None:
    text = path.read_text()
    with real_nginx(text) as nginx:
        for request in loop_requests(Context(load(text))):
            urls = nginx.follow(request.url)
            assert len(urls) <= 20
            assert nginx.get(urls[-1]).status < 500
        assert "cycle" not in nginx.log()


@pytest.mark.parametrize(
    "path",
    paths("fire", *CYCLES, "redirect-loop") + paths("silent", *CYCLES, "redirect-loop", "named-location-undefined"),
    ids=name,
)
def test_the_simulation_says_what_nginx_does(path: Path, real_nginx: Runner) -> None:
    text = path.read_text()
    context = Context(load(text))
    with real_nginx(text) as nginx:
        for request in loop_requests(context):
            if request.switches:
                continue  # the files of the fixtures are absent
            outcome = simulate(context.router, context.definitions, request)
            answer = nginx.get(request.url)
            if outcome.kind == "redirect":
                assert (answer.status, answer.location) == (outcome.status, outcome.location), request.url
            elif outcome.kind in ("return", "internal-cycle", "missing-named-location"):
                assert answer.status == outcome.status, request.url
            elif outcome.kind == "content":
                assert answer.status in (200, 204, 301, 403, 404), request.url
