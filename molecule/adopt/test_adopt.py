# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is managed has changed, and nothing else: files of other owners are the same to the last attribute."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import STORE

if t.TYPE_CHECKING:
    from testinfra.host import Host

MANAGED = ("/etc/nginx/conf.d/site.conf", "/etc/nginx/conf.d/limits.conf")


def of_others(fingerprint: str) -> list[str]:
    """The lines about files that are not managed; conf.d itself got a new entry, and nginx new workers."""
    files = [line for line in fingerprint.splitlines() if "/etc/nginx" in line and "nginx: " not in line]
    return [line for line in files if not any(path in line for path in MANAGED) and "/conf.d d " not in line]


def test_clients_get_the_new_site(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {host.backend.host}\n")


def test_clients_of_the_other_team_notice_nothing(host: Host) -> None:
    answer = fetch(host, "http://team.example.test:8080/")
    assert (answer.status, answer.body) == (200, "team")


def test_clients_of_the_distributions_site_notice_nothing(host: Host) -> None:
    assert "Welcome to nginx" in fetch(host, "http://other.example.test/").body


def test_files_of_others_are_the_same(host: Host) -> None:
    before = of_others(host.file("/root/before").content_string)
    assert any("team.key" in line for line in before)
    assert before == of_others(host.check_output("fingerprint"))


def test_a_file_that_is_managed_now_keeps_owner_and_mode(host: Host) -> None:
    limits = host.file("/etc/nginx/conf.d/limits.conf")
    assert limits.content_string == "client_max_body_size 8m;\n"
    assert (limits.user, limits.group, limits.mode) == ("root", "www-data", 0o640)


def test_the_way_back_leads_to_what_was_there_before_the_first_deploy(host: Host) -> None:
    command = f"python3 {STORE}/failsafe-nginx.pyz"
    adopted = host.check_output(f"grep -l '\"adopted\"' {STORE}/releases/*/manifest.json").split("/")[-2]
    confirmed = host.check_output(f"grep -L '\"adopted\"' {STORE}/releases/*/manifest.json").split("/")[-2]
    assert host.run(f"{command} rollback {adopted}").rc == 0
    assert fetch(host, "http://www.example.test/").status == 200
    assert host.file("/etc/nginx/conf.d/limits.conf").content_string == "client_max_body_size 1m;"
    assert not host.file("/etc/nginx/conf.d/site.conf").exists
    assert host.run(f"{command} rollback {confirmed}").rc == 0
    assert fetch(host, "https://www.example.test/").status == 200
