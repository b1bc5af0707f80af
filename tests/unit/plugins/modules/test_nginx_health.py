# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it: arguments in, one JSON result out."""

from __future__ import annotations

import json
import socket
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.failsafe.nginx.plugins.modules import nginx_health

TOKEN = "Bearer s3cret-token"


class Page(BaseHTTPRequestHandler):
    """/ok answers 200 with what Authorization said, the rest 500."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ok" else 500)
        self.send_header("X-Seen", self.headers.get("Authorization", ""))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        pass


@pytest.fixture
def url() -> t.Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(capsys: pytest.CaptureFixture[str], **arguments: t.Any) -> tuple[int, dict[str, t.Any]]:
    with patch_module_args({"interval": 0.01, **arguments}), pytest.raises(SystemExit) as end:
        nginx_health.main()
    return int(end.value.code or 0), json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("check_mode", [False, True])
def test_healthy(capsys: pytest.CaptureFixture[str], url: str, *, check_mode: bool) -> None:
    code, result = run(capsys, checks=[{"name": "a", "url": f"{url}/ok"}], _ansible_check_mode=check_mode)
    assert (code, result["changed"], result["failures"], result["rounds"]) == (0, False, [], 2)
    assert [(one["name"], one["ok"], one["status"]) for one in result["results"]] == [("a", True, 200)]


def test_unhealthy(capsys: pytest.CaptureFixture[str], url: str) -> None:
    checks = [{"name": "good", "url": f"{url}/ok"}, {"name": "bad", "url": f"{url}/x", "status": 200}]
    code, result = run(capsys, checks=checks)
    assert (code, result["failed"]) == (1, True)
    assert result["msg"] == f"bad: GET {url}/x: expected status 200, got 500"
    assert result["msg"] == result["reason"]
    assert [one["name"] for one in result["failures"]] == ["bad"]
    assert [one["name"] for one in result["results"]] == ["good", "bad"]


def test_no_request_header_is_shown(capsys: pytest.CaptureFixture[str], url: str) -> None:
    """Not even by a server that repeats it."""
    check = {"url": f"{url}/ok", "request_headers": {"Authorization": TOKEN}, "headers": {"X-Seen": "other"}}
    code, result = run(capsys, checks=[check])
    assert code == 1
    assert "expected X-Seen 'other', got '" in result["msg"]
    assert "s3cret" not in json.dumps(result)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checks": [{"name": "n"}]}, "check 'n': give one of url, tcp and certificate, not none"),
        ({"checks": [{"name": "n", "tcp": "x"}]}, "check 'n': tcp: 'x' is none of host:port"),
        ({"checks": [{"tcp": "a:1"}], "successes": 0}, "0 successes at an interval of"),
        ({"checks": [{"tcp": "a:1", "colour": 1}]}, "colour"),
        ({}, "missing required arguments: checks"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: dict[str, t.Any], message: str) -> None:
    code, result = run(capsys, **arguments)
    assert code == 1
    assert message in result["msg"]


def test_what_was_not_looked_at_is_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    # Where the controller's code is in the process too, as after other tests, Ansible shows warnings itself.
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: warned.append(warning))
    code, result = run(capsys, checks=[], error_logs=["/dev/null"])
    assert code == 0
    assert result["unwatched"] == ["/dev/null: not a regular file"]
    assert "no checks and no probes: nothing was asked" in " ".join(warned)
    assert "/dev/null: not a regular file" in warned


def test_times_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        code, result = run(capsys, checks=[{"tcp": f"127.0.0.1:{sock.getsockname()[1]}"}], timeout=0.2)
    assert code == 1
    assert result["seconds"] < 1
    assert result["msg"].startswith("not passed 2 times in a row within 0.2 s: tcp 127.0.0.1:")
