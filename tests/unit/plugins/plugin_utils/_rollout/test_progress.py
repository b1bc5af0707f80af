# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.executor.playbook_executor import PlaybookExecutor
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.progress import (
    batch_progress,
    batch_sizes,
    progress_line,
    reloaded,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.verdict import FleetVerdict, HostVerdict

SIZES = st.integers(1, 30) | st.integers(1, 100).map("{}%".format)


def by_ansible(total: int, serial: list[t.Any]) -> list[int]:
    hosts = [f"web{number}" for number in range(total)]
    executor = SimpleNamespace(_inventory=SimpleNamespace(get_hosts=lambda *_unused, **_too: list(hosts)))
    play = SimpleNamespace(hosts="all", order=None, serial=serial)
    return [
        len(part) for part in PlaybookExecutor._get_serialized_batches(t.cast("t.Any", executor), t.cast("t.Any", play))
    ]


@given(st.integers(1, 60), st.lists(SIZES, min_size=1, max_size=4))
def test_the_batches_are_those_of_ansible(total: int, serial: list[t.Any]) -> None:
    assert batch_sizes(total, serial) == by_ansible(total, serial)


@pytest.mark.parametrize(
    ("total", "serial", "sizes"),
    [
        (40, [1, "10%", "50%", "100%"], [1, 4, 20, 15]),
        (6, "50%", [3, 3]),
        (6, 4, [4, 2]),
        (6, "4", [4, 2]),
        (3, ["10%"], [1, 1, 1]),
        (0, [1], []),
    ],
)
def test_batches(total: int, serial: t.Any, sizes: list[int]) -> None:
    assert batch_sizes(total, serial) == sizes


def verdict(*outcomes: str) -> FleetVerdict:
    return FleetVerdict(tuple(HostVerdict(f"web{number}", word) for number, word in enumerate(outcomes, 1)))


@pytest.mark.parametrize(
    ("sizes", "hosts", "outcomes", "words"),
    [
        ([1, 2, 3], ["web1"], ["pending"] * 6, "batch 1 of 3, 0 of 6 hosts done"),
        ([1, 2, 3], ["web2", "web3"], ["confirmed", *["pending"] * 5], "batch 2 of 3, 1 of 6 hosts done"),
        # A host of the batch that is gone already, a budget of failures, hosts that need nothing.
        (
            [1, 2, 3],
            ["web5", "web6"],
            ["confirmed", "rolled_back", "unchanged", "unreachable", "pending", "pending"],
            "batch 3 of 3, 2 of 6 hosts done, 2 failed",
        ),
        # What does not fit together gives no number that could be wrong.
        ([1, 1], ["web1"], ["pending"] * 6, "0 of 6 hosts done"),
        ([], ["web1"], ["pending"], "0 of 1 hosts done"),
        ([6], ["stranger"], ["pending"] * 6, "0 of 6 hosts done"),
    ],
)
def test_where_a_rollout_is(sizes: list[int], hosts: list[str], outcomes: list[str], words: str) -> None:
    assert batch_progress(sizes, hosts, verdict(*outcomes)) == words


NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "gated", "words"),
    [
        ({}, {}, ""),
        ({}, None, ""),
        ("undefined", "undefined", ""),
        ({"failed": True, "msg": "no space"}, {"unreachable": True}, ""),
        ({"progress": "batch 2 of 4"}, {}, "batch 2 of 4"),
        (
            {"progress": "batch 2 of 4"},
            {"reloaded": "2026-11-22T12:00:02.250+00:00"},
            "batch 2 of 4, 3 s since the reload",
        ),
        ({"progress": "batch 1"}, {"reloaded": "2026-11-22T12:00:09+00:00"}, "batch 1, 0 s since the reload"),
    ],
)
def test_a_line(told: t.Any, gated: t.Any, words: str) -> None:
    assert progress_line(told, gated, NOON) == words


def test_a_batch_tells_of_its_reload_once(tmp_path: Path) -> None:
    variables = [
        {"__nginx_deploy_batch": {"progress": f"batch {number} of 2"}, "__nginx_deploy_gated": {}} for number in (1, 2)
    ]
    assert [reloaded(each, str(tmp_path)) for each in variables * 2] == ["batch 1 of 2", "batch 2 of 2", "", ""]
    assert reloaded({}, str(tmp_path)) == ""
    assert reloaded(variables[0], str(tmp_path / "gone")) == ""
