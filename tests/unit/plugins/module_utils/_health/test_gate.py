# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import threading
import time
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._health.check import CheckResult, HealthError
from ansible_collections.failsafe.nginx.plugins.module_utils._health.gate import Gate, GateResult, record_baseline
from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import (
    Handler,
    Server,
    reply,
    status,
)

if t.TYPE_CHECKING:
    from pathlib import Path

Serve = t.Callable[..., Server]
OK, BAD = reply(status(200)), reply(status(500))
CLOSE = reply()
FAST = {"interval": 0.01, "timeout": 30}


class Script:
    """Answers request after request; the last answer is for all that follow."""

    def __init__(self, *handlers: Handler) -> None:
        self.handlers = list(handlers)
        self._lock = threading.Lock()

    def __call__(self, sock: socket.socket, request: bytes) -> None:
        with self._lock:
            handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        handler(sock, request)


def site(pages: dict[str, Handler]) -> Handler:
    return lambda sock, request: pages[request.split(b" ")[1].decode()](sock, request)


def check(server: Server, path: str = "/", **keys: t.Any) -> dict[str, t.Any]:
    return {"name": path, "url": server.url(path), "status": 200, **keys}


def probe(server: Server, path: str = "/") -> dict[str, t.Any]:
    return check(server, path, status="100-499", origin="config", file="a.conf", line=1)


@pytest.mark.parametrize(
    ("script", "ok", "rounds"),
    [
        ([OK], True, 2),
        ([BAD, OK], True, 3),
        ([BAD, BAD, OK], True, 4),
        ([OK, BAD, OK], True, 4),
        ([CLOSE] * 20 + [OK], True, 22),
        ([BAD, CLOSE, BAD, CLOSE, BAD, OK], True, 7),
        ([BAD], False, 3),
        ([OK, BAD], False, 4),
        ([CLOSE] * 5 + [BAD], False, 8),
        ([BAD, OK, BAD, BAD, BAD, OK], False, 5),
    ],
    ids=lambda value: (
        "".join({OK: "+", BAD: "-", CLOSE: "?"}[one] for one in value) if isinstance(value, list) else None
    ),
)
def test_rounds(serve: Serve, script: list[Handler], ok: bool, rounds: int) -> None:  # noqa: FBT001
    """Two good rounds in a row pass, three definite failures in a row fail, lost connections wait."""
    server = serve(Script(*script))
    result = Gate([check(server)], **FAST).run()
    assert (result.ok, result.rounds) == (ok, rounds)
    assert len(server.requests) == rounds
    if not ok:
        assert result.reason == f"/: GET {server.url()}: expected status 200, got 500"
        assert [one.name for one in result.failed] == ["/"]


def test_the_verdict_on_a_bad_server_is_quick(serve: Serve) -> None:
    server = serve(BAD)
    start = time.monotonic()
    result = Gate([check(server)], timeout=60).run()
    assert not result.ok
    assert time.monotonic() - start < 20
    assert result.seconds < 20


def test_nobody_listens_until_the_timeout(closed_port: int) -> None:
    start = time.monotonic()
    result = Gate([{"name": "a", "tcp": f"127.0.0.1:{closed_port}"}], interval=0.02, timeout=0.3).run()
    assert 0.2 < time.monotonic() - start < 20
    assert result.reason == (
        f"not passed 2 times in a row within 0.3 s: a: tcp 127.0.0.1:{closed_port}: connection refused"
    )
    assert result.passed == 0


def test_a_hanging_server_cannot_outlive_the_timeout(serve: Serve) -> None:
    server = serve()
    server.handler = lambda _sock, _request: t.cast("None", server.stopped.wait(60))
    checks = [check(server, f"/{number}") for number in range(30)]
    start = time.monotonic()
    result = Gate(checks, timeout=0.5).run()
    assert time.monotonic() - start < 20
    assert len(result.failed) == 30
    assert result.reason.endswith(", and 29 more")


def test_a_round_that_the_timeout_cuts_short_accuses_nobody(serve: Serve) -> None:
    server = serve()

    def hang(_sock: socket.socket, _request: bytes) -> None:
        server.stopped.wait(60)

    server.handler = site({"/a": Script(OK, OK, hang), "/b": CLOSE})
    result = Gate([check(server, "/a"), check(server, "/b")], interval=0.02, timeout=2).run()
    assert [one.name for one in result.failed] == ["/b"]
    assert result.rounds == 3


def test_each_of_many_probes_is_asked(serve: Serve) -> None:
    server = serve()
    probes = [probe(server, f"/{number}") for number in range(10)]
    result = Gate([], probes, record_baseline([], probes), **FAST).run()
    assert (result.ok, result.passed) == (True, 10)
    assert result.reason == "10 checks and probes passed"


def test_a_failing_probe_does_not_wait_for_the_pace_of_the_others(serve: Serve) -> None:
    """It is asked three times in a row: the others leave it room."""
    server = serve()
    asked: list[str] = []

    def answer(sock: socket.socket, request: bytes) -> None:
        path = request.split()[1].decode()
        asked.append(path)
        (BAD if path == "/7" else OK)(sock, request)

    probes = [probe(server, f"/{number}") for number in range(20)]
    baseline = record_baseline([], probes)
    server.handler = answer
    result = Gate([], probes, baseline, **FAST).run()
    assert [one.name for one in result.failed] == ["/7"]
    first, _second, third = (index for index, path in enumerate(asked) if path == "/7")
    assert third - first <= 3, asked


def test_at_most_eight_at_a_time(serve: Serve) -> None:
    server, lock = serve(), threading.Lock()
    running: list[int] = []
    most: list[int] = []
    full = threading.Event()

    def handle(sock: socket.socket, request: bytes) -> None:
        with lock:
            running.append(1)
            most.append(len(running))
            if len(running) >= 8:
                full.set()
        full.wait(20)
        with lock:
            running.pop()
        OK(sock, request)

    server.handler = handle
    record_baseline([check(server, f"/{number}") for number in range(24)], [])
    assert full.is_set()
    assert max(most) == 8


def test_soak_fails_at_the_first_failure(serve: Serve) -> None:
    for bad in (BAD, CLOSE):
        server = serve(Script(OK, OK, OK, OK, bad, OK))
        result = Gate([check(server)], **FAST, soak=5).run()
        assert (result.ok, result.rounds) == (False, 5)
        assert result.reason.startswith("in the soak: /: GET ")


def test_soak_goes_on_for_its_time(serve: Serve) -> None:
    server = serve()
    result = Gate([check(server)], **FAST, soak=0.2).run()
    assert result.ok
    assert result.rounds > 4
    assert 0.2 <= result.seconds < 1


# What the baseline holds, how the probes /a and /b answer now, and what comes of it.
PASSED = {"probe": True, "ok": True, "failure": None}
FAILED = {"probe": True, "ok": False, "failure": "wrong"}
RESET = {"probe": True, "ok": False, "failure": "connection"}
REFUSED = {"probe": True, "ok": False, "failure": "refused"}
BASELINES: list[tuple[str, t.Any, t.Any, list[Handler], dict[str, t.Any]]] = [
    ("both still pass", PASSED, PASSED, [OK, OK], {"ok": True}),
    ("one got worse", PASSED, PASSED, [OK, BAD], {"ok": False, "failed": ["/b"]}),
    ("one is closed now", PASSED, PASSED, [OK, CLOSE], {"ok": False, "failed": ["/b"]}),
    ("404 is an answer", PASSED, PASSED, [OK, reply(status(404))], {"ok": True}),
    ("one failed before and does now", PASSED, FAILED, [OK, BAD], {"ok": True, "already_failing": ["/b"], "passed": 1}),
    ("one was reset before", PASSED, RESET, [OK, CLOSE], {"ok": True, "already_failing": ["/b"]}),
    ("one failed before and is fine now", PASSED, FAILED, [OK, OK], {"ok": True, "already_failing": ["/b"]}),
    ("one failed before, the other does now", PASSED, FAILED, [BAD, OK], {"ok": False, "failed": ["/a"]}),
    ("both failed before", FAILED, FAILED, [BAD, BAD], {"ok": True, "skipped": True, "already_failing": ["/a", "/b"]}),
    ("nobody listened, one fails now", REFUSED, REFUSED, [OK, BAD], {"ok": True, "already_failing": ["/a", "/b"]}),
    ("nobody listened, both fail now", REFUSED, REFUSED, [BAD, BAD], {"ok": False, "failed": ["/a", "/b"]}),
    ("a new port fails, the server is fine", PASSED, REFUSED, [OK, BAD], {"ok": True, "already_failing": ["/b"]}),
    ("no record, all pass", None, None, [OK, OK], {"ok": True, "unjudged": []}),
    ("no record, one fails", None, None, [OK, BAD], {"ok": True, "unjudged": ["/b"], "passed": 1}),
    ("no record, all fail", None, None, [BAD, BAD], {"ok": False, "failed": ["/a", "/b"], "unjudged": []}),
    ("one record, the other fails", PASSED, None, [OK, BAD], {"ok": True, "unjudged": ["/b"]}),
]


@pytest.mark.parametrize(
    ("a", "b", "now", "expected"), [row[1:] for row in BASELINES], ids=[row[0] for row in BASELINES]
)
def test_baseline(serve: Serve, a: t.Any, b: t.Any, now: list[Handler], expected: dict[str, t.Any]) -> None:
    server = serve(site({"/a": now[0], "/b": now[1]}))
    baseline = [CheckResult(name, **record) for name, record in (("/a", a), ("/b", b)) if record]
    keys = {"interval": 0.01, "timeout": 0.3}
    result = Gate([], [probe(server, "/a"), probe(server, "/b")], baseline or None, **keys).run()
    got = {**encode(result), "failed": [one.name for one in result.failed]}
    assert {key: got[key] for key in expected} == expected
    if expected["ok"]:
        assert result.failed == []
    if result.skipped:
        assert result.reason == "all 2 probes failed before the switch too: nothing was asked"
        assert server.requests == []


def test_the_baseline_tells_before_from_now(serve: Serve) -> None:
    """The whole way: recorded with the old configuration, judged with the new one."""
    server = serve(site({"/a": OK, "/b": BAD, "/c": OK}))
    probes = [probe(server, path) for path in ("/a", "/b", "/c")]
    baseline = record_baseline([check(server, "/a")], probes)
    assert [(one.name, one.probe, one.ok) for one in baseline] == [
        ("/a", False, True),
        ("/a", True, True),
        ("/b", True, False),
        ("/c", True, True),
    ]
    server.handler = site({"/a": OK, "/b": BAD, "/c": BAD})
    result = Gate([check(server, "/a")], probes, baseline, **FAST).run()
    assert not result.ok
    assert [(one.name, one.file, one.line) for one in result.failed] == [("/c", "a.conf", 1)]
    assert result.already_failing == ["/b"]
    server.handler = site({"/a": OK, "/b": BAD, "/c": OK})
    assert Gate([check(server, "/a")], probes, baseline, **FAST).run().ok


def test_a_check_that_failed_before_still_fails_and_says_so(serve: Serve) -> None:
    server = serve(BAD)
    baseline = record_baseline([check(server)], [])
    result = Gate([check(server)], (), baseline, **FAST).run()
    assert not result.ok
    assert result.reason.endswith("got 500 (already failed before the switch)")
    assert result.already_failing == []


def test_a_gate_with_nothing_to_ask_says_so() -> None:
    result = Gate([]).run()
    assert (result.ok, result.skipped, result.rounds) == (True, True, 0)
    assert result.reason == "no checks and no probes: nothing was asked"


def test_names(serve: Serve) -> None:
    server = serve(OK)
    with pytest.raises(HealthError, match="check '/a': two checks have this name"):
        Gate([check(server, "/a"), check(server, "/a")])
    probes = [probe(server), probe(server), probe(server)]
    assert [one.name for one in record_baseline([check(server)], probes)] == ["/", "/", "/ #2", "/ #3"]


@pytest.mark.parametrize(
    "keys",
    [{"successes": 0}, {"interval": -1}, {"soak": -1}, {"successes": 51}, {"timeout": 0}, {"interval": 10}],
)
def test_settings_that_cannot_pass_are_refused(keys: dict[str, t.Any]) -> None:
    with pytest.raises(HealthError, match="cannot pass within"):
        Gate([], **keys)


def test_a_wrong_check_is_refused_before_anything_is_asked(serve: Serve) -> None:
    server = serve()
    with pytest.raises(HealthError, match="unknown key 'stat'"):
        Gate([check(server), {"url": server.url(), "stat": 1}])
    assert server.requests == []


WHEN = b"2026/11/22 10:00:00 "
ALARM = WHEN + b"[alert] 12#12: worker process 99 exited on signal 11\n"


def _gate(serve: Serve, log: Path, act: t.Callable[[], t.Any], **keys: t.Any) -> dict[str, t.Any]:
    """A gate in whose second round the log is changed."""

    def handle(sock: socket.socket, request: bytes) -> None:
        act()
        OK(sock, request)

    return Gate([check(serve(Script(OK, handle, OK)))], **FAST, error_logs=[str(log)], **keys).run()


def _append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("line", "alarming"),
    [
        (ALARM, True),
        (WHEN + b"[emerg] 12#12: bind() to 0.0.0.0:80 failed (98: Address already in use)\n", True),
        (WHEN + b"[crit] 12#0: cache file has too small header\n", True),
        (WHEN + b"[crit] 12#12: *123 SSL_do_handshake() failed, client: 10.0.0.1\n", False),
        (WHEN + b"[error] 12#12: *123 connect() failed, client: 10.0.0.1\n", False),
        (WHEN + b"[warn] 12#12: low\n", False),
        (WHEN + b"[notice] 12#12: [emerg] in the text\n", False),
        (b"[emerg] no time\n", False),
        (b"\xff\xfe\x00\n" * 3, False),
        (ALARM[:-1], False),
        (b"x" * 200_000 + b"\n" + ALARM, True),
    ],
    ids=[
        "alert",
        "emerg",
        "crit",
        "crit of a request",
        "error",
        "warn",
        "in the text",
        "no time",
        "binary",
        "cut",
        "long",
    ],
)
def test_error_log_lines(serve: Serve, tmp_path: Path, line: bytes, alarming: bool) -> None:  # noqa: FBT001
    log = tmp_path / "error.log"
    log.write_bytes(ALARM * 3)
    result = _gate(serve, log, lambda: _append(log, line))
    assert result.ok is not alarming
    if alarming:
        wanted = line.splitlines()[-1].decode()
        assert result.reason == f"new line in {log}: {wanted}"
        assert result.failed == []


def test_a_line_is_read_when_it_is_complete(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_bytes(b"")
    pieces = iter([ALARM[:40], ALARM[40:]])

    def handle(sock: socket.socket, request: bytes) -> None:
        _append(log, next(pieces, b""))
        OK(sock, request)

    result = Gate([check(serve(handle))], **FAST, error_logs=[str(log)]).run()
    assert result.reason == f"new line in {log}: {ALARM.decode().strip()}"


def _rotate(log: Path) -> None:
    _append(log, ALARM)
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"")


def _rotate_and_go_on(log: Path) -> None:
    log.rename(log.with_suffix(".1"))
    log.write_bytes(ALARM)


def _truncate(log: Path) -> None:
    os.truncate(log, 0)
    _append(log, ALARM)


def _create(log: Path) -> None:
    log.unlink()
    _append(log, ALARM)


@pytest.mark.parametrize("act", [_rotate, _rotate_and_go_on, _truncate, _create])
def test_error_log_rotation(serve: Serve, tmp_path: Path, act: t.Callable[[Path], None]) -> None:
    log = tmp_path / "error.log"
    log.write_bytes(ALARM * 20)
    result = _gate(serve, log, lambda: act(log))
    assert result.reason == f"new line in {log}: {ALARM.decode().strip()}"


def test_an_error_log_that_appears_is_new_from_its_beginning(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    result = _gate(serve, log, lambda: log.write_bytes(ALARM))
    assert not result.ok
    log.unlink()
    quiet = _gate(serve, log, lambda: None)
    assert (quiet.ok, quiet.unwatched) == (True, [])


def test_an_error_log_that_cannot_be_read_is_visible(serve: Serve, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    logs = [str(tmp_path), str(tmp_path / "fifo"), "/dev/null", "a\0b"]
    result = Gate([check(serve(OK))], **FAST, error_logs=logs).run()
    assert result.ok
    assert result.unwatched[:3] == [
        f"{tmp_path}: not a regular file",
        f"{tmp_path}/fifo: not a regular file",
        "/dev/null: not a regular file",
    ]
    assert "null" in result.unwatched[3]


def test_error_logs_are_watched_in_a_soak_without_checks(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_bytes(b"")
    gate = Gate([], interval=0.01, soak=5, error_logs=[str(log)])
    results: list[GateResult] = []
    thread = threading.Thread(target=lambda: results.append(gate.run()))
    thread.start()
    while not gate._rounds:
        thread.join(0.005)
    _append(log, ALARM)
    thread.join(10)
    assert not results[0].ok
    assert results[0].seconds < 5
