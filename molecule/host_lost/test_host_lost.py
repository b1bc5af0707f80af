# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was paused, killed or restarted in the middle of a deploy serves one whole site."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import journal, status

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_a_whole_page(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert answer.status == 200
    assert answer.body.endswith(f" from {host.backend.host}\n")


def test_the_host_is_at_rest(host: Host) -> None:
    now = status(host)
    assert now["running"] == now["confirmed"]
    assert (now["active"], now["trouble"], now["interrupted"]) == (None, None, False)


def test_a_host_that_went_down_with_an_unconfirmed_release_came_up_with_the_confirmed_one(host: Host) -> None:
    if host.backend.host != "web1":
        outcomes = dict(line.split() for line in host.file("/root/outcomes").content_string.splitlines())
        assert set(outcomes) == {"staged", "activated", "reload"}
        assert "confirmed" not in (outcomes["activated"], outcomes["reload"])
        went_back = [row["details"] for row in journal(host) if row["event"] == "rolled_back"]
        assert {details.get("by") for details in went_back} >= {"boot"}
