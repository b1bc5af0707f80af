# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host itself tells about a scenario: its fingerprint from before, its journal."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from testinfra.host import Host

STORE = "/var/lib/failsafe-nginx"


def events(host: Host) -> list[str]:
    """List the events of a host's journal, oldest first."""
    lines = host.file(f"{STORE}/journal.jsonl").content_string.splitlines()
    return [str(json.loads(line)["event"]) for line in lines]


def journal(host: Host) -> list[dict[str, t.Any]]:
    """Read a host's journal, oldest first."""
    return [json.loads(line) for line in host.file(f"{STORE}/journal.jsonl").content_string.splitlines()]


def kept(name: str) -> dict[str, t.Any]:
    """Read what a converge left on the controller: `load.json` of its clients, `record.json` of its last deploy."""
    return dict(json.loads((Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / name).read_text()))


def status(host: Host) -> dict[str, t.Any]:
    """Ask the engine on a host where it stands, as an operator there would."""
    return dict(json.loads(host.check_output(f"python3 -I {STORE}/failsafe-nginx.pyz status")))


def assert_untouched(host: Host) -> None:
    """No live file and no process of nginx is another than before: content, owner, mode, time, start time."""
    assert host.check_output("fingerprint") == host.file("/root/before").content_string.strip()
