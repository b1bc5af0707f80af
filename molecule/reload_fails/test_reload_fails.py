# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever kept nginx from running a release, the host serves a whole one."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import events, journal

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_the_page_of_the_last_good_deploy(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, "alive from web1\n")


def test_each_failure_was_undone(host: Host) -> None:
    assert events(host).count("rolled_back") == 4
    assert events(host).count("rollback_failed") == 0


def test_the_journal_has_nginxs_own_lines(host: Host) -> None:
    reasons = [
        row["details"]["reason"] for row in journal(host) if row["event"] == "reload" and not row["details"]["ok"]
    ]
    for words in ("Address already in use", "/etc/ssl/other.pem", "host not found in upstream"):
        assert any(words in reason for reason in reasons), reasons


def test_one_nginx_runs(host: Host) -> None:
    assert host.check_output("pgrep -xc -P 1 nginx") == "1"
