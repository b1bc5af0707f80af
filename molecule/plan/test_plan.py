# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan changes nothing, whatever it foresees."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import assert_untouched, events

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_the_page_from_before(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {host.backend.host}\n")


def test_no_file_and_no_process_has_changed(host: Host) -> None:
    assert_untouched(host)


def test_the_journal_knows_of_the_first_deploy_only(host: Host) -> None:
    assert events(host).count("activated") == 1
    assert events(host).count("staged") == 1


def test_nothing_of_a_world_is_left(host: Host) -> None:
    assert host.check_output("pgrep -c -f '[n]ginx: master process'") == "1"
