# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes that `nginx -t` accepts, in private worlds with a real nginx: each one is named, and a refactoring is not."""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import World
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    ComparedSide,
    RouteCheckReport,
    compare,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import instrument

pytestmark = [pytest.mark.nginx, pytest.mark.root]

SITE = r"""
events {}
http {
    upstream users { server 10.0.0.1:8080; server 10.0.0.2:8080; }
    map $http_user_agent $bot { default 0; "~*curl" 1; }
    map $uri $moved { default ""; /blog /news; }
    server { listen 80 default_server; listen [::]:80 default_server; return 444; }
    server {
        listen 80; listen [::]:80;
        server_name www.example.com;
        add_header Strict-Transport-Security "max-age=31536000" always;
        add_header X-Frame-Options DENY;
        rewrite ^/p/([0-9]+)$ /index.php?p=$1 last;
        if ($moved) { return 301 $moved; }
        location / { root /var/www/site; try_files $uri $uri/ /index.php?$args; }
        location ~ \.php$ {
            fastcgi_pass unix:/run/php/php.sock;
            fastcgi_param SCRIPT_FILENAME /var/www/site$fastcgi_script_name;
            fastcgi_param REQUEST_METHOD $request_method;
        }
        location /admin/ { allow 192.0.2.0/24; deny all; proxy_pass http://users; }
        location /private/ { auth_basic "private"; auth_basic_user_file users; proxy_pass http://users; }
        location /api/ { auth_request /auth; proxy_set_header Host $host; proxy_pass http://users/v1/; }
        location = /auth { internal; proxy_pass http://auth.internal:9000/verify; }
        location /old { return 301 /new; }
        location /new { return 200 new; }
        location /static/ { alias /srv/static/; }
        location /limited/ { limit_except GET { deny all; } proxy_pass http://users; }
    }
    server {
        listen 80; server_name api.example.com;
        location / { proxy_pass http://users; proxy_set_header X-Forwarded-For $remote_addr; }
    }
}
"""


def tree(folder: Path, files: dict[str, bytes]) -> str:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "users").write_text("me:{PLAIN}x\n")
    return str(folder)


class Check:
    """Runs both configurations, plain and instrumented."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = 0
        self.instance = Instance(binary=shutil.which("nginx") or "/usr/sbin/nginx", config_dir="/etc/nginx")

    def __call__(self, before: str, after: str) -> RouteCheckReport:
        files = [{"nginx.conf": text.encode()} for text in (before, after)]
        configs = [load_files(each, config_dir="/etc/nginx") for each in files]
        plan = plan_probes(*configs)
        sides = []
        for content, config in zip(files, configs, strict=True):
            changed, markers = instrument(config)
            outcomes = self._run(plan, content)
            traced = self._run(plan, {**content, **changed}, trace=True)
            assert [each.status for each in traced] == [each.status for each in outcomes]
            assert outcomes
            sides.append(ComparedSide(outcomes, config=config, markers=markers, traced=traced))
        return compare(plan.probes, *sides, diff=diff(*configs))

    def _run(self, plan: t.Any, files: dict[str, bytes], *, trace: bool = False) -> list[ProbeOutcome]:
        self.runs += 1
        folder = tree(self.folder / str(self.runs), files)
        with World(
            self.instance,
            folder,
            listens=plan.listens,
            fs="empty",
            trace=trace,
        ) as world:
            return world.probe(plan.probes)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return Check(tmp_path)


# What is replaced by what, the class that has to be reported, and a line that has to be blamed.
BREAKING: dict[str, tuple[str, str, str, str]] = {
    "the outage: a rewrite in a circle": (
        "/index.php?p=$1 last;",
        "/product/$1 last; location /product/ { rewrite ^/product/(.*)$ /product/item/$1 last; }",
        "error-introduced",
        "/product/$1 last",
    ),
    "try_files without its script": (
        "/index.php?$args; }",
        "/none.html; }",
        "error-introduced",
        "try_files",
    ),
    "an upstream by name that is a path": (
        "proxy_pass http://users/v1/;",
        "rewrite ^ /api/x last; proxy_pass http://users/v1/;",
        "error-introduced",
        "rewrite ^ /api/x last",
    ),
    "a redirect to itself": ("return 200 new;", "return 302 /new;", "redirect-loop", "return"),
    "redirects in a circle": ("return 200 new;", "return 301 /old;", "redirect-loop", "return"),
    "turned round": (
        "location /old { return 301 /new; } location /new { return 200 new; }",
        "location /old { return 200 old; } location /new { return 301 /old; }",
        "cached-redirect-loop",
        "/old",
    ),
    "deny is gone": (
        "deny all; proxy_pass http://users; }\n        location /private",
        "proxy_pass http://users; }\n        location /private",
        "access-widened",
        "deny all",
    ),
    "the password is gone": ('auth_basic "private";', "auth_basic off;", "access-widened", "auth_basic"),
    "allowed too widely": ("allow 192.0.2.0/24;", "allow 198.51.100.0/24;", "access-widened", "allow"),
    "methods are no longer limited": ("limit_except GET { deny all; }", "", "access-widened", "limit_except"),
    "a regex takes the admin's place": (
        "location ~ \\.php$ {",
        "location ~ ^/adm { proxy_pass http://users; } location ~ \\.php$ {",
        "access-widened",
        "location ~ ^/adm",
    ),
    "authorisation is gone": ("auth_request /auth;", "", "auth-subrequest-removed", "auth_request"),
    "authorisation that is always given": (
        "proxy_pass http://auth.internal:9000/verify;",
        "return 204;",
        "auth-subrequest-removed",
        "return 204",
    ),
    "a header hides the inherited ones": (
        "location /new { return",
        "location /new { add_header X-New 1; return",
        "security-header-removed",
        "add_header X-New",
    ),
    "HSTS is gone": (
        'add_header Strict-Transport-Security "max-age=31536000" always;',
        "",
        "security-header-removed",
        "Strict-Transport-Security",
    ),
    "a listener is gone": ("listen 80; listen [::]:80;\n", "listen 80;\n", "outage", "listen"),
    "a server is gone": ("server_name api.example.com;", "server_name api.example.org;", "outage", "api.example"),
    "a location is gone": ("location /new { return 200 new; }", "location /new { return 404; }", "lost", "return"),
    "another redirect": ("/blog /news;", "/blog /newspaper;", "redirect-changed", "/blog"),
    "a slash too few": ("http://users/v1/;", "http://users/v1;", "upstream-changed", "proxy_pass"),
    "another upstream": ("proxy_pass http://auth.internal:9000/verify;", "proxy_pass http://auth.internal:9001/verify;", "upstream-changed", "9001"),
    "no Host": ("proxy_set_header Host $host;", "", "upstream-headers-changed", "Host"),
    "another script": ("/var/www/site$fastcgi", "/var/www/other$fastcgi", "file-changed", "fastcgi_param"),
    "another folder": ("alias /srv/static/;", "alias /srv/statics/;", "file-changed", "alias"),
    "a permanent redirect is temporary": ("return 301 /new;", "return 302 /new;", "status-changed", "return"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "name", "cause"), BREAKING.values(), ids=BREAKING)
def test_breaking_changes_are_named(check: Check, old: str, new: str, name: str, cause: str) -> None:
    before = SITE.replace("/new; }\n        location /new", "/new; } location /new")
    assert before.count(old) == 1
    report = check(before, before.replace(old, new))
    found = {change.name: change for change in reversed(report.changes)}
    assert name in found, [(change.name, change.where) for change in report.changes]
    lines = json.dumps([each.as_dict() for change in report.changes if change.name == name for each in change.causes])
    assert cause in lines
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()


REFACTORED: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "order of locations": (
        "location /old { return 301 /new; } location /new { return 200 new; }",
        "location /new { return 200 new; } location /old { return 301 /new; }",
    ),
    "layout": ("server_name www.example.com;", "# the site\n        server_name   www.example.com ;"),
    "a comment": ("proxy_pass http://auth.internal:9000/verify;", "proxy_pass http://auth.internal:9000/verify; # x\n"),
    "order of peers": ("server 10.0.0.1:8080; server 10.0.0.2:8080;", "server 10.0.0.2:8080; server 10.0.0.1:8080;"),
    "a setting that no request shows": (
        "add_header X-Frame-Options DENY;",
        "add_header X-Frame-Options DENY; sendfile on;",
    ),
}


@pytest.mark.parametrize(("old", "new"), REFACTORED.values(), ids=REFACTORED)
def test_a_refactoring_changes_nothing(check: Check, old: str, new: str) -> None:
    before = SITE.replace("/new; }\n        location /new", "/new; } location /new")
    report = check(before, before.replace(old, new))
    assert [(change.name, change.where, change.example.after) for change in report.changes] == []
    assert report.unverified_changes == []


def test_three_runs_are_one(check: Check) -> None:
    after = SITE.replace("deny all; proxy_pass", "proxy_pass").replace("return 301 /new", "return 301 /news")
    texts = {json.dumps(check(SITE, after).as_dict(), sort_keys=True) for _unused in range(3)}
    assert len(texts) == 1


def test_coverage_of_the_site(check: Check) -> None:
    coverage = check(SITE, SITE).coverage.as_dict()
    assert (coverage["covered"], coverage["total"]) == (15, 15), coverage["uncovered"]
    # Nothing reads $bot.
    assert coverage["maps"] == {"covered": 2, "total": 4}, coverage["uncovered"]
