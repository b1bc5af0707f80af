# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Without systemd a running nginx is reloaded, and one that does not run is started."""

from __future__ import annotations

import typing as t

from clients import fetch

if t.TYPE_CHECKING:
    from testinfra.host import Host


def masters(fingerprint: str) -> list[str]:
    return [line for line in fingerprint.splitlines() if "nginx: master process" in line]


def test_there_is_no_systemd(host: Host) -> None:
    assert host.file("/proc/1/comm").content_string.strip() != "systemd"
    assert not host.file("/run/systemd/system").exists


def test_clients_get_this_hosts_page_over_tls(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {host.backend.host}\n")


def test_clients_are_sent_from_http_to_https(host: Host) -> None:
    assert fetch(host, "http://www.example.test/").status == 301


def test_the_master_is_the_one_from_before_where_there_was_one(host: Host) -> None:
    before = masters(host.file("/root/before").content_string)
    after = masters(host.check_output("fingerprint"))
    assert len(before) == (host.backend.host != "web3")
    assert len(after) == 1
    assert after == before or host.backend.host == "web3"
