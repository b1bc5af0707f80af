# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever was refused, no host's live files or processes have changed, and clients noticed nothing."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import assert_untouched, events

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_the_page_from_before(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {host.backend.host}\n")


def test_what_was_to_loop_is_simply_not_there(host: Host) -> None:
    assert fetch(host, "https://www.example.test/login").status == 404


def test_no_file_and_no_process_has_changed(host: Host) -> None:
    assert_untouched(host)


def test_the_journal_knows_of_one_activation_only(host: Host) -> None:
    assert events(host).count("activated") == 1
