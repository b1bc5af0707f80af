# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`failsafe-nginx` on the host, for use without Ansible at 3 a.m."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import time
import typing as t

from . import boot_unit, metrics
from .disk import Folder
from .engine import Engine
from .errors import ReleaseError
from .journal import JournalLine
from .redaction import QuotationRedactor, guarded_texts
from .results import ExpireResult, RecoverResult, ResultJson
from .store import Store

_TRIES = (2, 10, 30, 60)  # seconds before the next one: what stops a rollback may pass
_POLL = 0.2  # seconds between two looks at a lock that another run holds


def _engine(path: str, who: str = "", why: str = "by hand", *, on_drift: str = "fail") -> Engine:
    state = Store(Folder(path)).state()
    if state is None:
        raise ReleaseError(f"there is no release in the store {path}", "order")
    metadata: dict[str, object] = {"who": who or _user(), "why": why}
    settings = dataclasses.replace(state.settings, store=path, rollout=None, on_drift=on_drift, metadata=metadata)
    # The secret values are not known here, and nginx's own lines may quote them.
    return Engine(settings, redact=_redactor(path))


def _redactor(path: str) -> QuotationRedactor:
    return QuotationRedactor(lambda: guarded_texts(Store(Folder(path))))


def _user() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"


def _print_history(rows: list[JournalLine]) -> None:
    for row in rows:
        start = f"{row.seq:>5} {row.time} {row.event:<15} {row.release or '-':<14}"
        sys.stdout.write(f"{start} {row.metadata.get('who', '')} {json.dumps(row.details)[:200]}\n")


def _expire(path: str, token: str) -> ExpireResult:
    """End a lease: wait for the lock, wait on if it was renewed, try again if the rollback fails."""
    waits = iter(_TRIES)
    while True:
        result = _attempt(path, token)
        if isinstance(result, ReleaseError):
            wait = _POLL if result.code == "locked" else next(waits, None)
            if not wait:
                raise result
        elif not result.expires_in:
            return result
        else:
            wait = result.expires_in
        time.sleep(wait)


def _attempt(path: str, token: str) -> ExpireResult | ReleaseError:
    try:
        return _engine(path, "failsafe-nginx", "the lease is over").expire(token)
    except ReleaseError as error:
        return error


def _recover(path: str, *, at_boot: bool) -> RecoverResult:
    try:
        run = ("failsafe-nginx", "before nginx starts") if at_boot else ()
        return _engine(path, *run).recover(boot=at_boot)
    except ReleaseError as error:
        # The run that holds the lock brings the files to one tree, and may be starting nginx right now.
        if at_boot and error.code == "locked":
            return RecoverResult([], changed=False, left_to=str(error))
        raise


def _rollback(path: str, release: str | None, *, overwrite: bool) -> ResultJson:
    engine = _engine(path, on_drift="overwrite" if overwrite else "fail")
    result = engine.rollback(release)
    drift = engine.drift()
    if drift:
        # A rollback is typed to get the site back. With edited files it is not back, even if nothing was on trial.
        raise ReleaseError(
            f"nothing was on trial, but files of {result.release} were edited: {', '.join(drift)}; `drift` shows the"
            " lines, `rollback --overwrite` puts the release's files back (the edits are kept as a release of their own)",
            "drift",
        )
    return result.to_json()


def _uninstall(path: str) -> ResultJson:
    engine = _engine(path)
    now, context = engine.status(), engine.context
    if now.active or now.interrupted:
        raise ReleaseError("a release is on trial here: confirm it or roll it back first", "order")
    with context.store.lock("uninstall"):
        unit = boot_unit.uninstall(path)
        if context.settings.metrics_dir:
            metrics.remove(context.settings.metrics_dir, path, context.store.folder.before)
        shutil.rmtree(path)
    return {"changed": True, "unit": unit, "store": path}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="failsafe-nginx", description="nginx releases on this host")
    parser.add_argument(
        "--store", default=os.path.dirname(os.path.realpath(sys.argv[0])), help="default: the folder of this file"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "status", help="show the confirmed, active, staged and running release, and the rollout that reserved this host"
    )
    commands.add_parser("drift", help="show what was edited by hand")
    commands.add_parser("history", help="show the journal, newest first").add_argument("-n", type=int, default=20)
    rollback = commands.add_parser("rollback", help="roll back to the confirmed release, or to a stored one")
    rollback.add_argument("release", nargs="?")
    rollback.add_argument("--overwrite", action="store_true", help="also restore files that were edited by hand")
    commands.add_parser("confirm", help="confirm the active release once it was proven and gated")
    recover = commands.add_parser("recover", help="bring this host to one whole, confirmed release after a crash")
    recover.add_argument("--boot", action="store_true", help="files only: nginx is started afterwards")
    commands.add_parser("unlock", help="give this host back from the rollout that reserved it")
    commands.add_parser("uninstall", help="remove the store and the unit; nginx and its files stay as they are")
    commands.add_parser("expire").add_argument("token")
    return parser


def _run(given: argparse.Namespace) -> ResultJson:
    path, command = given.store, given.command
    if command == "expire":
        return _expire(path, given.token).to_json()
    if command == "recover":
        return _recover(path, at_boot=given.boot).to_json()
    if command == "uninstall":
        return _uninstall(path)
    if command == "rollback":
        return _rollback(path, given.release, overwrite=given.overwrite)
    engine = _engine(path)
    if command == "confirm":
        status = engine.status()
        return engine.confirm(status.active or status.confirmed or "").to_json()
    if command == "unlock":
        return engine.unlock().to_json()
    if command == "drift":
        return {"drift": [row.to_json() for row in engine.drift_diff()]}
    result = {**engine.status().to_json(), "drift": engine.drift()}
    for warning in engine.context.warnings:
        sys.stderr.write(f"failsafe-nginx: {warning}\n")
    return result


def main(argv: t.Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, or 1 with the reason on standard error."""
    given = _parser().parse_args(argv)
    redact = _redactor(given.store)
    try:
        if given.command == "history":
            _print_history(_engine(given.store).history()[: given.n])
            return 0
        result = _run(given)
    except ReleaseError as error:
        sys.stderr.write(f"failsafe-nginx: {redact(str(error))}\n")
        return 1
    result = {name: value for name, value in result.items() if not name.startswith("_")}
    # A drift shows secret files as fingerprints. Its lines are the only way to see an edit by hand.
    sys.stdout.write(json.dumps(result if given.command == "drift" else redact(result), indent=2) + "\n")
    return 0
