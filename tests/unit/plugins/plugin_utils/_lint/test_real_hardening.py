# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What advice claims, asked of a real nginx."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import pytest

pytestmark = pytest.mark.nginx
OPENSSL = shutil.which("openssl") or "/usr/bin/openssl"


def _load_helper() -> t.Any:
    spec = importlib.util.spec_from_file_location("failsafe_real_server", Path(__file__).parent / "real_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_helper = _load_helper()
Nginx, Upstream, fastcgi, fixture, BINARY = (
    *(_helper.Nginx, _helper.Upstream, _helper.fastcgi, _helper.fixture, _helper.BINARY),
)


def version() -> tuple[int, ...]:
    said = subprocess.run([BINARY, "-v"], capture_output=True, text=True, check=True, timeout=120).stderr
    match = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    assert match
    return tuple(map(int, match.groups()))


def refusal(folder: Path, block: str) -> str:
    folder.mkdir(exist_ok=True)
    return str(Nginx(folder, block).refusal())


def warnings(folder: Path, block: str) -> str:
    nginx = Nginx(folder, block)
    nginx.prepare()
    return subprocess.run([*nginx.command(), "-t"], capture_output=True, text=True, check=False, timeout=120).stderr


@pytest.mark.parametrize("name", ["literal", "as_it_came", "map_default"])
def test_a_connection_is_handed_over_to_h2c(tmp_path: Path, name: str) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    with Upstream(switch) as upstream:
        block = fixture("h2c-smuggling", "fire", name).replace("8081", str(upstream.port))
        with Nginx(tmp_path, block) as nginx, socket.create_connection(("127.0.0.1", nginx.ports["80"])) as client:
            client.sendall(b"GET /ws/ HTTP/1.1\r\nHost: a.test\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
            client.settimeout(5)
            assert client.recv(65536).startswith(b"HTTP/1.1 101 ")
            client.sendall(b"GET /admin unseen by nginx")
            client.recv(65536)
    assert b"\r\nUpgrade: h2c\r\n" in upstream.requests[0]
    assert b"".join(upstream.requests[1:]) == b"GET /admin unseen by nginx"


@pytest.mark.parametrize("name", ["named_protocol", "websocket_only"])
def test_h2c_does_not_pass_the_good_ones(tmp_path: Path, name: str) -> None:
    with Upstream() as upstream:
        block = fixture("h2c-smuggling", "silent", name).replace("8081", str(upstream.port))
        with Nginx(tmp_path, block) as nginx:
            nginx.ask("/", "Upgrade: h2c")
    # An Upgrade that Connection does not name is not one (RFC 9110, 7.8).
    asked = b"".join(upstream.requests).lower()
    assert not (b"\r\nconnection: upgrade" in asked and b"\r\nupgrade: h2c" in asked)


@pytest.mark.parametrize(("kind", "name", "status"), [("fire", "checkout", "200"), ("silent", "denied", "40[34]")])
def test_files_with_a_dot(tmp_path: Path, kind: str, name: str, status: str) -> None:
    text = re.sub(r"root \S+;", f"root {tmp_path}/srv;", fixture("dotfiles-exposed", kind, name))
    with Nginx(tmp_path, text) as nginx:
        (tmp_path / "srv" / ".git").mkdir()
        (tmp_path / "srv" / ".git" / "config").write_text("[core]")
        assert re.match(rf"HTTP/1.1 {status} ", nginx.ask("/.git/config"))


def test_php_is_told_to_run_what_is_no_file(tmp_path: Path) -> None:
    got = fastcgi(tmp_path, "php-uncontrolled", "fire", "any_php", "/uploads/a.jpg/x.php")
    assert b"/uploads/a.jpg/x.php" in got


def test_php_is_not_asked_for_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        fastcgi(tmp_path, "php-uncontrolled", "silent", "file_exists", "/uploads/a.jpg/x.php")


@pytest.mark.parametrize("buffering", ["on", "off"])
def test_a_slow_client_holds_the_upstream(tmp_path: Path, buffering: str) -> None:
    sent = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _peer = server.accept()
            with connection:
                connection.recv(65536)
                size = 32 << 20
                with contextlib.suppress(ConnectionError):
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
                    sent.set()

        threading.Thread(target=answer, daemon=True).start()
        target = f"http://127.0.0.1:{server.getsockname()[1]}"
        block = f"server {{ listen 80; proxy_buffering {buffering}; location / {{ proxy_pass {target}; }} }}"
        with Nginx(tmp_path, block) as nginx, socket.create_connection(("127.0.0.1", nginx.ports["80"])) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            # The client reads nothing.
            assert sent.wait(20 if buffering == "on" else 2) is (buffering == "on")


def test_a_name_that_is_unknown_at_start_stops_nginx(tmp_path: Path) -> None:
    said = refusal(tmp_path, "server { listen 80; location / { proxy_pass http://app.invalid; } }")
    assert 'host not found in upstream "app.invalid"' in said


@pytest.mark.root
def test_a_name_keeps_its_first_address(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    with Upstream() as old:
        hosts.write_text("127.0.0.1 app.frozen.test\n")
        block = f"server {{ listen 80; location / {{ proxy_pass http://app.frozen.test:{old.port}; }} }}"
        nginx = Nginx(tmp_path, block, master="on")
        mount = f'mount --bind "{hosts}" /etc/hosts && exec "$@"'
        own = nginx.command()
        nginx.command = lambda: ["unshare", "-m", "sh", "-c", mount, "sh", *own]
        nginx.__enter__()
        try:
            assert nginx.ask("/").startswith("HTTP/1.1 200 ")
            # Nothing listens there: requests would fail if nginx looked the name up again.
            hosts.write_text("127.0.0.2 app.frozen.test\n")
            assert nginx.ask("/").startswith("HTTP/1.1 200 ")
            nginx.process.send_signal(1)
            deadline = time.monotonic() + 60
            while nginx.ask("/").startswith("HTTP/1.1 200 "):
                assert time.monotonic() < deadline, "a reload looks the name up"
                time.sleep(0.05)
        finally:
            nginx.process.terminate()
            nginx.process.communicate(timeout=10)


def openssl(folder: Path, *args: str) -> None:
    subprocess.run([OPENSSL, *args], cwd=folder, check=True, capture_output=True, timeout=120)


def authority(folder: Path, extension: str = "subjectAltName=DNS:a.test") -> None:
    """`ca.pem`, and `cert.pem` and `key.pem` of a.test that it signed."""
    (folder / "ext").write_text(extension + "\n")
    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(folder, *new, "-x509", "-subj", "/CN=ca", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(folder, *new, "-subj", "/CN=a.test", "-keyout", "key.pem", "-out", "csr")
    sign = ("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    openssl(folder, *sign, "-extfile", "ext", "-out", "cert.pem")


def test_stapling_asks_no_resolver(tmp_path: Path) -> None:
    authority(tmp_path, f"authorityInfoAccess=OCSP;URI:http://localhost:{_helper.free_port()}/")
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    tls += f" ssl_stapling on; ssl_trusted_certificate {tmp_path}/ca.pem;"
    block = f"server {{ listen 443 ssl; {tls} }}"
    with Nginx(tmp_path, block, f"error_log {tmp_path}/error.log warn;") as nginx:
        command = [OPENSSL, "s_client", "-connect", f"127.0.0.1:{nginx.ports['443']}", "-status"]
        deadline = time.monotonic() + 60
        while "no resolver defined to resolve localhost" not in nginx.log():
            assert time.monotonic() < deadline
            subprocess.run(command, input=b"", capture_output=True, check=False, timeout=120)


def test_stapling_needs_a_responder(tmp_path: Path) -> None:
    authority(tmp_path)
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    tls += f" ssl_stapling on; ssl_trusted_certificate {tmp_path}/ca.pem;"
    said = warnings(tmp_path, f"server {{ listen 443 ssl; {tls} }}")
    assert '"ssl_stapling" ignored, no OCSP responder URL in the certificate' in said


@pytest.mark.parametrize(("verify", "status"), [("off", "200"), ("on", "502")])
def test_any_certificate_is_taken_from_an_upstream(tmp_path: Path, verify: str, status: str) -> None:
    authority(tmp_path)
    back = tmp_path / "back"
    back.mkdir()
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    with Nginx(back, f"server {{ listen 443 ssl; {tls} return 200 ok; }}") as upstream:
        # The system's authorities did not sign it.
        check = f"proxy_ssl_verify {verify}; proxy_ssl_trusted_certificate {certificates()}; proxy_ssl_name a.test;"
        front = (
            f"server {{ listen 80; location / {{ {check} proxy_pass https://127.0.0.1:{upstream.ports['443']}; }} }}"
        )
        with Nginx(tmp_path, front) as nginx:
            assert nginx.ask("/").startswith(f"HTTP/1.1 {status} ")


def certificates() -> str:
    return ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"


@pytest.mark.parametrize(
    ("cache", "elsewhere"), [("builtin:100", False), ("builtin:100 shared:S:1m", True), ("shared:S:1m", True)]
)
def test_a_builtin_cache_is_the_workers_own(tmp_path: Path, cache: str, elsewhere: bool) -> None:  # noqa: FBT001
    authority(tmp_path)
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem; ssl_session_tickets off;"
    # Without tickets, and before TLS 1.3, a client names a session that the server has to remember.
    tls += f" ssl_protocols TLSv1.2; ssl_session_cache {cache};"
    block = f'server {{ listen 443 ssl reuseport; {tls} return 200 "$pid $ssl_session_reused"; }}'
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with Nginx(tmp_path, block, "worker_processes 2;", master="on") as nginx:

        def ask(session: ssl.SSLSession | None = None) -> tuple[str, bool, ssl.SSLSession | None]:
            plain = socket.create_connection(("127.0.0.1", nginx.ports["443"]), timeout=5)
            with plain, client.wrap_socket(plain, session=session) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                pid, reused = _helper.read_all(connection).rpartition("\r\n\r\n")[2].split(" ")
                return pid, reused == "r", connection.session

        first, _reused, session = ask()
        answers: dict[bool, set[bool]] = {}
        deadline = time.monotonic() + 60
        while len(answers) < 2:
            assert time.monotonic() < deadline
            pid, reused, _session = ask(session)
            answers.setdefault(pid == first, set()).add(reused)
    assert answers == {True: {True}, False: {elsewhere}}


def test_any_answer_of_a_resolver_is_believed(tmp_path: Path) -> None:
    """A resolver of one line: nothing is signed, nothing is checked but the question that comes back."""
    asked: list[bytes] = []

    def answer(server: socket.socket) -> None:
        while True:
            question, client = server.recvfrom(4096)
            if not question:
                return
            asked.append(question)
            name = question[12 : question.index(b"\0", 12) + 5]
            is_a = name.endswith(b"\0\1\0\1")
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_a else b""
            # Recursion was there, no error, and no bit for authenticated data.
            head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + bytes(4)
            server.sendto(head + name + record, client)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, Upstream() as upstream:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=answer, args=(server,), daemon=True)
        thread.start()
        resolver = f"resolver 127.0.0.1:{server.getsockname()[1]}; set $app www.bank.example;"
        block = f"server {{ listen 80; location / {{ {resolver} proxy_pass http://$app:{upstream.port}; }} }}"
        with Nginx(tmp_path, block) as nginx:
            assert nginx.ask("/").startswith("HTTP/1.1 200 ")
        server.sendto(b"", server.getsockname())
        thread.join(5)
    assert b"Host: www.bank.example" in upstream.requests[0]
    assert asked
    # In the clear, and without the extension (EDNS) that asks for signatures.
    assert all(b"\4bank\7example\0" in each and each[10:12] == b"\0\0" for each in asked)


def test_new_groups_need_a_new_openssl(tmp_path: Path) -> None:
    authority(tmp_path)
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    said = subprocess.run([BINARY, "-V"], capture_output=True, text=True, check=True, timeout=120).stderr
    match = re.findall(r"OpenSSL (\d+)\.(\d+)", said)[-1]
    known = tuple(map(int, match)) >= (3, 5)
    for groups, starts in (("X25519MLKEM768:X25519", known), ("X25519:prime256v1", True), ("auto", True)):
        said = refusal(tmp_path / groups, f"server {{ listen 443 ssl; {tls} ssl_ecdh_curve {groups}; }}")
        assert bool(said) is not starts
        assert starts or "SSL_CTX_set1_curves_list" in said


def test_one_worker_without_worker_processes(tmp_path: Path) -> None:
    with Nginx(tmp_path, "server { listen 80; }", master="on") as nginx:
        nginx.ask("/")
        children = Path(f"/proc/{nginx.process.pid}/task/{nginx.process.pid}/children").read_text().split()
        assert len(children) == 1


def test_a_connection_ends_after_its_requests(tmp_path: Path) -> None:
    block = "server { listen 80; location / { keepalive_requests 2; return 204; } }"
    with Nginx(tmp_path, block) as nginx, socket.create_connection(("127.0.0.1", nginx.ports["80"])) as client:
        request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
        client.sendall(request)
        assert b"Connection: keep-alive" in client.recv(65536)
        client.sendall(request)
        assert b"Connection: close" in client.recv(65536)


@pytest.mark.parametrize(("limit", "status"), [("0", "204"), ("1m", "413")])
def test_bodies_of_any_size(tmp_path: Path, limit: str, status: str) -> None:
    block = f"server {{ listen 80; client_max_body_size {limit}; location / {{ return 204; }} }}"
    with Nginx(tmp_path, block) as nginx, socket.create_connection(("127.0.0.1", nginx.ports["80"])) as client:
        client.sendall(f"POST / HTTP/1.0\r\nContent-Length: {2 << 20}\r\n\r\n".encode())
        assert f" {status} " in client.recv(65536).decode().split("\r\n")[0]


def test_an_extension_in_the_middle(tmp_path: Path) -> None:
    for kind, name, status in (("fire", "php", "403"), ("silent", "end", "404")):
        folder = tmp_path / kind
        folder.mkdir()
        with Nginx(folder, fixture("regex-unanchored", kind, name)) as nginx:
            assert nginx.ask("/upload.log.txt").startswith(f"HTTP/1.1 {status} ")


def test_a_rewrite_writes_the_path_anew(tmp_path: Path) -> None:
    for kind, name, target in (("fire", "permanent", "a/b"), ("silent", "return", "a%2Fb")):
        folder = tmp_path / kind
        folder.mkdir()
        with Nginx(folder, fixture("rewrite-for-return", kind, name)) as nginx:
            assert f"\r\nLocation: https://b.test/{target}\r\n" in nginx.ask("/a%2Fb")


@pytest.mark.parametrize(
    ("line", "changed", "old", "new"),
    [
        ("ssl on;", (1, 25, 1), 'the "ssl" directive is deprecated', 'unknown directive "ssl"'),
        ("satisfy_any on;", (0, 8, 0), "", 'unknown directive "satisfy_any"'),
        ("spdy_chunk_size 8k;", (1, 9, 5), "", 'unknown directive "spdy_chunk_size"'),
        ("http2_push /x;", (1, 25, 1), "syntax is ok", '"http2_push" directive is obsolete, ignored'),
        ("http2 on;", (1, 25, 1), 'unknown directive "http2"', "syntax is ok"),
        ("http2_max_requests 10;", (1, 19, 7), "syntax is ok", '"http2_max_requests" directive is obsolete'),
    ],
)
def test_versions(tmp_path: Path, line: str, changed: tuple[int, ...], old: str, new: str) -> None:
    """Debian 12 and 13 are on both sides of 1.25.1."""
    authority(tmp_path)
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    assert (new if version() >= changed else old) in warnings(tmp_path, f"server {{ listen 80; {tls} {line} }}")


def test_nginx_is_there() -> None:
    assert shutil.which(BINARY)


@pytest.mark.parametrize(("kind", "asked"), [("fire", 1), ("silent", 2)])
def test_two_sites_get_one_page_of_a_cache(tmp_path: Path, kind: str, asked: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok"
    block = fixture("cache-key-without-host", kind, "page").replace("/var/cache/nginx", str(tmp_path))
    with Upstream(answer) as upstream:
        with Nginx(tmp_path, block.replace("10.0.0.9:8080", f"127.0.0.1:{upstream.port}")) as nginx:
            assert nginx.ask("/", host="a.test").endswith("ok")
            assert nginx.ask("/", host="b.test").endswith("ok")
        assert len(upstream.requests) == asked


@pytest.mark.parametrize(("kind", "kept"), [("fire", True), ("silent", False)])
@pytest.mark.parametrize("target", ["/", "/index.html", "/cart/7"])
def test_a_front_page_is_kept_for_a_year(tmp_path: Path, kind: str, kept: bool, target: str) -> None:  # noqa: FBT001
    block = fixture("front-page-cached", kind, "page").replace("/srv/a", f"{tmp_path}/srv")
    with Nginx(tmp_path, block) as nginx:
        (tmp_path / "srv" / "index.html").write_text("shop")
        said = nginx.ask(target)
    assert said.endswith("shop")
    assert ("max-age=31536000" in said) is kept
