# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.progress_lines import (
    elapsed,
    release_line,
    route_check_line,
    run_lines,
)


@pytest.mark.parametrize(("seconds", "words"), [(0, "00:00"), (65.9, "01:05"), (3605, "1:00:05")])
def test_elapsed(seconds: float, words: str) -> None:
    assert elapsed(seconds) == words


STAGED = {"state": "staged", "release": "r-new", "added": ["a"], "modified": ["b", "c"], "removed": []}


@pytest.mark.parametrize(
    ("state", "reload", "result", "line"),
    [
        ("staged", True, STAGED, ("plain", "staged r-new (+1 ~2 files)")),
        ("staged", True, {**STAGED, "state": "planned"}, ("plain", "would change to r-new (+1 ~2 files)")),
        ("staged", True, {"state": "confirmed", "release": "r-new"}, ("good", "runs r-new already")),
        ("staged", True, {"failed": True, "msg": "no\n  such\nfile"}, ("bad", "refused: no such")),
        ("staged", True, {"failed": True}, ("bad", "refused: no message")),
        ("active", False, {"release": "r-new"}, ("plain", "activated r-new")),
        ("active", True, {"release": "r-new"}, ("plain", "runs r-new")),
        (
            "active",
            True,
            {"release": "r-new", "gate": {"seconds": 2.04}},
            ("plain", "runs r-new, gate passed in 2.0 s"),
        ),
        ("active", True, {"failed": True, "msg": "x" * 300}, ("bad", "failed to become active: " + "x" * 199 + "…")),
        ("confirmed", True, {"release": "r-new"}, ("good", "confirmed r-new")),
        ("adopted", True, {"release": "r-new"}, ("good", "adopted r-new")),
        ("rolled_back", True, {"release": "r-old", "changed": True}, ("bad", "rolled back to r-old")),
        ("rolled_back", True, {"release": "r-old", "changed": False}, ("plain", "nothing to roll back")),
        ("rolled_back", True, {"failed": True, "msg": "no space"}, ("bad", "ROLLBACK FAILED: no space")),
        ("unlocked", True, {"changed": True}, None),
    ],
)
def test_a_host(state: str, reload: bool, result: dict[str, t.Any], line: t.Any) -> None:  # noqa: FBT001 - a table's
    assert release_line(state, result, reload=reload) == line


def test_a_route_check_speaks_when_it_refuses() -> None:
    assert route_check_line({"changed": False}) is None
    assert route_check_line({"failed": True, "msg": "502 on /"}) == ("bad", "refused: 502 on /")


@pytest.mark.parametrize(
    ("event", "result", "lines"),
    [
        ("started", {"rollout": "run-1", "batches": [1, 5]}, [("plain", "rollout run-1: 6 hosts in 2 batches")]),
        (
            "batch",
            {"progress": "batch 2 of 2", "hosts": [f"web{number}" for number in range(2, 9)]},
            [("plain", "batch 2 of 2: web2, web3, web4, web5, web6 and 2 more")],
        ),
        ("settling", {"hosts": []}, []),
        ("settling", {"hosts": ["web1"]}, [("bad", "the fleet goes back: web1")]),
        ("finished", {"verdict": "deployed", "text": ["6 confirmed"]}, [("good", "deployed: 6 confirmed")]),
        (
            "finished",
            {"verdict": "stopped", "text": ["1 rolled back", "rolled back: web1: 500"]},
            [("bad", "stopped: 1 rolled back"), ("bad", "rolled back: web1: 500")],
        ),
        ("finished", {"verdict": None, "text": None}, [("bad", "None: ")]),
    ],
)
def test_the_fleet(event: str, result: dict[str, t.Any], lines: t.Any) -> None:
    assert run_lines(event, result) == lines
