# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No controller came back to the host, and it serves the confirmed release again and says why."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import journal, kept, status

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_the_confirmed_page(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, "hello from web1\n")


def test_the_journal_says_that_the_host_did_it_by_itself(host: Host) -> None:
    rows = journal(host)
    assert [row["event"] for row in rows].count("lease_expired") == 2
    assert [row["details"].get("by") for row in rows if row["event"] == "rolled_back"] == ["lease", "lease"]


def test_the_status_knows_of_no_trial(host: Host) -> None:
    now = status(host)
    assert now["active"] is None
    assert now["lease"] is None
    assert now["running"] == now["confirmed"]
    assert not now["trouble"]


def test_nothing_waits_any_more(host: Host) -> None:
    assert "failsafe-nginx-lease" not in host.check_output("systemctl list-units --all --no-legend --plain")


def test_the_controllers_record_says_interrupted() -> None:
    record = kept("record.json")
    assert (record["verdict"], record["ok"], record["finished"]) == ("interrupted", False, None)
    assert [row["outcome"] for row in record["hosts"]] == ["unknown"]


def test_the_report_tells_what_the_host_did_by_itself() -> None:
    report = kept("record.report.json")
    told = [row["event"] for row in report["timeline"] if row["host"] == report["hosts"][0]["host"]]
    assert told[0] == "staged"
    assert [event for event in told if event in ("reload", "lease_expired", "rolled_back")] == [
        "reload", "lease_expired", "reload", "rolled_back",
    ]  # fmt: skip
    assert report["hosts"][0]["now"]["running"] == report["hosts"][0]["now"]["confirmed"]
    assert report["impact"]["hosts"] == [report["hosts"][0]["host"]]
