# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three hosts run what was deployed, each with its own variables."""

from __future__ import annotations

import typing as t

from clients import fetch
from traces import STORE, events

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_clients_get_this_hosts_page_over_tls(host: Host) -> None:
    answer = fetch(host, "https://www.example.test/")
    assert (answer.status, answer.body) == (200, f"hello from {host.backend.host}\n")


def test_clients_are_sent_from_http_to_https(host: Host) -> None:
    answer = fetch(host, "http://www.example.test/a?b=c")
    assert (answer.status, answer.headers["location"]) == (301, "https://www.example.test/a?b=c")


def test_the_distributions_own_site_still_answers(host: Host) -> None:
    assert fetch(host, "http://other.example.test/").status == 200


def test_systemd_runs_one_nginx_that_would_start_again(host: Host) -> None:
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled
    assert host.run("nginx -t").rc == 0


def test_the_journal_tells_one_deploy_from_stage_to_confirm(host: Host) -> None:
    told = events(host)
    assert told.count("confirmed") == 1
    assert told.index("staged") < told.index("activated") < told.index("confirmed")


def test_the_store_keeps_what_was_there_before(host: Host) -> None:
    manifests = host.check_output(f"cat {STORE}/releases/*/manifest.json")
    assert '"adopted"' in manifests


def test_an_operator_on_the_host_can_ask(host: Host) -> None:
    answer = host.run(f"python3 {STORE}/failsafe-nginx.pyz status")
    assert answer.rc == 0
    assert "confirmed" in answer.stdout
