# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS against the real nginx: SNI, trust, names, dates."""

from __future__ import annotations

import ssl
import subprocess
import time
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.certificate import (
    Certificate,
    read_certificate,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._health.check import run_check
from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import make_certificate
from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

if t.TYPE_CHECKING:
    from pathlib import Path

# Each xdist worker runs its own nginx.
PORT = free_port()
ADDRESS = f"127.0.0.1:{PORT}"
SITES = {
    "good.example": {"names": "DNS:good.example,IP:127.0.0.1"},
    "wild.example": {"names": "DNS:*.wild.example"},
    "expired.example": {"names": "DNS:expired.example", "end": "20210101000000Z"},
    "future.example": {"names": "DNS:future.example", "start": "20690101000000Z"},
    "nameless.example": {"names": ""},
    "soon.example": {
        "names": "DNS:soon.example",
        "end": time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 3 * 86400)),
    },
}
SERVER = """
server {{
    listen 127.0.0.1:{port} ssl{default};
    server_name {name} *.{name};
    ssl_certificate {dir}/{name}/cert.pem;
    ssl_certificate_key {dir}/{name}/key.pem;
    location / {{ return 200 "{name} $ssl_server_name"; }}
    location = /broken {{ return 500; }}
    location = /gone {{ return 444; }}
    location = /old {{ return 301 https://$host/new; }}
}}
"""
MAIN = """
worker_processes 1;
daemon off;
master_process off;
pid {dir}/pid;
error_log {dir}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    server {{ listen 127.0.0.1:{port} ssl; server_name rejected.example; ssl_reject_handshake on; }}
    {servers}
}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Path]:
    folder = tmp_path_factory.mktemp("nginx")
    for name, options in SITES.items():
        make_certificate(folder / name, **options)
    servers = "".join(
        SERVER.format(port=PORT, name=name, dir=folder, default=" default_server" if name == "good.example" else "")
        for name in SITES
    )
    (folder / "nginx.conf").write_text(MAIN.format(dir=folder, port=PORT, servers=servers))
    command = ["/usr/sbin/nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + 10
        while not run_check({"tcp": ADDRESS, "timeout": 1}).ok:
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < end
        yield folder
    finally:
        process.terminate()
        process.wait(10)


def ask(path: str = "/", host: str = "good.example", **keys: t.Any) -> dict[str, t.Any]:
    return run_check({"url": f"https://{host}{path}", "address": ADDRESS, **keys})


@pytest.mark.nginx
def test_sni_and_host_come_from_the_url(site: Path) -> None:
    assert ask(host="a.wild.example", verify=False, body=r"^wild\.example a\.wild\.example$", ca=f"{site}/none").ok
    assert ask(verify=True, ca=f"{site}/good.example/cert.pem", status=200).ok


@pytest.mark.nginx
def test_sni_and_host_can_differ(site: Path) -> None:
    assert site
    assert ask(verify=False, sni="a.wild.example", body="^good.example a.wild.example$").ok
    assert ask(verify=False, host="good.example", sni="", body="^good.example $").ok
    result = run_check(
        {"url": f"https://127.0.0.1:{PORT}/", "verify": False, "host": "wild.example", "body": "^wild.example $"},
    )
    assert result.ok, "an IP address is never sent as SNI"


@pytest.mark.nginx
@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "certificate not trusted: self"),
        ({"ca": "{site}/wild.example/cert.pem"}, "certificate not trusted: self"),
        ({"ca": "{site}/good.example/cert.pem", "sni": "other.example"}, "certificate not trusted: Hostname mismatch"),
        ({"host": "expired.example", "ca": "{site}/expired.example/cert.pem"}, "certificate has expired"),
        ({"ca": "{site}/none.pem"}, "cannot use the CA file {site}/none.pem: No such file"),
        ({"ca": "{site}/nginx.conf"}, "cannot use the CA file {site}/nginx.conf: "),
        ({"sni": "rejected.example"}, "TLS failed: "),
        ({"path": "/broken", "verify": False, "status": 200}, "expected status 200, got 500"),
    ],
)
def test_untrusted_is_a_definite_failure(site: Path, keys: dict[str, t.Any], reason: str) -> None:
    keys = {key: value.format(site=site) if key == "ca" else value for key, value in keys.items()}
    result = ask(**keys)
    assert (result.ok, result.failure) == (False, "wrong")
    assert reason.format(site=site) in result.reason


@pytest.mark.nginx
def test_closed_without_an_answer_and_redirected(site: Path) -> None:
    assert site
    gone = ask("/gone", verify=False)
    assert gone.failure == "connection", gone.reason
    assert ask("/old", verify=False, status=301, location="https://good.example/new").ok
    result = run_check({"url": f"http://127.0.0.1:{PORT}/"})
    assert "expected status 200-399, got 400" in result.reason, "plain HTTP to a TLS port"


CERTIFICATES = [
    ("good.example", {}, "certificate good for "),
    ("127.0.0.1", {"sni": "127.0.0.1"}, "certificate good for "),
    ("a.wild.example", {}, "certificate good for "),
    ("wild.example", {}, "expected a certificate for wild.example, got one for *.wild.example"),
    ("a.b.wild.example", {}, "expected a certificate for a.b.wild.example, got one for *.wild.example"),
    ("nameless.example", {}, "expected a certificate for nameless.example, got one for no name at all"),
    (
        "expired.example",
        {},
        "expected a certificate that is valid now, got one that expired on 2021-01-01 00:00:00 UTC",
    ),
    ("future.example", {}, "expected a certificate that is valid now, got one that is not valid yet"),
    ("soon.example", {}, "expected a certificate good for 7 days, got 3.0 (until "),
    ("soon.example", {"min_days": 2}, "certificate good for 3 days"),
    ("rejected.example", {}, "TLS failed: "),
    ("good.example", {"verify": True}, "certificate not trusted: self"),
    ("good.example", {"verify": True, "ca": "good.example/cert.pem"}, "certificate good for "),
    ("wild.example", {"verify": True, "ca": "wild.example/cert.pem"}, "expected a certificate for wild.example"),
]


@pytest.mark.nginx
@pytest.mark.parametrize(("name", "keys", "reason"), CERTIFICATES, ids=[f"{c[0]} {c[1]}" for c in CERTIFICATES])
def test_certificates(site: Path, name: str, keys: dict[str, t.Any], reason: str) -> None:
    keys = {"verify": False, "sni": name, **keys}
    if "ca" in keys:
        keys["ca"] = str(site / keys["ca"])
    result = run_check({"certificate": ADDRESS, **keys})
    assert result.reason.startswith(f"certificate {ADDRESS}: {reason}")
    assert result.ok is reason.startswith("certificate good")


def test_a_certificate_is_read_as_openssl_reads_it(tmp_path: Path) -> None:
    names = "DNS:Www.Example.com,DNS:*.a.example,IP:127.0.0.1,IP:::1,email:x@y.z,URI:http://q"
    make_certificate(tmp_path / "c", names=names, start="19970101010203Z", end="20991231235959Z")
    pem = (tmp_path / "c" / "cert.pem").read_text()
    certificate = read_certificate(ssl.PEM_cert_to_DER_cert(pem))
    assert certificate.not_before == ssl.cert_time_to_seconds("Jan  1 01:02:03 1997 GMT")
    assert certificate.not_after == ssl.cert_time_to_seconds("Dec 31 23:59:59 2099 GMT")
    assert certificate.names == ("www.example.com", "*.a.example", "127.0.0.1", "::1")


@pytest.mark.parametrize("cut", [0, 1, 2, 4, 60, 150, -1])
def test_what_is_no_certificate_is_a_value_error(tmp_path: Path, cut: int) -> None:
    make_certificate(tmp_path / "c", names="DNS:a")
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "c" / "cert.pem").read_text())
    with pytest.raises(ValueError, match="not a DER certificate"):
        read_certificate(der[:cut])


@pytest.mark.parametrize(
    ("name", "names", "matches"),
    [
        ("a.example", ("a.example",), True),
        ("A.Example.", ("a.example",), True),
        ("b.a.example", ("*.a.example",), True),
        ("a.example", ("*.a.example",), False),
        ("c.b.a.example", ("*.a.example",), False),
        ("*.a.example", ("b.a.example",), False),
        ("example", ("*.",), False),
        ("::1", ("0:0:0:0:0:0:0:1",), True),
        ("127.0.0.1", ("127.0.0.2",), False),
        ("127.0.0.1", ("*.0.0.1",), False),
        ("a.example", (), False),
    ],
)
def test_names(name: str, names: tuple[str, ...], *, matches: bool) -> None:
    assert Certificate(0, 0, names).matches(name) is matches
