# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every host of the fleet is back at what it ran, and only clients of the host that failed saw errors."""

from __future__ import annotations

import typing as t

from clients import container, fetch
from traces import events, kept

if t.TYPE_CHECKING:
    from testinfra.host import Host


def name(host: Host) -> str:
    return str(host.backend.host)


def test_clients_get_the_page_from_before(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {name(host)}\n")
    assert fetch(host, "https://www.example.test/api/profile").status == 404


def test_the_files_are_those_from_before(host: Host) -> None:
    before, after = host.file("/root/before").content_string, host.check_output("fingerprint")
    assert digests(before) == digests(after)


def digests(fingerprint: str) -> set[str]:
    return {line for line in fingerprint.splitlines() if len(line.partition("  ")[0]) == 64}


def test_clients_of_no_other_host_saw_an_error(host: Host) -> None:
    seen = kept("load.json")[container(host)]
    assert seen["requests"] > 100
    assert name(host) == "web5" or seen["failed"] == 0, seen


def test_the_hosts_that_were_done_ran_the_release_before_they_went_back(host: Host) -> None:
    confirmations = 1 if name(host) == "web5" else 3
    assert events(host).count("confirmed") == confirmations
    if name(host) != "web5":
        assert "204" in kept("load.json")[container(host)]["results"]


def test_the_record_tells_batches_and_the_way_back() -> None:
    record = kept("record.json")
    assert (record["verdict"], record["ok"]) == ("rolled_back", False)
    assert [batch["hosts"] for batch in record["batches"]] == [["web1"], ["web2", "web3"], ["web4", "web5"]]
    assert record["fleet_rollback"]["hosts"] == ["web1", "web2", "web3", "web4"]
    assert record["fleet_rollback"]["started"] < record["fleet_rollback"]["finished"]
