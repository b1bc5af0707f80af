# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about a run, and a real server that takes them, or does not."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from listener import listening

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.verdict import FleetVerdict, HostVerdict
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.webhook import message, send

BODY = {"text": "hello"}


def verdict(word: str, *text: str, ok: bool = False, **outcomes: str) -> FleetVerdict:
    hosts = tuple(HostVerdict(host, outcome) for host, outcome in outcomes.items())
    return FleetVerdict(hosts, verdict=word, ok=ok, text=text, counts={"confirmed": 1})


def told(event: str, **options: t.Any) -> dict[str, t.Any]:
    body = message(event, "run-1", 6, **options)
    assert body
    return body.to_json()


def test_the_message_of_a_begin() -> None:
    body = told("started", metadata={"ticket": "OPS-1"})
    assert body.pop("time").endswith("Z")
    assert body == {
        "schema": 1, "event": "started", "rollout": "run-1", "hosts": 6, "rolled_back": [], "verdict": None, "ok": None,
        "counts": {}, "summary": [], "metadata": {"ticket": "OPS-1"}, "text": "nginx deploy run-1: started on 6 hosts",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event", "known", "names", "name", "text"),
    [
        ("finished", verdict("deployed", "6 confirmed", ok=True), (), "done", "deployed: 6 confirmed"),
        ("finished", verdict("refused", "1 refused"), (), "refused", "refused: 1 refused"),
        ("finished", verdict("stopped", "1 rolled back", web2="rolled_back"), (), "done", "stopped: 1 rolled back"),
        (
            "settling",
            verdict("stopped", "1 failed", web2="rolled_back"),
            (),
            "rolled_back",
            "web2 rolled back; 1 failed",
        ),
        (
            "settling",
            verdict("stopped", "1 failed", web1="confirmed", web2="rolled_back"),
            ("web1",),
            "rolled_back",
            "web2, web1 rolled back; 1 failed",
        ),
    ],
)
def test_the_message_of_what_follows(
    event: str, known: FleetVerdict, names: tuple[str, ...], name: str, text: str
) -> None:
    body = told(event, verdict=known, names=names)
    assert (body["event"], body["text"]) == (name, f"nginx deploy run-1: {text}")
    assert body["summary"] == list(known.text)


def test_a_batch_and_a_settling_without_a_rollback_have_no_message() -> None:
    assert message("batch", "run-1", 6, verdict=verdict("stopped")) is None
    assert message("settling", "run-1", 6, verdict=verdict("deployed", web1="confirmed")) is None


def test_a_message_stays_small_and_mentions_no_channel() -> None:
    names = {f"web{number}": "rolled_back" for number in range(1000)}
    body = told("settling", verdict=verdict("stopped", *(["<!channel> & more"] * 100), **names))
    assert len(body["summary"]) == 20
    assert body["text"].endswith("and 980 more rolled back; &lt;!channel&gt; &amp; more")


def test_it_arrives() -> None:
    with listening() as server:
        assert send(server.url, BODY) == ""
        (got,) = server.got
    assert got["path"] == "/services/T0/SECRET-PATH"
    assert got["body"] == BODY
    assert got["headers"]["Content-Type"] == "application/json"


def test_a_user_and_password_go_into_the_header() -> None:
    with listening() as server:
        assert send(server.url.replace("://", "://user:secret@"), BODY) == ""
        assert server.got[0]["headers"]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("answers", "failure", "tries"),
    [
        ((500, 204), "", 2),
        ((500, 503, 200), "answered 503", 2),
        ((404,), "answered 404", 1),
        ((302,), "answered 302", 1),
        ((307,), "answered 307", 1),
    ],
)
def test_another_try_is_made_once_and_where_it_may_help(answers: tuple[int, ...], failure: str, tries: int) -> None:
    with listening(*answers) as server:
        reason = send(server.url, BODY, pause=0)
        assert reason == (f"http://127.0.0.1:{server.server_port} {failure}" if failure else "")
        assert [got["path"] for got in server.got] == ["/services/T0/SECRET-PATH"] * tries, "no redirect is followed"


@pytest.mark.parametrize("answer", ["hang", "dribble"])
def test_a_server_that_never_ends_its_answer_is_left(answer: str) -> None:
    with listening(answer) as server:
        began = time.monotonic()
        reason = send(server.url, BODY, timeout=0.5, pause=0)
        assert "did not answer within 0.5 s" in reason
        assert "SECRET" not in reason
        assert time.monotonic() - began < 60, "it does not wait for the server"


def test_a_port_without_a_listener() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and no listen()
        port = taken.getsockname()[1]
        reason = send(f"http://user:secret@127.0.0.1:{port}/SECRET", BODY, pause=0)
    assert reason == f"http://127.0.0.1:{port} cannot be reached: Connection refused"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/SECRET",
        "file:///etc/SECRET",
        "SECRET",
        "http://",
        "http://example.com:SECRET/",
        "http://[SECRET",
        "",
    ],
)
def test_what_is_no_url_of_the_web_is_told_without_it(url: str) -> None:
    reason = send(url, BODY, pause=0)
    assert "nginx_deploy_webhook_url" in reason
    assert "SECRET" not in reason


def test_a_path_that_http_refuses_is_not_told() -> None:
    reason = send("http://127.0.0.1:9/SECRET path\n", BODY, timeout=5, pause=0)
    assert reason
    assert "SECRET" not in reason


def test_an_untrusted_certificate_gets_no_message(tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    subprocess.run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", pem, "-out", tmp_path / "cert"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", pem)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake() -> None:
            connection, _peer = server.accept()
            with connection, pytest.raises(OSError):  # noqa: PT011 - what the client says differs
                context.wrap_socket(connection, server_side=True).recv(1)

        thread = threading.Thread(target=shake)
        thread.start()
        reason = send(f"https://localhost:{server.getsockname()[1]}/SECRET", BODY, timeout=60, pause=0)
        thread.join()
    assert "certificate that is not trusted" in reason
    assert "SECRET" not in reason
