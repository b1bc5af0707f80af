# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk costs no site: what could not be written was refused, and the next deploy went through."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import STORE, kept, status

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_the_store_has_a_file_system_of_its_own(host: Host) -> None:
    assert host.check_output(f"stat -f -c %T {STORE}") == "tmpfs"


def test_clients_get_the_page_of_the_deploy_that_had_room(host: Host) -> None:
    assert fetch(host, "https://www.example.test/").body == "room from web1\n"
    assert kept("record.json")["verdict"] == "deployed"


def test_the_host_is_in_order(host: Host) -> None:
    now = status(host)
    assert now["running"] == now["confirmed"]
    assert (now["active"], now["trouble"], now["interrupted"]) == (None, None, False)
