# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules on injection, headers, access, PHP, TLS and resources claim, asked of a real nginx."""

from __future__ import annotations

import base64
import importlib.util
import re
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest

pytestmark = pytest.mark.nginx


def _load_helper() -> t.Any:
    spec = importlib.util.spec_from_file_location("failsafe_real_server", Path(__file__).parent / "real_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_helper = _load_helper()
Nginx, Upstream, fastcgi, fixture = _helper.Nginx, _helper.Upstream, _helper.fastcgi, _helper.fixture
BREAK = "%0d%0aX-Injected:1"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("redirect_uri", f"/{BREAK}"),
        ("capture", f"/old/{BREAK}"),
        ("rewrite_named", f"/old/{BREAK}"),
        ("through_map", f"/old/{BREAK}"),
    ],
)
def test_a_client_writes_a_header_of_the_answer(tmp_path: Path, name: str, target: str) -> None:
    with Nginx(tmp_path, fixture("header-splitting", "fire", name)) as nginx:
        assert "\r\nX-Injected:1\r\n" in nginx.ask(target)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("request_uri", f"/{BREAK}"),
        ("patterns_without_line_breaks", f"/dot/{BREAK}"),
        ("patterns_without_line_breaks", f"/word/a{BREAK}"),
        ("patterns_without_line_breaks", "/word/a%0a"),
        ("rewrite_escapes", f"/old/{BREAK}"),
        ("rewrite_escapes", f"/in/{BREAK}"),
        ("refused", f"/{BREAK}"),
    ],
)
def test_nobody_writes_a_header_of_a_good_answer(tmp_path: Path, name: str, target: str) -> None:
    with Nginx(tmp_path, fixture("header-splitting", "silent", name)) as nginx:
        head = nginx.ask(target).partition("\r\n\r\n")[0]
        assert "\nX-Injected" not in head
        assert "\n" not in head.replace("\r\n", "")


@pytest.mark.parametrize(
    ("name", "target"), [("upstream_header", f"/app/{BREAK}"), ("upstream_path", f"/app/%20HTTP/1.0{BREAK}")]
)
def test_a_client_writes_a_header_of_the_request(tmp_path: Path, name: str, target: str) -> None:
    with Upstream() as upstream:
        block = fixture("header-splitting", "fire", name).replace("8081", str(upstream.port))
        with Nginx(tmp_path, block) as nginx:
            nginx.ask(target)
    assert b"\r\nX-Injected:1" in upstream.requests[0]


def test_an_unchecked_user_name_ends_the_headers(tmp_path: Path) -> None:
    user = base64.b64encode(b"a\r\n\r\n<script>:").decode()
    with Nginx(tmp_path, fixture("header-splitting", "fire", "remote_user")) as nginx:
        assert "\r\nX-User: a\r\n\r\n<script>" in nginx.ask("/", f"Authorization: Basic {user}")


@pytest.mark.parametrize(
    ("name", "target", "header"),
    [
        ("argument", "/fetch?host=127.0.0.1:{port}", ""),
        ("capture", "/proxy/127.0.0.1:{port}/latest", ""),
        ("through_set_and_map", "/", "X-Backend: 127.0.0.1:{port}"),
    ],
)
def test_a_client_chooses_the_host(tmp_path: Path, name: str, target: str, header: str) -> None:
    with Upstream() as upstream, Nginx(tmp_path, fixture("ssrf", "fire", name)) as nginx:
        headers = [header.format(port=upstream.port)] if header else []
        assert nginx.ask(target.format(port=upstream.port), *headers).startswith("HTTP/1.1 200 ")
    assert upstream.connections == 1


def test_the_host_header_is_not_the_name_that_nginx_checked(tmp_path: Path) -> None:
    for kind, name, host in (("fire", "server", b"evil.test"), ("silent", "host", b"a.test")):
        folder = tmp_path / kind
        folder.mkdir()
        with Upstream() as upstream:
            block = fixture("host-header-spoofing", kind, name).replace("8081", str(upstream.port))
            with Nginx(folder, block) as nginx:
                nginx.ask("http://a.test/", host="evil.test")
        assert b"\r\nHost: " + host + b"\r\n" in upstream.requests[0]


@pytest.mark.parametrize(("kind", "name", "kept"), [("fire", "location", False), ("silent", "repeated", True)])
def test_security_headers_are_lost(tmp_path: Path, kind: str, name: str, kept: bool) -> None:  # noqa: FBT001
    with Nginx(tmp_path, fixture("security-headers-lost", kind, name)) as nginx:
        (tmp_path / "srv" / "assets").mkdir()
        (tmp_path / "srv" / "assets" / "a.css").write_text("a")
        answer = nginx.ask("/assets/a.css")
        assert ("X-Frame-Options: DENY" in answer) is kept
        assert "Cache-Control: public" in answer


@pytest.mark.parametrize(
    ("kind", "name", "host"), [("fire", "location", b"127.0.0.1:"), ("silent", "repeated", b"a.test")]
)
def test_request_headers_are_lost(tmp_path: Path, kind: str, name: str, host: bytes) -> None:
    with Upstream() as upstream:
        block = fixture("proxy-headers-lost", kind, name).replace("8081", str(upstream.port))
        with Nginx(tmp_path, block) as nginx:
            nginx.ask("/ws")
    assert b"\r\nHost: " + host in upstream.requests[0]


@pytest.mark.parametrize(
    ("rule", "name"), [("fastcgi-params-lost", "location"), ("php-script-filename", "none")], ids=["lost", "missing"]
)
def test_php_is_not_told_which_file_to_run(tmp_path: Path, rule: str, name: str) -> None:
    assert b"SCRIPT_FILENAME" not in fastcgi(tmp_path, rule, "fire", name, "/index.php")


@pytest.mark.parametrize(("rule", "name"), [("fastcgi-params-lost", "inherited"), ("php-script-filename", "set")])
def test_php_is_told_which_file_to_run(tmp_path: Path, rule: str, name: str) -> None:
    assert b"SCRIPT_FILENAME" in fastcgi(tmp_path, rule, "silent", name, "/index.php")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [("fire", "script_name", b""), ("silent", "kept", b"/a"), ("silent", "no_try_files", b"/a")],
)
def test_path_info_is_empty_after_try_files(tmp_path: Path, kind: str, name: str, expected: bytes) -> None:
    got = fastcgi(tmp_path, "php-path-info", kind, name, "/index.php/a")
    length = bytes([len("PATH_INFO"), len(expected)])
    assert length + b"PATH_INFO" + expected in got


@pytest.mark.parametrize(("kind", "name", "count"), [("fire", "returned", 2), ("silent", "default_type", 1)])
def test_a_second_content_type(tmp_path: Path, kind: str, name: str, count: int) -> None:
    with Nginx(tmp_path, fixture("add-header-content-type", kind, name)) as nginx:
        assert nginx.ask("/version").lower().count("\r\ncontent-type:") == count


def test_a_header_over_two_lines(tmp_path: Path) -> None:
    text = fixture("add-header-multiline", "fire", "policy").replace("root /srv/public;", 'return 200 "";')
    with Nginx(tmp_path, text) as nginx:
        assert "Content-Security-Policy: default-src 'self';\n" in nginx.ask("/")


@pytest.mark.parametrize(("kind", "name", "status"), [("fire", "location", "200"), ("silent", "denied", "403")])
def test_allow_alone_lets_everybody_in(tmp_path: Path, kind: str, name: str, status: str) -> None:
    with Upstream() as upstream:
        block = fixture("allow-without-deny", kind, name).replace("8081", str(upstream.port))
        with Nginx(tmp_path, block) as nginx:
            assert nginx.ask("/admin/").startswith(f"HTTP/1.1 {status} ")


@pytest.mark.parametrize(("kind", "names"), [("fire", ("none", "no_key")), ("silent", ("rejects", "no_tls"))])
def test_a_tls_server_needs_a_certificate(tmp_path: Path, kind: str, names: tuple[str, ...]) -> None:
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        text = re.sub(
            r"^events \{\}\nhttp \{\n(.*)\}\n$", r"\1", fixture("certificate-missing", kind, name), flags=re.DOTALL
        )
        refusal = Nginx(folder, text).refusal()
        assert bool(re.search('no "ssl_certificate(_key)?" is defined', refusal)) is (kind == "fire")
        assert bool(refusal) is (kind == "fire")


def test_error_log_off_is_a_file(tmp_path: Path) -> None:
    with Nginx(tmp_path, "error_log off;\nserver { listen 80; }"):
        assert (tmp_path / "off").exists()


@pytest.mark.parametrize(("kind", "name", "status"), [("fire", "literal", "500"), ("silent", "possessive", "404")])
def test_a_pattern_that_goes_back_too_often(tmp_path: Path, kind: str, name: str, status: str) -> None:
    with Nginx(tmp_path, fixture("regex-redos", kind, name)) as nginx:
        assert nginx.ask(f"/{'a' * 60}!").startswith(f"HTTP/1.1 {status} ")
        assert ("pcre2_match() failed" in nginx.log()) is (status == "500")


@pytest.mark.parametrize(
    ("kind", "name", "connections"), [("fire", "neither", 3), ("fire", "close_is_left", 3), ("silent", "both", 1)]
)
def test_connections_to_upstreams(tmp_path: Path, kind: str, name: str, connections: int) -> None:
    with Upstream() as upstream:
        block = fixture("keepalive-without-http11", kind, name).replace("8081", str(upstream.port))
        with Nginx(tmp_path, block) as nginx:
            for _unused in range(3):
                assert nginx.ask("/").startswith("HTTP/1.1 200 ")
    assert upstream.connections == connections


def test_a_valid_referer_is_none(tmp_path: Path) -> None:
    with Nginx(tmp_path, fixture("valid-referers-none", "fire", "none").replace("root /srv/public;", "")) as nginx:
        assert nginx.ask("/img/a.png").startswith("HTTP/1.1 404 ")
        assert nginx.ask("/img/a.png", "Referer: http://evil.test/").startswith("HTTP/1.1 403 ")


def test_a_foreign_origin_is_trusted(tmp_path: Path) -> None:
    block = fixture("origin-regex-unanchored", "fire", "no_start").replace("root /srv/public;", "")
    with Nginx(tmp_path, block) as nginx:
        (tmp_path / "srv" / "index.html").write_text("")
        origin = "https://evilexample.com"
        assert f"Access-Control-Allow-Origin: {origin}" in nginx.ask("/", f"Origin: {origin}")


def test_http2_limits_are_ignored(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path, fixture("directive-obsolete", "fire", "requests"))
    nginx.prepare()
    done = subprocess.run([*nginx.command(), "-t"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0
    assert '"http2_max_requests" directive is obsolete' in done.stderr


def test_too_few_files_for_the_connections(tmp_path: Path) -> None:
    with Nginx(tmp_path, "server { listen 80; }", "worker_rlimit_nofile 100;", master="on") as nginx:
        children = Path(f"/proc/{nginx.process.pid}/task/{nginx.process.pid}/children")
        nginx.ask("/")
        limits = Path(f"/proc/{children.read_text().split()[0]}/limits").read_text()
        assert re.search(r"Max open files\s+100\s", limits)
        held = [socket.create_connection(("127.0.0.1", nginx.ports["80"])) for _unused in range(110)]
        with pytest.raises(OSError, match="timed out"):
            nginx.ask("/")
        for connection in held:
            connection.close()
        assert "Too many open files" in nginx.log()
