# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Health checks that failed, searched in real private worlds: from where they ask, at which address, and their certificates."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.host import HostOptions
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchAnswer, SearchJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_worlds import search_worlds
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect import BisectResult, Search
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.requests import requests_of_check
from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import make_certificate
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.compared import folder

pytestmark = [pytest.mark.nginx, pytest.mark.root]

#: Name of a pair -> its names, and its end.
PAIRS: t.Final = {
    "good": ("DNS:shop.test", "20700101000000Z"),
    "foreign": ("DNS:other.test", "20700101000000Z"),
    "expired": ("DNS:shop.test", "20240101000000Z"),
}
SITE = """
http {
    server_tokens on;
    keepalive_timeout 60s;
    server {
        listen 8080;
        listen [::]:8080;
        server_name shop.test;
        location / { return 200 all; }
        location /own/ { allow 127.0.0.1; allow ::1; deny all; proxy_pass http://10.0.0.9:80; }
        location /office/ { allow 10.0.0.5; deny all; proxy_pass http://10.0.0.9:80; }
    }
    server {
        listen 127.0.0.1:8080;
        listen unix:/run/shop.sock;
        server_name shop.test;
        location / { return 200 inner; }
    }
    server {
        listen 8081 proxy_protocol;
        server_name shop.test;
        location / { return 200 proxied; }
    }
    server {
        listen 8443 ssl;
        server_name shop.test;
        ssl_certificate tls/good.pem;
        ssl_certificate_key tls/good.key;
        location / { return 200 secure; }
    }
}
"""
#: Changes beside the guilty one.
OTHERS = (("keepalive_timeout 60s", "keepalive_timeout 65s"), ("server_tokens on", "server_tokens off"))
URL = "http://shop.test:8080"
SECURE = {"url": "https://shop.test:8443/", "address": "127.0.0.1:8443"}
BOTH_PAIRS = "ssl_certificate tls/good.pem;\n        ssl_certificate_key tls/good.key;"

#: The check, what is replaced by what, and a part of each guilty line.
CASES: dict[str, tuple[dict[str, t.Any], tuple[str, str], list[str]]] = {
    "a rule about this host": (
        {"url": f"{URL}/own/", "address": "[::1]:8080"},
        ("allow ::1;", "allow ::2;"),
        ["allow ::1 -> allow ::2"],
    ),
    "a default probe, which has keys of its own": (
        {
            "name": "GET http://shop.test:8080/ at 127.0.0.1:8080",
            "url": "http://shop.test:8080/",
            "address": "127.0.0.1:8080",
            "names": ["shop.test"],
            "limits": [{"zone": "one", "period": 1.0}],
        },
        ("return 200 inner;", "return 503;"),
        ["return 200 inner -> return 503"],
    ),
    "a rule about an address of this host": (
        {"url": f"{URL}/office/", "address": "10.0.0.5:8080"},
        ("allow 10.0.0.5;", "allow 10.0.0.6;"),
        ["allow 10.0.0.5 -> allow 10.0.0.6"],
    ),
    "the server of the address": (
        {"url": f"{URL}/", "address": "127.0.0.1:8080"},
        ("return 200 inner;", "return 503;"),
        ["return 200 inner -> return 503"],
    ),
    "the server of all addresses": (
        {"url": f"{URL}/", "address": "192.0.2.4:8080"},
        ("return 200 all;", "return 503;"),
        ["return 200 all -> return 503"],
    ),
    "the server of a socket": (
        {"url": f"{URL}/", "address": "unix:/run/shop.sock"},
        ("return 200 inner;", "return 503;"),
        ["return 200 inner -> return 503"],
    ),
    "a PROXY line that is demanded": (
        {"url": f"{URL}/", "address": "[::1]:8080"},
        ("listen [::]:8080;", "listen [::]:8080 proxy_protocol;"),
        ["proxy_protocol"],
    ),
    "a PROXY line that is not understood any more": (
        {"url": "http://shop.test:8081/", "address": "127.0.0.1:8081", "proxy_protocol": True},
        ("listen 8081 proxy_protocol;", "listen 8081;"),
        ["listen 8081 proxy_protocol -> listen 8081"],
    ),
    "a listener that is gone": ({"tcp": "127.0.0.1:8081"}, ("listen 8081 proxy", "listen 8082 proxy"), ["listen 8081"]),
    "a certificate out of date": (
        {"certificate": "127.0.0.1:8443", "sni": "shop.test"},
        (BOTH_PAIRS, BOTH_PAIRS.replace("good", "expired")),
        ["tls/good.pem -> ssl_certificate tls/expired.pem", "tls/good.key -> ssl_certificate_key tls/expired.key"],
    ),
    "a certificate for another name, of a request": (
        SECURE,
        (BOTH_PAIRS, BOTH_PAIRS.replace("good", "foreign")),
        ["tls/good.pem -> ssl_certificate tls/foreign.pem", "tls/good.key -> ssl_certificate_key tls/foreign.key"],
    ),
    "a certificate by the name of its host": (
        {"certificate": "shop.test:8443"},
        (BOTH_PAIRS, BOTH_PAIRS.replace("good", "foreign")),
        ["tls/good.pem -> ssl_certificate tls/foreign.pem", "tls/good.key -> ssl_certificate_key tls/foreign.key"],
    ),
    "TLS that is gone": (SECURE, ("listen 8443 ssl;", "listen 8443;"), ["listen 8443 ssl -> listen 8443"]),
    "a client certificate": (
        SECURE,
        ("listen 8443 ssl;", "listen 8443 ssl; ssl_verify_client on; ssl_client_certificate tls/good.pem;"),
        ["+ ssl_client_certificate", "+ ssl_verify_client on"],
    ),
    "a header that is looked at": (
        {"url": f"{URL}/", "address": "[::1]:8080", "headers": {"Server": "~nginx/"}},
        ("return 200 inner;", "return 200 other;"),
        ["server_tokens on -> server_tokens off"],
    ),
    "a request of TLS whose answer fails": (SECURE, ("return 200 secure;", "return 503;"), ["return 200 secure -> return 503"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of all pairs."""
    place = tmp_path_factory.mktemp("pairs")
    files = {}
    for name, (names, end) in PAIRS.items():
        make_certificate(place / name, names=names, end=end)
        files[f"tls/{name}.pem"] = (place / name / "cert.pem").read_bytes()
        files[f"tls/{name}.key"] = (place / name / "key.pem").read_bytes()
    return files


def bisected(
    check: dict[str, t.Any], before: str, after: str, files: dict[str, bytes], new: dict[str, bytes]
) -> BisectResult:
    one, other = folder(before, files), folder(after, new)
    search = Search(one, other, requests_of_check(check, one, other).failing)
    options = HostOptions("/etc/nginx", store="/nowhere", timeout=120, limit=300)
    answer = search_worlds(options, decode(SearchJob, encode(search.job())))
    return search.result(decode(SearchAnswer, encode(answer)))


@pytest.mark.parametrize("case", CASES)
def test_the_line_that_makes_a_check_fail_is_found(case: str, pairs: dict[str, bytes]) -> None:
    check, (old, new), guilty = CASES[case]
    assert SITE.count(old) == 1
    after = SITE.replace(old, new)
    for one, other in OTHERS:
        after = after.replace(one, other)
    result = bisected(check, SITE, after, pairs, pairs)
    assert len(result.lines) == len(guilty), result.lines
    assert all(any(part in line for line in result.lines) for part in guilty), result.lines


def test_a_certificate_that_was_replaced_in_its_file_is_found(pairs: dict[str, bytes]) -> None:
    new = pairs | {"tls/good.pem": pairs["tls/expired.pem"], "tls/good.key": pairs["tls/expired.key"]}
    result = bisected(SECURE, SITE, SITE.replace("server_tokens on", "server_tokens off"), pairs, new)
    assert result.lines == ["tls/good.key:1 ~ (the whole file)", "tls/good.pem:1 ~ (the whole file)"]
