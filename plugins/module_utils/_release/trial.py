# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""An unconfirmed release and its time: who may hold this host, how long a run counts as alive, what ends both."""

from __future__ import annotations

import contextlib
import secrets
import typing as t

from .clock import boot_id, left, window
from .core import Core, Result
from .errors import ReleaseError
from .lease import LEASE, TRIAL, Lease, beating
from .lease import shown as shown_lease
from .lock import ROLLOUT, hold, refuse_others
from .lock import shown as shown_hold
from .store import State, now

_BEAT = 3  # times in a lease that a run which works gives a sign of life
_NAME = 200  # characters of a rollout's
_LONGEST = 7 * 24 * 3600  # seconds
_MARGIN = 60  # seconds beyond what was planned after which a run counts as hanging


class Trial(Core):
    """What an activation borrows, and gives back."""

    # Lease

    def _arm(self, release: str) -> None:
        """Start the lease of a release that is about to go live; without a switch there is no activation."""
        seconds = self.settings.lease
        if seconds != 0 and not 1 <= seconds <= _LONGEST:
            raise ReleaseError(f"lease has to be 0 (off) or from 1 to {_LONGEST} seconds, not {seconds:g}", "options")
        note: Lease = {
            "token": secrets.token_hex(6), "release": release, "seconds": seconds or TRIAL, "since": now(),
            "who": (self.settings.metadata or {}).get("who"), "mechanism": "none", **window(seconds or TRIAL),
        }  # fmt: skip
        # The note comes first: what waits for its end looks for it.
        self.store.keep(LEASE, note)
        if seconds:
            self._switch_on(note)

    def _switch_on(self, note: Lease) -> None:
        try:
            note.update(self.host.arm(note["token"], note["seconds"]))
        except ReleaseError as error:
            if self.settings.require_lease:
                self.store.folder.delete(LEASE)
                raise
            self.warnings.append(str(error))
            return
        self.store.keep(LEASE, note)
        shown = {"mechanism": note["mechanism"], "seconds": note["seconds"]}
        self._record("lease_armed", note["release"], durable=False, **shown)

    def _lease(self, state: State | None) -> Lease | None:
        """The lease of the active release, also when its time is over."""
        note, active = self.store.note(LEASE), (state or {}).get("active")
        return note if note and active and note["release"] == active["id"] else None

    def _renew(self, state: State) -> None:
        """Give the active release its whole time again, and see to it that something still waits for its end."""
        note = self._lease(state)
        if note is None:
            return
        note.update(window(note["seconds"]))
        self.store.keep(LEASE, note)
        if note["mechanism"] != "none" and not self.host.armed(note):
            self._switch_on(note)
        self._record("lease_renewed", note["release"], durable=False, seconds=note["seconds"])

    @contextlib.contextmanager
    def _alive(self, state: State, seconds: float) -> t.Iterator[None]:
        """Renew the lease while something goes on that takes about so long, and at its end."""
        note = self._lease(state)
        if note is None:
            yield
            return

        def beat() -> None:
            with contextlib.suppress(ReleaseError):
                self.store.keep(LEASE, {**note, **window(note["seconds"])})

        with beating(beat, note["seconds"] / _BEAT, seconds + _MARGIN):
            yield
        beat()

    def _end_lease(self) -> None:
        """Give the lease back. The state decides, so nothing that fails here undoes anything."""
        self.store.reserve.lift()
        with contextlib.suppress(ReleaseError):
            note = self.store.note(LEASE)
            if note is not None:
                self.store.folder.delete(LEASE)
                self.host.disarm(note)

    def _refuse_on_trial(self, state: State | None) -> None:
        # Without this a second deploy would take the first one's release for one that was left behind.
        note = self._lease(state) if state and not state["txn"] else None
        if note and left(note):
            who = f" ({note['who']})" if note.get("who") else ""
            raise ReleaseError(
                f"another run{who} activated {note['release']} here at {note['since']} and has {left(note):.0f} s left to"
                f" confirm it; wait for it, or roll {note['release']} back first if that run is dead",
                "on_trial",
            )

    def _refuse_rebooted(self, state: State, release: str) -> None:
        note = self._lease(state)
        if note and note["boot"] != boot_id():
            raise ReleaseError(
                f"the host was rebooted since {release} was activated, and an unconfirmed release does not survive that:"
                " roll back",
                "lease",
            )

    def _fate(self, release: str) -> str:
        """What the journal says of a release that is gone from trial, for messages."""
        for row in self.history():
            if row.get("release") == release and row["event"] in ("staged", "confirmed"):
                break
            if row["event"] == "rolled_back" and row["details"].get("abandoned") == release:
                by = row["details"].get("by")
                return f"; this host rolled it back by itself at {row['time']} ({by})" if by else ""
        return ""

    # Rollout

    def _refuse_other_rollouts(self) -> None:
        ours = self.settings.rollout
        if ours is not None and not (ours.isprintable() and 0 < len(ours) <= _NAME):
            raise ReleaseError(f"rollout has to be 1 to {_NAME} printable characters, not {ours!r}", "options")
        refuse_others(self.store.note(ROLLOUT), ours)

    def _hold(self) -> None:
        """Keep this host for the rollout that this run belongs to, if to any."""
        ours = self.settings.rollout
        if ours:
            known = self.store.note(ROLLOUT)
            note = hold(ours, self.settings.rollout_ttl, self.settings.metadata, now())
            if known and known["id"] == ours and left(known):
                note.update(since=known["since"], began=known["began"], holder=note["holder"] or known["holder"])
            self.store.keep(ROLLOUT, note)

    def _let_go(self) -> None:
        """Give the host back if it is this run's rollout that holds it."""
        with contextlib.suppress(ReleaseError):
            note = self.store.note(ROLLOUT)
            if note and note["id"] == self.settings.rollout:
                self.store.folder.delete(ROLLOUT)

    def unlock(self) -> Result:
        """Give the host back: this run's hold, or with no rollout named, anybody's."""
        result = {"release": None, "state": "unlocked", "changed": False}
        if self.store.state() is None:
            return result
        with self._locked("unlock") as state:
            note, ours = self.store.note(ROLLOUT), self.settings.rollout
            if note and ours in (None, note["id"]):
                self.store.folder.delete(ROLLOUT)
                self._record("unlocked", None, rollout=note["id"])
                result["changed"] = True
            return {**result, "release": state["confirmed"], "rollout": shown_hold(self.store.note(ROLLOUT))}

    def status(self) -> Result:
        """What is confirmed, active and staged, whether nginx runs it, and who holds the host. Reads only."""
        state = self.store.state()
        lease = shown_lease(self._lease(state))
        return {**super().status(), "lease": lease, "rollout": shown_hold(self.store.note(ROLLOUT))}
