# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import parse_check
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.default_probes import default_probes

BLOCK = r"""
server { listen 80 default_server; listen [::]:80; server_name _; return 301 https://$host$request_uri; }
server {
    listen 443 ssl; listen 10.0.0.1:8443 ssl; listen unix:/run/a.sock;
    server_name *.a.test ~^x a.test;
    location / { }
    location /api/ { proxy_pass http://127.0.0.1:1; location /api/v1/ { } }
    location = /health { }
    location /private/ { internal; }
    location ~ \.php$ { }
    location @named { }
    location /wéird { }
    location /gone { return 444; }
}
server { listen 81 proxy_protocol; server_name b.test; }
server { listen 82; server_name c.test; return 444; }
server { listen 443 ssl default_server; server_name ""; ssl_reject_handshake on; }
"""


def probes(block: str = BLOCK, limit: int = 40) -> list[dict[str, t.Any]]:
    config = load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}}}\n".encode()}, config_dir="/etc/nginx")
    return default_probes(config, limit=limit)


def test_the_probes_of_a_configuration() -> None:
    assert [(probe["url"], probe["address"], probe["host"], probe["sni"]) for probe in probes()] == [
        ("http://127.0.0.1/", "127.0.0.1:80", "127.0.0.1", None),
        ("https://a.test/", "127.0.0.1:443", "a.test", "a.test"),
        ("http://[::1]/", "[::1]:80", "[::1]", None),
        ("https://a.test:8443/", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("https://a.test/api/", "127.0.0.1:443", "a.test", "a.test"),
        ("https://a.test:8443/api/", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("https://a.test/api/v1/", "127.0.0.1:443", "a.test", "a.test"),
        ("https://a.test:8443/api/v1/", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("https://a.test/health", "127.0.0.1:443", "a.test", "a.test"),
        ("https://a.test:8443/health", "10.0.0.1:8443", "a.test:8443", "a.test"),
    ]


def test_every_server_gets_its_first_probe_first() -> None:
    block = "".join(f"server {{ listen 80; server_name s{n}.test; location /a {{ }} }}\n" for n in range(5))
    urls = [probe["url"] for probe in probes(block, limit=7)]
    assert urls[:5] == [f"http://s{n}.test/" for n in range(5)]
    assert urls[5:] == ["http://s0.test/a", "http://s1.test/a"]


def test_probes_are_checks_that_the_gate_takes() -> None:
    for probe in probes():
        check = parse_check(probe)
        assert check.status == ((100, 499),)
        assert not check.verify
        assert check.origin["file"] == "nginx.conf"
        assert check.origin["line"] > 1


def test_the_limit() -> None:
    assert probes(limit=0) == []
    assert len(probes(limit=3)) == 3
    with pytest.raises(RouteError):
        probes(limit=-1)


def test_no_server_no_probe() -> None:
    assert probes("") == []
