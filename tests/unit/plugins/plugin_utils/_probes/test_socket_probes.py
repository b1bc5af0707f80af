# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes of sockets that speak no HTTP: stream, QUIC and TLS."""

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome, UpstreamRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.socket_changes import socket_class
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import plan_probes

Sent = tuple[str, str, int, str | None]


def sent(text: str) -> set[Sent]:
    config = load_files({"nginx.conf": f"events {{}}\n{text}\n".encode()}, config_dir="/etc/nginx")
    probes = plan_probes(None, config).probes
    return {
        (each.protocol, each.listen.address, each.listen.port, each.sni) for each in probes if each.protocol != "http"
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http { server { listen 80; } }", set()),
        ("http { server { listen 443 quic reuseport; listen 443 ssl; } }", {("quic", "0.0.0.0", 443, None)}),
        ("http { server { listen [2001:db8::1]:443 quic; } }", {("quic", "2001:db8::1", 443, None)}),
        ("stream { server { listen 25; proxy_pass a:25; } }", {("tcp", "0.0.0.0", 25, None)}),
        ("stream { server { listen [::]:53 udp; proxy_pass a:53; } }", {("udp", "::", 53, None)}),
        (
            "stream { server { listen 7000-7001; proxy_pass a:25; } }",
            {("tcp", "0.0.0.0", 7000, None), ("tcp", "0.0.0.0", 7001, None)},
        ),
        ("stream { server { listen unix:/run/s.sock; proxy_pass a:25; } }", {("tcp", "unix:/run/s.sock", 0, None)}),
        ("stream { server { listen host.test:25; proxy_pass a:25; } }", set()),
        (
            "stream { map $ssl_preread_server_name $to { a.test x:1; default y:1; } server { listen 443; proxy_pass $to; } }",
            {("tcp", "0.0.0.0", 443, None), ("tcp", "0.0.0.0", 443, "a.test"), ("tcp", "0.0.0.0", 443, "unknown.invalid")},
        ),
        (
            "stream { map $ssl_preread_protocol $to { TLSv1.2 x:1; default y:1; } server { listen 443; proxy_pass $to; } }",
            {("tcp", "0.0.0.0", 443, None)},
        ),
    ],
)  # fmt: skip
def test_each_socket_and_name_is_asked(text: str, expected: set[Sent]) -> None:
    assert sent(text) == expected


TLS = """events {}
http { server { listen 443 ssl; server_name shop.test; ssl_certificate tls/a.pem; ssl_certificate_key tls/a.key; } }
"""


@pytest.mark.parametrize(
    ("changed", "asked"),
    [([], False), (["b.pem"], False), (["tls/a.pem"], True), (["tls/a.key"], True), (None, True)],
    ids=["nothing", "another file", "the certificate", "the key", "not known"],
)
def test_a_handshake_is_made_where_its_files_may_differ(changed: list[str] | None, *, asked: bool) -> None:
    config = load_files({"nginx.conf": TLS.encode()}, config_dir="/etc/nginx")
    probes = plan_probes(config, config, changed_files=changed).probes
    assert any(each.protocol == "tls" for each in probes) is asked


OPEN, SHUT = ProbeOutcome("s1"), ProbeOutcome("s1", closed="refused")
DB = ProbeOutcome("s1", upstreams=[UpstreamRequest("tcp://db:5432", "tcp")])


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        (OPEN, SHUT, {"closed"}, "lost"),
        (SHUT, OPEN, {"closed"}, "new"),
        (SHUT, SHUT, set(), None),
        (SHUT, ProbeOutcome("s1", closed="timeout"), {"closed"}, None),
        (DB, SHUT, {"closed", "upstream"}, "lost"),
        (DB, DB, {"upstream"}, "upstream-changed"),
        (DB, OPEN, {"upstream"}, "upstream-changed"),
        (OPEN, OPEN, {"body"}, "file-changed"),
        (OPEN, OPEN, set(), None),
    ],
)
def test_classes_of_sockets(old: ProbeOutcome, new: ProbeOutcome, found: set[str], expected: str | None) -> None:
    assert socket_class(old, new, frozenset(found)) == expected
