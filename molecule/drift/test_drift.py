# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand's edit is never lost and never overwritten by accident."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import STORE, events, kept

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_the_last_page_that_was_deployed(host: Host) -> None:
    assert fetch(host, "https://www.example.test/").body == "repaired from web1\n"


def test_the_edit_that_came_in_between_is_still_there(host: Host) -> None:
    assert "# by hand" in host.file("/etc/nginx/conf.d/site.conf").content_string
    assert kept("record.json")["hosts"][0]["outcome"] in ("rolled_back", "failed")


def test_the_adopted_edit_is_a_release(host: Host) -> None:
    assert events(host).count("adopted") >= 1
    assert "edited from" in host.check_output(f"cat {STORE}/releases/*/tree*/conf.d/site.conf")
