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
import shutil
import sys
import time
import typing as t

from . import boot, metrics
from .disk import Folder
from .engine import Engine
from .errors import ReleaseError
from .host import Settings
from .show import Elider
from .store import Store

_TRIES = (2, 10, 30, 60)  # seconds before the next one; what stops a rollback may pass
_POLL = 0.2  # seconds between two looks at a lock that somebody holds

Result = t.Dict[str, t.Any]


def _engine(path: str, who: str = "", why: str = "by hand", *, on_drift: str = "fail") -> Engine:
    state = Store(Folder(path)).state()
    if state is None:
        raise ReleaseError(f"there is no release in the store {path}", "order")
    known = {name: value for name, value in state["settings"].items() if name in Settings._fields}
    ours = {"store": path, "rollout": None, "on_drift": on_drift, "metadata": {"who": who or _who(), "why": why}}
    engine = Engine(Settings(**{**known, **ours}))
    # No controller tells the secret values here, and nginx's own lines may quote them.
    engine.redact = engine.store.redact = Elider(lambda: _guarded(engine.store))
    return engine


def _guarded(store: Store) -> t.Iterator[str]:
    """The stored files that hold secret values."""
    for release in map(store.release, store.releases()):
        for entry in release.tree.values():
            if entry.type == "file" and (entry.secret or entry.guarded):
                yield store.files(release).read(entry.path).decode("utf-8", "replace")


def _who() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"


def _show_history(rows: list[dict[str, t.Any]], number: int) -> None:
    for row in rows[:number]:
        details = json.dumps(row.get("details", {}))
        who = (row.get("metadata") or {}).get("who", "")
        start = f"{row['seq']:>5} {row['time']} {row['event']:<15} {row.get('release') or '-':<14}"
        sys.stdout.write(f"{start} {who} {details[:200]}\n")


def _expire(path: str, token: str) -> Result:
    """End a lease that is over: wait for the lock, wait on if it was renewed, try again if the rollback fails."""
    waits = iter(_TRIES)
    while True:
        result = _attempt(path, token)
        if isinstance(result, ReleaseError):
            wait = _POLL if result.code == "locked" else next(waits, None)
        else:
            wait = result.get("expires_in")
        if not wait and isinstance(result, ReleaseError):
            raise result
        if not wait:
            return t.cast("Result", result)
        time.sleep(wait)


def _attempt(path: str, token: str) -> Result | ReleaseError:
    try:
        return _engine(path, "failsafe-nginx", "the lease is over").expire(token)
    except ReleaseError as error:
        return error


def _recover(path: str, *, at_boot: bool) -> Result:
    try:
        who = ("failsafe-nginx", "before nginx starts") if at_boot else ()
        return _engine(path, *who).recover(boot=at_boot)
    except ReleaseError as error:
        # Whoever holds the lock brings the files to one tree, and may be what starts nginx right now.
        if at_boot and error.code == "locked":
            return {"changed": False, "recovered": [], "left_to": str(error)}
        raise


def _rollback(path: str, release: str | None, *, overwrite: bool) -> Result:
    engine = _engine(path, on_drift="overwrite" if overwrite else "fail")
    result = engine.rollback(release)
    drift = engine.drift()
    if drift:
        # Whoever types this wants the site back. That nothing was on trial is no good news then.
        raise ReleaseError(
            f"nothing was on trial, but somebody edited files of {result['release']}: {', '.join(drift)}; `drift` shows the"
            " lines, `rollback --overwrite` puts the release's files back (the edits are kept as a release of their own)",
            "drift",
        )
    return result


def _uninstall(path: str) -> Result:
    engine = _engine(path)
    now = engine.status()
    if now["active"] or now["interrupted"]:
        raise ReleaseError("a release is on trial here: confirm it or roll it back first", "order")
    with engine.store.lock("uninstall"):
        unit = boot.uninstall(path)
        if engine.settings.metrics_dir:
            metrics.remove(engine.settings.metrics_dir, path, engine.store.folder.before)
        shutil.rmtree(path)
    return {"changed": True, "unit": unit, "store": path}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="failsafe-nginx", description="nginx releases on this host")
    parser.add_argument(
        "--store", default=os.path.dirname(os.path.realpath(sys.argv[0])), help="default: where this is"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="what is confirmed, active, staged and running, and who holds this host")
    commands.add_parser("drift", help="what was changed by hand")
    commands.add_parser("history", help="the journal, newest first").add_argument("-n", type=int, default=20)
    back = commands.add_parser("rollback", help="return to the confirmed release, or to a stored one")
    back.add_argument("release", nargs="?")
    back.add_argument("--overwrite", action="store_true", help="put files back, too, that somebody edited by hand")
    commands.add_parser("confirm", help="confirm the active release once it was proven and gated")
    recover = commands.add_parser("recover", help="bring this host back to one whole, confirmed release after a crash")
    recover.add_argument("--boot", action="store_true", help="files only: nginx is started afterwards")
    commands.add_parser("unlock", help="give this host back that a rollout holds")
    commands.add_parser("uninstall", help="remove the store and the unit; nginx and its files stay as they are")
    commands.add_parser("expire").add_argument("token")
    return parser


def _run(given: argparse.Namespace) -> Result:
    path, command = given.store, given.command
    if command == "expire":
        return _expire(path, given.token)
    if command == "recover":
        return _recover(path, at_boot=given.boot)
    if command == "uninstall":
        return _uninstall(path)
    if command == "rollback":
        return _rollback(path, given.release, overwrite=given.overwrite)
    engine = _engine(path)
    if command == "confirm":
        return engine.confirm(engine.status()["active"] or engine.status()["confirmed"])
    if command == "unlock":
        return engine.unlock()
    if command == "drift":
        return {"drift": engine.drift_diff()}
    return {**engine.status(), "drift": engine.drift()}


def main(argv: t.Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 with the reason on standard error."""
    given = _parser().parse_args(argv)
    shown = Elider(lambda: _guarded(Store(Folder(given.store))))
    try:
        if given.command == "history":
            _show_history(_engine(given.store).history(), given.n)
            return 0
        result = _run(given)
    except ReleaseError as error:
        sys.stderr.write(f"failsafe-nginx: {shown(str(error))}\n")
        return 1
    result = {name: value for name, value in result.items() if not name.startswith("_")}
    # A diff shows such files as fingerprints, and is the only way to see what a hand did.
    sys.stdout.write(json.dumps(result if given.command == "drift" else shown(result), indent=2) + "\n")
    return 0
