# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import socket
import time
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._health.check import run_check
from ansible_collections.failsafe.nginx.plugins.module_utils._health.client import BODY_LIMIT
from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import (
    Handler,
    Server,
    head,
    listen,
    reply,
    status,
)

if t.TYPE_CHECKING:
    from pathlib import Path

Serve = t.Callable[..., Server]
OK = status(200)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

# What the check expects, what the server sends, and how the reason goes on after "GET URL: ".
ANSWERS: dict[str, tuple[dict[str, t.Any], bytes, str]] = {
    "status": ({"status": 200}, OK, "status 200"),
    "status of text": ({"status": "200"}, OK, "status 200"),
    "a range": ({"status": "200-204"}, status(204), "status 204"),
    "a list": ({"status": [301, "400-404"]}, status(404), "status 404"),
    "the default range": ({}, status(302, "Location: /a"), "status 302"),
    "HTTP/1.0": ({"body": "^end$"}, b"HTTP/1.0 200 OK\r\n\r\nend", "status 200"),
    "interim responses": (
        {"status": 200, "body": "x"},
        head(100) + head(103, "Link: </a>") + status(200, body="x"),
        "status 200",
    ),
    "exact Location": ({"location": "/a?b=%20"}, status(302, "Location: /a?b=%20"), "status 302"),
    "Location by regex": ({"location": "~^https://"}, status(301, "Location: https://a/"), "status 301"),
    "a header": ({"headers": {"x-a": "1"}}, status(200, "X-A: 1"), "status 200"),
    "one of two header lines": ({"headers": {"Vary": "b"}}, status(200, "Vary: a", "Vary: b"), "status 200"),
    "two header lines as one": ({"headers": {"Vary": "a, b"}}, status(200, "Vary: a", "Vary: b"), "status 200"),
    "a number as a header": ({"headers": {"X-A": 1}}, status(200, "X-A: 1"), "status 200"),
    "an absent header": ({"headers": {"X-A": None}}, OK, "status 200"),
    "a body": ({"body": "w.rld"}, status(200, body="hello world"), "status 200"),
    "a chunked body": ({"body": "^abcdef$"}, CHUNKED + b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", "status 200"),
    "a body in Latin-1": (
        {"body": "é"},
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe9",
        "status 200",
    ),
    "an unknown charset": (
        {"body": "é"},
        "HTTP/1.1 200 OK\r\nContent-Type: a/b; charset=klingon\r\n\r\né".encode(),
        "status 200",
    ),
    "a huge body that nobody asked for": ({}, head(200) + b"x" * 3_000_000, "status 200"),
    "a match in the first part of a huge body": (
        {"body": "^begin"},
        b"HTTP/1.1 200 OK\r\n\r\nbegin" + b"x" * 3_000_000,
        "status 200",
    ),
    # wrong
    "another status": ({"status": 200}, status(500), "expected status 200, got 500"),
    "a redirect instead": (
        {"status": "200-299"},
        status(301, "Location: /x"),
        "expected status 200-299, got 301 with Location '/x'",
    ),
    "several wanted": ({"status": [200, "301-302"]}, status(404), "expected status 200 or 301-302, got 404"),
    "Location differs": ({"location": "/a"}, status(302, "Location: /A"), "expected Location '/a', got '/A'"),
    "Location with userinfo": (
        {"location": "/a"},
        status(302, "Location: http://u:p@h/"),
        "expected Location '/a', got 'http://***@h/'",
    ),
    "no Location": ({"location": "~."}, OK, "expected Location matching '.', got none"),
    "a header differs": ({"headers": {"X-A": "1"}}, status(200, "X-A: 2"), "expected X-A '1', got '2'"),
    "no header": ({"headers": {"X-A": "~^a"}}, OK, "expected X-A matching '^a', got none"),
    "a header too many": (
        {"headers": {"Server": None}},
        status(200, "Server: nginx/1.0"),
        "expected no Server field, got one",
    ),
    "a cookie": (
        {"headers": {"Set-Cookie": "~hidden"}},
        status(200, "Set-Cookie: sid=hush"),
        "expected Set-Cookie as configured, got another",
    ),
    "no match in the body": (
        {"body": "y"},
        status(200, body="secret"),
        "expected a body that matches 'y', got 6 bytes without it",
    ),
    "no match in the first part": (
        {"body": "end$"},
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000 + b"end",
        f"expected a body that matches 'end$', got the first {BODY_LIMIT} bytes without it",
    ),
    "gzip though nobody asked": (
        {"body": "a"},
        head(200, "Content-Encoding: gzip") + gzip.compress(b"a"),
        "expected a body as it is, got Content-Encoding 'gzip', which cannot be searched",
    ),
    "garbage": ({}, b"\x00\x01SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP/1: BadStatusLine"),
    "HTTP/0.9": ({}, b"hello", "the answer is not HTTP/1: BadStatusLine"),
    "an endless line": ({}, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "the answer is not HTTP/1: LineTooLong"),
    "endless headers": ({}, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "the answer is not HTTP/1: HTTPException"),
    "a status that is no number": ({}, b"HTTP/1.1 abc OK\r\n\r\n", "the answer is not HTTP/1: BadStatusLine"),
    # no answer
    "closed at once": ({}, b"", "connection closed before the answer's end"),
    "closed in the body": (
        {"body": "x"},
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx",
        "connection closed before the answer's end",
    ),
    "closed in a chunk": ({"body": "x"}, CHUNKED + b"a\r\nxxx", "connection closed before the answer's end"),
}
GOOD = {name for name, (_keys, _bytes, reason) in ANSWERS.items() if reason.startswith("status ")}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(serve: Serve, name: str) -> None:
    keys, answer, reason = ANSWERS[name]
    server = serve(reply(answer))
    result = run_check({"name": "n", "url": server.url("/p"), **keys})
    assert result.reason.startswith(f"GET {server.url('/p')}: {reason}")
    assert result.ok is (name in GOOD)
    kind = None if name in GOOD else "connection" if reason.startswith("connection") else "wrong"
    assert result.failure == kind
    assert "secret" not in repr(result)
    assert "hush" not in repr(result)
    assert "hidden" not in repr(result)
    assert set(encode(result)) == {
        "name",
        "ok",
        "reason",
        "failure",
        "status",
        "location",
        "latency_ms",
        "address",
        "url",
    }


def test_what_is_sent(serve: Serve) -> None:
    server = serve()
    headers = {"X-Token": "s3cret", "accept": "text/plain"}
    check = {"url": f"http://u:p%40q@{server.address}/a/../b?c#frag", "host": "www.example.com", "method": "POST"}
    result = run_check({**check, "request_headers": headers})
    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /a/../b?c HTTP/1.1"
    assert "Host: www.example.com" in lines
    assert "X-Token: s3cret" in lines
    assert "accept: text/plain" in lines
    assert "Accept: */*" not in lines
    assert "Accept-Encoding: identity" in lines
    assert "Authorization: Basic dTpwQHE=" in lines
    assert "Content-Length: 0" in lines
    assert result.ok
    assert "s3cret" not in repr(result)
    assert "p%40q" not in repr(result)


def test_the_origin_of_a_probe_is_kept(serve: Serve) -> None:
    origin = {"origin": "config", "file": "a.conf", "line": 7}
    result = run_check({"url": serve().url(), **origin})
    assert {key: getattr(result, key) for key in origin} == origin


def test_address_overrides_where_to_connect(serve: Serve) -> None:
    server = serve(reply(status(500)))
    result = run_check({"url": "http://www.example.com/login", "address": server.address, "status": 200})
    assert result.reason == f"GET http://www.example.com/login via {server.address}: expected status 200, got 500"
    assert b"\r\nHost: www.example.com\r\n" in server.requests[0]
    assert result.address == server.address


def test_unix_socket(serve: Serve, tmp_path: Path) -> None:
    serve(listener=listen(str(tmp_path / "s"), socket.AF_UNIX))
    assert run_check({"url": "http://a.example/", "address": f"unix:{tmp_path}/s"}).ok
    assert run_check({"tcp": f"unix:{tmp_path}/s"}).ok
    result = run_check({"tcp": f"unix:{tmp_path}/none"})
    assert (result.failure, result.reason) == ("refused", f"tcp unix:{tmp_path}/none: no such file or directory")
    assert "too long" in run_check({"tcp": f"unix:/{'x' * 200}"}).reason


def test_ipv6(serve: Serve) -> None:
    try:
        listener = listen(("::1", 0), socket.AF_INET6)
    except OSError:
        pytest.skip("loopback has no IPv6 here")
    server = serve(listener=listener)
    result = run_check({"url": f"http://[::1]:{server.port}/"})
    assert result.ok
    assert result.address == f"[::1]:{server.port}"
    assert f"\r\nHost: [::1]:{server.port}\r\n".encode() in server.requests[0]


def test_nobody_listens(closed_port: int) -> None:
    for check in ({"url": f"http://127.0.0.1:{closed_port}/"}, {"tcp": f"127.0.0.1:{closed_port}"}):
        result = run_check(check)
        assert (result.ok, result.failure, result.status) == (False, "refused", None)
        assert result.reason.endswith(": connection refused")


def test_a_name_without_an_address() -> None:
    result = run_check({"url": "http://does-not-exist.invalid/", "timeout": 2})
    assert result.failure == "connection"
    assert "does-not-exist.invalid" in result.reason


def _silence(server: Server) -> Handler:
    return lambda _sock, _request: t.cast("None", server.stopped.wait(60))


def _trickle(prefix: bytes, server: Server) -> Handler:
    def handle(sock: socket.socket, _request: bytes) -> None:
        sock.sendall(prefix)
        for _unused in range(3000):  # a broken client ends too
            server.stopped.wait(0.02)
            sock.sendall(b"x")

    return handle


@pytest.mark.parametrize("prefix", [None, b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_no_server_outlives_the_timeout(serve: Serve, prefix: bytes | None) -> None:
    """Silence, a status line, a header, a body that come a byte at a time."""
    server = serve()
    server.handler = _silence(server) if prefix is None else _trickle(prefix, server)
    start = time.monotonic()
    result = run_check({"url": server.url(), "timeout": 0.3, "body": "y"})
    assert 0.25 < time.monotonic() - start < 20
    assert (result.failure, result.ok) == ("connection", False)
    assert result.reason.endswith("no answer within 0.3 s")


def test_endless_interim_responses_end_with_the_timeout(serve: Serve) -> None:
    server = serve()

    def handle(sock: socket.socket, _request: bytes) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    server.handler = handle
    start = time.monotonic()
    assert run_check({"url": server.url(), "timeout": 0.3}).failure == "connection"
    assert time.monotonic() - start < 20


def test_an_endless_body_ends_with_the_limit(serve: Serve) -> None:
    server = serve()

    def handle(sock: socket.socket, _request: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _unused in range(1000):
            sock.sendall(b"x" * 65536)

    server.handler = handle
    assert "the first 1048576 bytes" in run_check({"url": server.url(), "body": "y"}).reason


def test_the_limit_of_a_caller_shortens_the_timeout(serve: Serve) -> None:
    server = serve()
    server.handler = _silence(server)
    start = time.monotonic()
    assert not run_check({"url": server.url(), "timeout": 30}, limit=0.2).ok
    assert not run_check({"url": server.url(), "timeout": 30}, limit=-1).ok
    assert time.monotonic() - start < 20


def test_latency(serve: Serve) -> None:
    server = serve()

    def late(sock: socket.socket, _request: bytes) -> None:
        server.stopped.wait(0.1)
        sock.sendall(OK)

    server.handler = late
    result = run_check({"url": server.url(), "max_latency": 0.05})
    assert (result.ok, result.failure, result.status) == (False, "slow", 200)
    assert "expected an answer within 0.05 s, got it after " in result.reason
    assert result.latency_ms >= 100
    assert run_check({"url": server.url(), "max_latency": 20, "timeout": 30}).ok


def _site(pages: dict[str, bytes]) -> Handler:
    return lambda sock, request: sock.sendall(pages.get(request.split(b" ")[1].decode(), status(404)))


def test_redirects_are_not_followed_unless_asked(serve: Serve) -> None:
    server = serve(_site({"/a": status(301, "Location: /b")}))
    assert run_check({"url": server.url("/a"), "status": 301, "location": "/b"}).ok
    assert len(server.requests) == 1


def test_redirects_are_followed_to_their_end(serve: Serve) -> None:
    server = serve(_site({"/a": status(301, "Location: b?c"), "/b?c": status(307, "Location: /d"), "/d": OK}))
    check = {"url": "http://www.example.com/a", "address": server.address, "follow_redirects": 2, "status": 200}
    assert run_check({**check, "request_headers": {"X-A": "1"}}).ok
    assert [request.split(b"\r\n")[0] for request in server.requests] == [
        b"GET /a HTTP/1.1",
        b"GET /b?c HTTP/1.1",
        b"GET /d HTTP/1.1",
    ]
    assert all(b"Host: www.example.com\r\n" in request and b"X-A: 1" in request for request in server.requests)
    result = run_check({**check, "follow_redirects": 1})
    assert "expected at most 1 redirects, got more: http://www.example.com/a -> " in result.reason


def test_another_origin_gets_neither_credentials_nor_overrides(serve: Serve) -> None:
    other = serve()
    first = serve(reply(status(302, f"Location: {other.url('/x')}")))
    url = f"http://u:p@{first.address}/"
    check = {"url": url, "host": "a.example", "request_headers": {"X-Token": "s"}, "follow_redirects": 3, "status": 200}
    assert run_check(check).ok
    assert b"Authorization" in first.requests[0]
    assert b"Authorization" not in other.requests[0]
    assert b"X-Token" not in other.requests[0]
    assert f"Host: {other.address}\r\n".encode() in other.requests[0]


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ({"/a": status(302, "Location: /a")}, "got a loop: {url}/a -> {url}/a"),
        (
            {"/a": status(302, "Location: /b"), "/b": status(302, "Location: /a")},
            "got a loop: {url}/a -> {url}/b -> {url}/a",
        ),
        ({"/a": status(302, "Location: ftp://x/")}, "expected a redirect that can be followed, got 'ftp://x/'"),
        ({"/a": status(302, "Location: /\xfc")}, "expected a redirect that can be followed"),
    ],
)
def test_redirects_that_lead_nowhere(serve: Serve, pages: dict[str, bytes], reason: str) -> None:
    server = serve(_site(pages))
    result = run_check({"url": server.url("/a"), "follow_redirects": 5})
    assert (result.ok, result.failure) == (False, "wrong")
    assert reason.format(url=server.url("")) in result.reason


def test_a_post_goes_on_as_the_status_says(serve: Serve) -> None:
    server = serve(_site({"/a": status(307, "Location: /b"), "/b": status(303, "Location: /c"), "/c": OK}))
    assert run_check({"url": server.url("/a"), "method": "POST", "follow_redirects": 5}).ok
    assert [request.split(b" ")[0] for request in server.requests] == [b"POST", b"POST", b"GET"]


def test_head_has_no_body(serve: Serve) -> None:
    server = serve(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
    assert run_check({"url": server.url(), "method": "HEAD"}).ok


def test_tls_to_a_server_that_speaks_none(serve: Serve) -> None:
    server = serve(reply(b"220 mail.example ESMTP\r\n"), listens=False)
    result = run_check({"url": f"https://{server.address}/"})
    assert (result.ok, result.failure) == (False, "wrong")
    assert "TLS failed: " in result.reason
