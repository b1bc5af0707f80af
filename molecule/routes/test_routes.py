# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of all changes only the accepted one was activated, and nothing of the private worlds is left."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import events

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_what_the_accepted_change_says(host: Host) -> None:
    assert fetch(host, "https://www.shwitter.example/home").status == 301
    assert fetch(host, "https://admin.shwitter.example/").status != 200


def test_only_the_good_site_and_the_accepted_change_were_activated(host: Host) -> None:
    assert events(host).count("activated") == 2
    assert events(host).count("rolled_back") == 0


def test_nothing_of_a_world_is_left(host: Host) -> None:
    masters = host.check_output("pgrep -c -f '[n]ginx: master process'")
    assert masters == "1"
    assert host.check_output("find /tmp /run -maxdepth 1 -name 'failsafe*' | wc -l") == "0"
