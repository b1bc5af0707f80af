# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from clients import fetch

if t.TYPE_CHECKING:
    from testinfra.host import Host


def test_a_client_reaches_nginx(host: Host) -> None:
    assert fetch(host, "http://localhost/").status == 200


def test_systemd_runs_nginx(host: Host) -> None:
    assert host.service("nginx").is_running
