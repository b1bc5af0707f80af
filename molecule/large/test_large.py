# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forty hosts, one failure: all of them serve what they served before, and the record knows which was where."""

from __future__ import annotations

import typing as t
from collections import Counter

from clients import fetch
from traces import kept

if t.TYPE_CHECKING:
    from testinfra.host import Host

NODES = {f"node{number:02}": f"127.0.1.{number}" for number in range(1, 41)}


def test_every_node_serves_what_it_served_before(host: Host) -> None:
    urls = " ".join(f"http://{address}:8080/" for address in NODES.values())
    assert host.check_output(f"curl -sS {urls}").splitlines() == [f"old {name}" for name in NODES]


def test_clients_from_outside_get_nothing_for_no_node_listens_there(host: Host) -> None:
    try:
        fetch(host, "http://node01.example.test:8080/")
    except ConnectionRefusedError:
        return
    raise AssertionError("a node listens where it should not")


def test_hosts_of_later_batches_were_never_touched(host: Host) -> None:
    for name in list(NODES)[25:]:
        assert '"activated"' not in host.file(f"/srv/{name}/store/journal.jsonl").content_string


def test_the_record_has_all_forty() -> None:
    record = kept("record.json")
    assert record["verdict"] == "rolled_back"
    assert [len(batch["hosts"]) for batch in record["batches"]] == [1, 4, 20]
    outcomes = Counter(row["outcome"] for row in record["hosts"])
    assert outcomes == {"reverted": 24, "rolled_back": 1, "pending": 15}


def test_the_fleet_went_back_at_once() -> None:
    assert len(kept("record.json")["fleet_rollback"]["hosts"]) == 24
