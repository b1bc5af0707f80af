# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deploys whose change is valid and behaves badly: real nginx, real private worlds, the real playbooks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_deploy import SITE, Instance, Play, executions, free_port, last_report, play, src, web1

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.change_classes import guilty_classes

pytestmark = [pytest.mark.nginx, pytest.mark.root]

__all__ = ["play", "src", "web1"]

GOOD = """\
server {{
    listen 127.0.0.1:{port};
    server_name www.example.com;
    add_header Strict-Transport-Security "max-age=31536000" always;
    location / {{ return 200 old; }}
    location /api/ {{ return 200 api; }}
    location /admin/ {{ deny all; }}
    location /old/ {{ return 301 http://www.example.com/new/; }}
    location /new/ {{ return 200 new; }}
    location /mine/ {{
        auth_request /verify;
        proxy_pass http://127.0.0.1:9;
    }}
    location = /verify {{ proxy_pass http://127.0.0.1:9; }}
}}
"""

#: A kernel that lets no process set up a network of its own: one right less than a world needs.
NO_WORLDS = ("setpriv", "--bounding-set=-net_admin")

#: One change of each critical class: what is replaced, by what, and the guilty line.
CRITICAL = {
    "outage": (
        "server_name www.example.com;",
        "server_name www.example.com; return 404;",
        r"conf.d/site.conf:3 \+ return 404",
    ),
    "error-introduced": (
        "return 200 api;",
        "rewrite ^/api/profile /api/profile_list last; return 200 api;",
        r"conf.d/site.conf:6 \+ rewrite \^/api/profile",
    ),
    "access-widened": ("deny all;", "return 200 open;", r"conf.d/site.conf:7 \+ return 200 open"),
    "redirect-loop": (
        "location /new/ { return 200 new; }",
        "location /new/ { return 302 http://www.example.com:PORT/old/; }",
        r"conf.d/site.conf:9 ~ return 200 new -> return 302",
    ),
    "security-header-removed": (
        "location / { return 200 old; }",
        "location / { add_header X-New 1; return 200 old; }",
        r"conf.d/site.conf:5 \+ add_header X-New 1",
    ),
    "auth-subrequest-removed": (
        "auth_request /verify;",
        "auth_request off;",
        r"conf.d/site.conf:11 ~ auth_request /verify -> auth_request off",
    ),
    "cached-redirect-loop": (
        "location /old/ { return 301 http://www.example.com:PORT/new/; }\n    location /new/ { return 200 new; }",
        "location /old/ { return 200 old; }\n    location /new/ { return 302 http://www.example.com:PORT/old/; }",
        r"conf.d/site.conf:9 ~ return 200 new -> return 302",
    ),
}


def good(port: int) -> str:
    return GOOD.format(port=port).replace("www.example.com/new/", f"www.example.com:{port}/new/")


@pytest.fixture
def deployed(web1: Instance, src: Path, play: Play) -> Path:
    """The source of a host that runs the good site, confirmed."""
    site = src / "conf.d" / "site.conf"
    (src / "conf.d" / "site.conf.j2").unlink()
    site.write_text(good(web1.port))
    run = play(nginx_deploy_route_check=False, nginx_deploy_default_probes=0)
    assert run.rc == 0, run.output
    return site


def test_there_is_a_change_of_each_critical_class() -> None:
    # A broken certificate needs a listener with TLS: tests/unit/plugins/plugin_utils/_plan/test_tls_changes.py.
    assert {*CRITICAL, "certificate-broken"} == guilty_classes(["critical"])


@pytest.mark.parametrize("name", CRITICAL)
def test_a_critical_change_is_refused_with_its_request_and_line_and_nothing_changes(
    deployed: Path, web1: Instance, play: Play, name: str, tmp_path: Path
) -> None:
    old, new, guilty = (each.replace("PORT", str(web1.port)) for each in CRITICAL[name])
    text = deployed.read_text()
    assert old in text
    deployed.write_text(text.replace(old, new))
    live = {path: path.read_bytes() for path in web1.conf.rglob("*") if path.is_file()}
    master = web1.master
    run = play(nginx_deploy_lint_fail_on="never")
    assert run.rc == 2, run.output
    assert f"STOPS {name}" in run.flat
    assert f"http://www.example.com:{web1.port}/" in run.output
    assert re.search(guilty, run.flat), run.output
    assert "1 refused" in run.flat
    assert {path: path.read_bytes() for path in web1.conf.rglob("*") if path.is_file()} == live
    assert web1.master == master
    report = json.loads(last_report(tmp_path).read_text())
    assert name in {change["class"] for change in report["behaviour"][0]["changes"]}
    assert {(line["by"], line["file"]) for line in report["culprits"]} == {("bisect", "conf.d/site.conf")}
    postmortem = last_report(tmp_path, "md").read_text()
    assert f"**{name}** (critical)" in postmortem
    assert f"http://www.example.com:{web1.port}/" in postmortem
    assert "`conf.d/site.conf:" in postmortem


def test_a_change_that_is_meant_is_deployed(deployed: Path, web1: Instance, play: Play, tmp_path: Path) -> None:
    old, new, _guilty = CRITICAL["security-header-removed"]
    deployed.write_text(deployed.read_text().replace(old, new))
    accept = "accept:\n  - {class: security-header-removed, server: www.example.com, until: 2999-12-31}\nexpect: []\n"
    (tmp_path / "routes.yml").write_text(accept)
    run = play(nginx_deploy_expectations=str(tmp_path / "routes.yml"))
    assert run.rc == 0, run.output
    assert "X-New" in (web1.conf / "conf.d" / "site.conf").read_text()


def test_a_failed_expectation_refuses_the_change_and_the_line_is_named(
    deployed: Path, play: Play, tmp_path: Path, web1: Instance
) -> None:
    deployed.write_text(deployed.read_text().replace("200 new", "410").replace("200 old", "200 older"))
    (tmp_path / "routes.yml").write_text(
        f"""\
expect:
  - name: there is something at the new place
    request: {{url: "http://www.example.com:{web1.port}/new/"}}
    then: {{status: 200}}
"""
    )
    run = play(nginx_deploy_expectations=str(tmp_path / "routes.yml"))
    assert run.rc == 2, run.output
    assert "EXPECTED" in run.flat
    assert "there is something at the new place" in run.flat
    assert "conf.d/site.conf:9 ~ return 200 new -> return 410" in run.flat.partition("guilty")[2]
    assert "1 refused" in run.flat


def test_where_no_world_can_be_built_nothing_is_deployed_unless_that_is_allowed(
    deployed: Path, web1: Instance, play: Play
) -> None:
    deployed.write_text(deployed.read_text().replace("200 old", "200 new"))
    refused = play(under=NO_WORLDS)
    assert refused.rc == 2, refused.output
    assert "1 refused" in refused.flat
    assert "no private world can be built on this host" in refused.flat
    assert "nginx_deploy_require_route_check" in refused.flat
    assert web1.ask() == "old"
    allowed = play(under=NO_WORLDS, nginx_deploy_require_route_check=False)
    assert allowed.rc == 0, allowed.output
    assert re.search("behaviour not verified: web1: .*(not permitted|denied)", allowed.flat), allowed.output
    assert web1.ask() == "new"


def test_a_gate_that_fails_names_the_line_that_only_the_real_upstream_showed(
    deployed: Path, web1: Instance, play: Play, tmp_path: Path
) -> None:
    text = deployed.read_text()
    text = text.replace("return 200 api;", f"proxy_pass http://127.0.0.1:{free_port()};")
    deployed.write_text(text.replace("200 new", "200 newer").replace("old; }", "older; }"))
    check = {
        "name": "application", "url": "http://www.example.com/api/profile", "status": 200,
        "address": f"127.0.0.1:{web1.port}",
    }  # fmt: skip
    run = play(nginx_deploy_checks=[check])
    assert run.rc == 2, run.output
    assert "rolled back: web1" in run.flat
    lines = r"guilty: conf.d/site.conf:6 - return 200 api; conf.d/site.conf:6 \+ proxy_pass http://127.0.0.1:\d+"
    assert re.search(lines, run.flat), run.output
    assert web1.ask("/api/") == "api"
    postmortem = last_report(tmp_path, "md").read_text()
    assert re.search(
        r"`conf.d/site.conf:6` `\+ proxy_pass http://127.0.0.1:\d+;?`, named by bisect, on web1", postmortem
    )
    assert "1 of 1 host served the change until it was taken back" in postmortem
    assert "**the gate failed: " in postmortem


def test_a_first_deploy_over_what_is_there_is_compared_with_it(web1: Instance, src: Path, play: Play) -> None:
    loop = SITE.format(port=web1.port, answer="new").replace("location / {", "location / { rewrite ^/(.*) /x/$1 last;")
    (src / "conf.d" / "site.conf.j2").write_text(loop)
    run = play(nginx_deploy_lint_fail_on="never")
    assert run.rc == 2, run.output
    assert "rewrite or internal redirection cycle" in run.flat
    assert web1.ask() == "old"


def test_the_plan_shows_lint_difference_and_behaviour_and_changes_nothing(
    deployed: Path, web1: Instance, play: Play
) -> None:
    old, new, _guilty = CRITICAL["error-introduced"]
    deployed.write_text(deployed.read_text().replace(old, new))
    before = web1.fingerprint()
    run = play(playbook="plan", nginx_deploy_lint_fail_on="never")
    assert run.rc == 2, run.output
    for words in ("1 to add", "error-introduced", "conf.d/site.conf:6 + rewrite", "web1"):
        assert words in run.flat, run.output
    assert web1.fingerprint() == before


def test_a_host_that_is_there_already_pays_nothing(deployed: Path, play: Play) -> None:
    run = play("-vvv")
    assert executions(run) == 1, run.output
    assert "1 unchanged" in run.flat
    assert deployed.exists()
