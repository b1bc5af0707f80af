# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits that people make every day, on sites of every kind: none of them is stopped."""

from __future__ import annotations

import base64
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, read_answer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource
from ansible_collections.failsafe.nginx.tests.incidents.hosts import write_certificate

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport

pytestmark = [pytest.mark.nginx, pytest.mark.root]

SITES = Path(__file__).resolve().parents[1] / "unit/plugins/plugin_utils/_lint/known_good_sites"
OPTIONS = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0)
Files = dict[str, bytes]

_SERVER = re.compile(r"^[ \t]*server\s*\{", re.MULTILINE)
_HTTP = re.compile(r"^http\s*\{", re.MULTILINE)
_FIRST_LINES = re.compile(r"^([ \t]*server\s*\{\n)([^{}\n]+;\n)([^{}\n]+;\n)", re.MULTILINE)
_HEADER = re.compile(r"^([ \t]*)(add_header [^;]+;)", re.MULTILINE)


def side(files: Files) -> ConfigSource:
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(files, config_dir="/etc/nginx"), files)


def check(before: Files, after: Files) -> RouteCheckReport:
    one = RouteCheck(side(before), side(after))
    job = host.unpack_job(RouteCheckJob, pack(encode(one.job())))
    return one.judge(read_answer(unpack(host.pack_answer(run(OPTIONS, job)))))


def in_servers(text: str) -> Callable[[str], str]:
    return lambda conf: _SERVER.sub(lambda found: f"{found[0]}\n    {text}\n", conf)


def in_http(text: str) -> Callable[[str], str]:
    return lambda conf: _HTTP.sub(lambda found: f"{found[0]}\n    {text}\n", conf, count=1)


def behind(text: str) -> Callable[[str], str]:
    """Add a server behind all others, where it is the default of no socket."""
    return lambda conf: re.sub(r"\}\s*\Z", f"{text}\n}}\n", conf)


def another_order(conf: str) -> str:
    """Change places of the first two lines of each server."""
    return _FIRST_LINES.sub(r"\1\3\2", conf)


def another_header(conf: str) -> str:
    """Add a header beside the first one: where one is, no other is inherited."""
    if _HEADER.search(conf):
        return _HEADER.sub(r"\1\2\n\1add_header X-Release 42;", conf, count=1)
    return in_http("add_header X-Release 42;")(conf)


EDITS: dict[str, Callable[[str], str]] = {
    "a comment": in_servers("# Whoever changes this: ask the team first; it's {old}."),
    "another order": another_order,
    "another site": behind("server { listen 80; server_name new.invalid; location / { return 200 new; } }"),
    "a location for monitoring": in_servers("location = /monitoring-7f3a { access_log off; return 200 ok; }"),
    "a header": another_header,
    "a redirect for a page that was not there": in_servers("location = /gone-7f3a.html { return 301 /; }"),
    "another log": in_http("access_log /var/log/nginx/all.log; error_log /var/log/nginx/all-errors.log warn;"),
    "other timeouts": in_servers("send_timeout 20s; proxy_read_timeout 90s; client_header_timeout 20s;"),
    "more workers": lambda conf: re.sub(r"worker_connections\s+\d+", "worker_connections 4000", conf),
    "blank lines": lambda conf: conf.replace("\n", "\n\n"),
}
#: Everything of this site is behind a login: a location without it opens something.
PROTECTED = "auth-proxy"
OPENING = ("a location for monitoring", "a redirect for a page that was not there")
CASES = [
    (site.name, edit)
    for site in sorted(SITES.iterdir())
    for edit in EDITS
    if site.name != PROTECTED or edit not in OPENING
]


def edited(site: str, edit: str) -> RouteCheckReport:
    files = {path.name: path.read_bytes() for path in (SITES / site).iterdir()}
    # nginx has this directive from 1.25.1 on.
    text = files["nginx.conf"].decode().replace("http2 on;", "")
    new = EDITS[edit](text)
    assert new != text
    return check(files | {"nginx.conf": text.encode()}, files | {"nginx.conf": new.encode()})


@pytest.mark.parametrize(("site", "edit"), CASES)
def test_a_harmless_edit_passes(site: str, edit: str) -> None:
    report = edited(site, edit)
    assert report.requests
    assert [(each.name, each.as_dict()) for each in report.gate()] == []


def test_a_location_without_the_login_of_its_site_is_stopped() -> None:
    stopped = {each.name for each in edited(PROTECTED, "a location for monitoring").gate()}
    assert stopped & {"access-widened", "auth-subrequest-removed"}


def test_every_site_gets_every_edit() -> None:
    assert len(CASES) >= 130


SECURE = """\
events {}
http {
    server {
        listen 443 ssl; server_name shop.test www.shop.test;
        ssl_certificate tls/shop.crt; ssl_certificate_key tls/shop.key;
        location / { return 200 hello; }
    }
}
"""


def test_a_renewed_certificate_of_the_same_names_passes(tmp_path: Path) -> None:
    sides = []
    for name, renewed in (("old", False), ("new", True)):
        write_certificate(tmp_path / name, "shop", ["shop.test", "www.shop.test"], renewed=renewed)
        tls = {f"tls/{path.name}": path.read_bytes() for path in (tmp_path / name).iterdir()}
        sides.append({"nginx.conf": SECURE.encode(), **tls})
    assert [each.name for each in check(*sides).gate()] == []
