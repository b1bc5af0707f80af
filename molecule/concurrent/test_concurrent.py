# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first deploy came to its end as if it were alone, the second was refused before it touched anything."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import events, kept, status

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_the_page_of_the_last_deploy(host: Host) -> None:
    assert fetch(host, "https://www.example.test/").body == "third from web1\n"


def test_the_first_one_went_through() -> None:
    assert kept("record.json")["verdict"] == "deployed"


def test_the_second_one_was_refused_and_names_the_first() -> None:
    second = kept("second.json")
    assert second["verdict"] == "refused"
    assert kept("record.json")["rollout"] in second["hosts"][0]["reason"]


def test_no_host_ever_ran_the_second(host: Host) -> None:
    assert events(host).count("activated") == 3
    assert events(host).count("rolled_back") == 0


def test_nobody_holds_the_host(host: Host) -> None:
    assert status(host)["rollout"] is None
