# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""`failsafe-nginx` on the host, for someone without Ansible at 3 a.m."""

from __future__ import annotations

import argparse
import json
import os
import sys
import typing as t

from .disk import Folder
from .engine import Engine
from .errors import ReleaseError
from .host import Settings
from .store import Store


def _engine(path: str) -> Engine:
    state = Store(Folder(path)).state()
    if state is None:
        raise ReleaseError(f"there is no release in the store {path}", "order")
    return Engine(Settings(**{**state["settings"], "store": path, "metadata": {"who": _who(), "why": "by hand"}}))


def _who() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"


def _show_history(rows: list[dict[str, t.Any]], number: int) -> None:
    for row in rows[:number]:
        details = json.dumps(row.get("details", {}))
        who = (row.get("metadata") or {}).get("who", "")
        start = f"{row['seq']:>5} {row['time']} {row['event']:<15} {row.get('release') or '-':<14}"
        sys.stdout.write(f"{start} {who} {details[:200]}\n")


def main(argv: t.Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="failsafe-nginx", description="nginx releases on this host")
    parser.add_argument(
        "--store", default=os.path.dirname(os.path.realpath(sys.argv[0])), help="default: where this is"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="what is confirmed, active, staged and running")
    commands.add_parser("history", help="the journal, newest first").add_argument("-n", type=int, default=20)
    back = commands.add_parser("rollback", help="return to the confirmed release, or to a stored one")
    back.add_argument("release", nargs="?")
    commands.add_parser("confirm", help="confirm the active release once it was proven and gated")
    commands.add_parser("recover", help="complete an interrupted switch of files")
    given = parser.parse_args(argv)
    try:
        engine = _engine(given.store)
        if given.command == "history":
            _show_history(engine.history(), given.n)
            return 0
        if given.command == "confirm":
            result = engine.confirm(engine.status()["active"] or engine.status()["confirmed"])
        elif given.command == "rollback":
            result = engine.rollback(given.release)
        else:
            result = {**engine.status(), "drift": engine.drift()} if given.command == "status" else engine.recover()
    except ReleaseError as error:
        sys.stderr.write(f"failsafe-nginx: {error}\n")
        return 1
    result = {name: value for name, value in result.items() if not name.startswith("_")}
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0
