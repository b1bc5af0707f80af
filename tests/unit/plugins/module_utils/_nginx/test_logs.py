# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.logs import (
    Log,
    fatal,
    named_workers,
    parse_lines,
    reason,
)

MASTER, WORKER, OLD, OTHER = 10, 20, 30, 40


def line(level: str, pid: int, words: str) -> str:
    return f"2026/01/01 00:00:00 [{level}] {pid}#{pid}: {words}\n"


@pytest.mark.parametrize(
    ("text", "is_fatal"),
    [
        (line("emerg", MASTER, 'unknown directive "x" in /a:1'), True),
        (line("emerg", MASTER, "still could not bind()"), True),
        (line("emerg", MASTER, "bind() to 0.0.0.0:80 failed (98: Address already in use)"), False),
        (line("emerg", MASTER, "listen() to 0.0.0.0:80, backlog 511 failed (98: Address already in use)"), False),
        (line("emerg", MASTER, "bind() to 10.0.0.1:80 failed (99: Cannot assign requested address)"), True),
        (line("alert", MASTER, f"worker process {WORKER} exited with fatal code 2 and cannot be respawned"), True),
        (line("alert", MASTER, f"worker process {WORKER} exited on signal 11"), True),
        (line("alert", MASTER, f"worker process {OLD} exited on signal 11"), False),
        (line("emerg", WORKER, "posix_memalign(16, 464) failed (12: Cannot allocate memory)"), True),
        (line("alert", OLD, "*7 open socket #3 left in connection 4"), False),
        (line("alert", OLD, "aborting"), False),
        (line("crit", WORKER, "*9 connect() to unix:/run/php.sock failed (2: No such file or directory)"), False),
        (line("crit", WORKER, "*1 SSL_do_handshake() failed"), False),
        (line("alert", WORKER, "512 worker_connections are not enough"), False),
        (line("emerg", OTHER, "open() failed"), False),
        (line("error", MASTER, "anything"), False),
        (line("warn", MASTER, "conflicting server name"), False),
        ("no log line\n", False),
        ("\xff\x00[emerg]\n", False),
    ],
)
def test_which_lines_speak_of_a_failed_load(text: str, is_fatal: bool) -> None:  # noqa: FBT001
    lines = parse_lines(text.encode("latin-1"))
    assert bool(fatal(lines, master=MASTER, workers={WORKER, OLD}, old={OLD})) == is_fatal


def test_reason_names_the_port() -> None:
    text = line("emerg", MASTER, "bind() to 0.0.0.0:80 failed (98: Address already in use)") * 5
    lines = parse_lines((text + line("emerg", MASTER, "still could not bind()")).encode())
    final = fatal(lines, master=MASTER, workers=(), old=())
    assert (
        reason(final, lines)
        == "[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use); still could not bind()"
    )


def test_a_worker_that_nobody_saw_is_known_by_the_words_of_its_master() -> None:
    lines = parse_lines(
        line("alert", MASTER, "worker process 77 exited with fatal code 2 and cannot be respawned").encode()
    )
    assert named_workers(lines, MASTER) == {77}


def test_following(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_text(line("emerg", 1, "before"))
    log = Log(str(path))
    assert log.read() == []
    with path.open("a") as file:
        file.write(line("emerg", 1, "one") + line("info", 1, "no")[:20])
        file.flush()
        assert [str(found) for found in log.read()] == ["[emerg] one"]
        file.write(line("info", 1, "no")[20:] + line("alert", 1, "two"))
        file.flush()
        path.rename(tmp_path / "error.log.1")
        path.write_text(line("crit", 1, "three"))
        assert [found.words for found in log.read()] == ["two", "three"]
    path.write_text("")
    assert log.read() == []
    path.write_text(line("crit", 1, "four"))
    assert [found.words for found in log.read()] == ["four"]
    assert log.limit is None


def test_a_log_that_does_not_exist_yet(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "later.log"))
    assert log.read() == []
    (tmp_path / "later.log").write_text(line("emerg", 1, "first"))
    assert [found.words for found in log.read()] == ["first"]


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    assert "no regular file" in (log.limit or "")
    assert log.read() == []


def test_a_log_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = Log(str(tmp_path / "file" / "error.log"))
    assert "cannot be read" in (log.limit or "")
