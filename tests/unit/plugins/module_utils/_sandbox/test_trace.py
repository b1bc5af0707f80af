# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the lines that an instrumented nginx logs are a request's, and which of them is the client's."""

from __future__ import annotations

import os
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox import prober as module
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.prober import Prober

CLIENT = "failsafe 10.0.0.5 41000 7 1 s1,l1 l1\n"
INNER = "failsafe 127.0.0.1 52000 8 1 s2,l2 l2\n"
BEHIND_REAL_IP = "failsafe 203.0.113.9  7 1 s1,l1 l1\n"


@pytest.fixture
def log(tmp_path: Path) -> t.Iterator[tuple[Prober, Path]]:
    path = tmp_path / "trace.log"
    path.touch()
    prober = Prober.__new__(Prober)
    prober._trace = os.open(path, os.O_RDONLY)
    prober._port = "41000"
    yield prober, path
    os.close(prober._trace)


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        (CLIENT, ["s1", "l1"]),
        (INNER + CLIENT, ["s2", "l2", "s1", "l1"]),
        (CLIENT + INNER, ["s2", "l2", "s1", "l1"]),
        (BEHIND_REAL_IP, ["s1", "l1"]),
        (INNER + BEHIND_REAL_IP, ["s2", "l2", "s1", "l1"]),
        (INNER, ["s2", "l2"]),
        ("", []),
        ("something else\n", []),
    ],
)
def test_the_clients_line_comes_last(log: tuple[Prober, Path], text: str, markers: list[str]) -> None:
    prober, path = log
    path.write_text(text)
    assert prober._read_trace() == markers


def test_the_clients_line_is_awaited(log: tuple[Prober, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # nginx asked itself: the first line is that request's, and the client's is on its way.
    prober, path = log
    monkeypatch.setattr(module, "_SETTLE", 10)
    path.write_text(INNER)
    writer = threading.Timer(0.02, lambda: path.write_text(INNER + CLIENT))
    writer.start()
    assert prober._read_trace() == ["s2", "l2", "s1", "l1"]
    writer.join()
