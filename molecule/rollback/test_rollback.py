# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The canary ran what its gate refused, and serves the old site again; the others never ran it."""

from __future__ import annotations

import typing as t

from clients import container, fetch
from traces import assert_untouched, events, kept

if t.TYPE_CHECKING:
    from testinfra.host import Host


def is_canary(host: Host) -> bool:
    return bool(host.backend.host == "web1")


def processes(fingerprint: str, role: str) -> set[str]:
    return {line for line in fingerprint.splitlines() if f"nginx: {role} process" in line}


def test_clients_get_the_page_from_before(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {host.backend.host}\n")


def test_what_failed_is_gone(host: Host) -> None:
    assert fetch(host, "https://www.example.test/api/profile").status == 404


def test_no_client_of_another_host_saw_an_error(host: Host) -> None:
    seen = kept("load.json")[container(host)]
    assert seen["requests"] > 100
    assert is_canary(host) or seen["failed"] == 0, seen


def test_the_clients_would_have_noticed_for_they_did_on_the_canary(host: Host) -> None:
    if is_canary(host):
        assert set(kept("load.json")[container(host)]["results"]) > {"200", "404"}


def test_the_others_were_never_touched(host: Host) -> None:
    if not is_canary(host):
        assert_untouched(host)


def test_the_canary_has_the_same_files_and_master_and_new_workers(host: Host) -> None:
    before, after = host.file("/root/before").content_string, host.check_output("fingerprint")
    if is_canary(host):
        assert digests(before) == digests(after)
        assert processes(before, "master") == processes(after, "master")
        assert len(processes(before, "worker")) == len(processes(after, "worker")) == 2
        assert not processes(before, "worker") & processes(after, "worker")


def digests(fingerprint: str) -> set[str]:
    return {line for line in fingerprint.splitlines() if len(line.partition("  ")[0]) == 64}


def test_the_journal_tells_of_the_rollback_where_there_was_one(host: Host) -> None:
    failed_deploys = 2 if is_canary(host) else 0
    assert events(host).count("rolled_back") == failed_deploys
    assert events(host).count("activated") == 1 + failed_deploys
