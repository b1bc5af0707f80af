# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store on the host: releases, state and lock."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import stat
import tempfile
import typing as t

from .._common.json_fields import FieldError, decode, encode
from .._common.json_text import parse_json
from .disk import TEMPORARY, Folder, delete_temporaries, move_in
from .errors import ReleaseError
from .journal import Journal
from .lock import acquire
from .manifest import MANIFEST, Release
from .preallocation import Preallocation
from .state import SCHEMA, GateOptions, HostState, Lease, Reservation
from .tree_entry import TreeEntry

#: Names of the notes beside the state.
LEASE, RESERVATION = "lease.json", "rollout.json"
_STATE, _LOCK = "state.json", "lock"
_GATE = "gate.json"  # in the folder of a release
_ID = re.compile(r"r-[0-9a-f]{12}\Z")
_Note = t.TypeVar("_Note", Lease, Reservation)


class Releases:
    """Manifests, trees and gates below the folder of a store."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def ids(self) -> list[str]:
        """Return all ids."""
        return [name for name in self.folder.names("releases") if _ID.match(name)]

    def has(self, release: str) -> bool:
        """Return whether a release is stored."""
        return bool(_ID.match(release)) and self.folder.entry(f"releases/{release}/{MANIFEST}") is not None

    def read(self, release: str) -> Release:
        """Read a release. Raises `ReleaseError` if it is not stored or damaged."""
        if not self.has(release):
            known = ", ".join(self.ids()) or "none"
            raise ReleaseError(
                f"release {release} is not in the store {self.folder.path}; stored are {known}", "unknown_release"
            )
        try:
            return Release.read(self.folder.read(f"releases/{release}/{MANIFEST}"))
        except ValueError as error:
            where = _path(self.folder, f"releases/{release}/{MANIFEST}")
            raise ReleaseError(f"{where} is damaged: {error}", "store") from None

    def files(self, release: Release) -> Folder:
        """Return the stored tree of a release."""
        return self.folder.below(f"releases/{release.id}/{release.folder}")

    def gate(self, release: Release) -> GateOptions:
        """Return the last gate of a release, an empty one if it had none."""
        path = f"releases/{release.id}/{_GATE}"
        if self.folder.entry(path) is None:
            return GateOptions()
        try:
            return decode(GateOptions, parse_json(self.folder.read(path)))
        except ValueError as error:
            raise ReleaseError(f"{_path(self.folder, path)} is damaged: {error}", "store") from None

    def keep_gate(self, release: Release, gate: GateOptions) -> None:
        """Store the gate of a release, for a later rollback to it."""
        self.folder.put(f"releases/{release.id}/{_GATE}", json.dumps(encode(gate)).encode("ascii"))

    def build(self, work: Folder, release: Release, sources: t.Callable[[TreeEntry], t.Iterable[bytes]]) -> Folder:
        """Write the tree of a release below `work` and return its folder."""
        work.make(release.id)
        work.make(f"{release.id}/{release.folder}")
        tree = work.below(f"{release.id}/{release.folder}")
        privileged = os.geteuid() == 0
        for path in sorted(release.tree):
            entry = release.tree[path]
            if entry.type == "directory":
                tree.make(path)
            else:
                tree.create(entry, _checked(entry, sources(entry)), strict=privileged or entry.managed)
        for path in sorted(release.tree, reverse=True):
            if release.tree[path].type == "directory":
                tree.apply_metadata(release.tree[path], strict=privileged)
        tree.sync(["", *(path for path, entry in release.tree.items() if entry.type != "link")])
        return tree

    def install(self, work: Folder, release: Release, undo: contextlib.ExitStack) -> None:
        """Move a built release into the store; `undo` gets the callbacks that take it back.

        A stored tree of the same release stays beside the new one until `tidy`.
        """
        place = f"releases/{release.id}"
        work.put(f"{release.id}/{MANIFEST}", release.data())
        if not self.has(release.id):
            move_in(self.folder, _path(work, release.id), place)
            undo.callback(shutil.rmtree, _path(self.folder, place), ignore_errors=True)
            return
        old = self.read(release.id)
        if old.folder != release.folder:
            tree = f"{place}/{release.folder}"
            shutil.rmtree(_path(self.folder, tree), ignore_errors=True)
            move_in(self.folder, _path(work, f"{release.id}/{release.folder}"), tree)
            undo.callback(shutil.rmtree, _path(self.folder, tree), ignore_errors=True)
        backup = f"{work.path}/{release.id}/{TEMPORARY}old"
        os.link(_path(self.folder, f"{place}/{MANIFEST}"), backup)
        move_in(self.folder, _path(work, f"{release.id}/{MANIFEST}"), f"{place}/{MANIFEST}")
        undo.callback(os.replace, backup, _path(self.folder, f"{place}/{MANIFEST}"))

    def keep_manifest(self, release: Release) -> None:
        """Replace the manifest of a stored release."""
        self.folder.put(f"releases/{release.id}/{MANIFEST}", release.data())

    def tidy(self) -> None:
        """Delete trees that no manifest names, and interrupted work."""
        for name in os.listdir(_path(self.folder, "releases")):
            if name.startswith("."):
                shutil.rmtree(_path(self.folder, f"releases/{name}"), ignore_errors=True)
            elif self.has(name):
                kept = {MANIFEST, _GATE, self.read(name).folder}
                for other in set(self.folder.names(f"releases/{name}")) - kept:
                    shutil.rmtree(_path(self.folder, f"releases/{name}/{other}"), ignore_errors=True)
        delete_temporaries(self.folder, "")

    def delete(self, release: str) -> None:
        """Delete a release: its folder is hidden by one rename first, then deleted."""
        grave = f"releases/.deleted-{release}"
        self.folder.rename(f"releases/{release}", grave)
        self.folder.sync(["releases"])
        shutil.rmtree(_path(self.folder, grave), ignore_errors=True)

    def work_folder(self) -> Folder:
        """Return a new folder for trees that are being built, on the store's file system."""
        try:
            path = tempfile.mkdtemp(prefix=".incoming-", dir=_path(self.folder, "releases"))
        except OSError as error:
            raise ReleaseError(
                f"cannot make a folder in {_path(self.folder, 'releases')}: {error.strerror}", "no_space"
            ) from error
        return Folder(path, self.folder.before)


class Store:
    """The state, the notes and the lock, beside the releases.

    Attributes:
        folder: its files.
        spare: what is put aside for a rollback on a full disk.
        releases: their files.
        journal: the events.
        warnings: damaged notes are told here.
    """

    def __init__(self, folder: Folder, redact: t.Callable[[t.Any], t.Any] = lambda value: value) -> None:
        self.folder = folder
        self.spare = Preallocation(folder)
        self.releases = Releases(folder)
        self.journal = Journal(folder, redact)
        self.warnings: list[str] = []

    def state(self) -> HostState | None:
        """Return the state, None where there is no store yet.

        Raises:
            ReleaseError: the file is damaged (the message names the offending key) or of another schema.
        """
        try:
            data = self.folder.read(_STATE) if os.path.isdir(self.folder.path) and self.folder.entry(_STATE) else None
            if data is None:
                return None
            found = parse_json(data)
            schema = found.get("schema") if isinstance(found, dict) else SCHEMA
            if schema != SCHEMA:
                raise ReleaseError(
                    f"{_path(self.folder, _STATE)} has schema {schema}, this version reads {SCHEMA}", "store"
                )
            return HostState.from_json(found)
        except ValueError as error:
            raise ReleaseError(f"{_path(self.folder, _STATE)} is damaged: {error}", "store") from None

    def save(self, state: HostState) -> None:
        """Replace `state.json`, on a full disk too if room was put aside."""
        content = json.dumps(state.to_json(), indent=1).encode("ascii")
        try:
            self.folder.put(_STATE, content)
        except ReleaseError as error:
            if error.code != "no_space" or not self.spare.save(_STATE, content):
                raise

    def lease(self) -> Lease | None:
        """Return the lease, None where there is none."""
        return self._note(LEASE, Lease)

    def reservation(self) -> Reservation | None:
        """Return the reservation, None where there is none."""
        return self._note(RESERVATION, Reservation)

    def _note(self, name: str, kind: t.Type[_Note]) -> _Note | None:
        # A damaged note counts as none: it is replaced whole, and an active release without a lease is rolled back.
        if not os.path.isdir(self.folder.path) or self.folder.entry(name) is None:
            return None
        try:
            note = decode(kind, parse_json(self.folder.read(name)))
            for key in ("began", "until"):
                if not math.isfinite(getattr(note, key, 0)):
                    raise FieldError(key, "the number is too large")
        except ValueError as error:
            warning = f"{_path(self.folder, name)} is damaged and counts as ended: {error}"
            if warning not in self.warnings:
                self.warnings.append(warning)
            return None
        return note

    def keep(self, note: Lease | Reservation) -> None:
        """Replace the lease or the reservation. Both end with the host's boot, so they need not outlive it."""
        name = LEASE if isinstance(note, Lease) else RESERVATION
        self.folder.put(name, json.dumps(encode(note)).encode("ascii"), durable=False)

    @contextlib.contextmanager
    def lock(self, operation: str, *, create: bool = False) -> t.Iterator[None]:
        """Hold the store's lock. A store that was made for nothing is removed again.

        Raises:
            ReleaseError: another run holds it; the message names that run.
        """
        fresh = create and self._create()
        self._guard()
        handle = acquire(_path(self.folder, _LOCK), operation)
        try:
            if create:
                self.releases.tidy()
            yield
        finally:
            if fresh and self.folder.entry(_STATE) is None:
                shutil.rmtree(self.folder.path, ignore_errors=True)
            os.ftruncate(handle, 0)
            os.close(handle)

    def _create(self) -> bool:
        fresh = not os.path.lexists(self.folder.path)
        try:
            os.makedirs(_path(self.folder, "releases"), 0o700, exist_ok=True)
        except OSError as error:
            raise ReleaseError(f"cannot make the store {self.folder.path}: {error.strerror}", "store") from error
        return fresh

    def _guard(self) -> None:
        # The archive in here runs as this user, and releases hold secrets.
        info = os.stat(self.folder.path)
        if info.st_uid != os.geteuid():
            raise ReleaseError(f"the store {self.folder.path} belongs to uid {info.st_uid}, not to us", "store")
        if stat.S_IMODE(info.st_mode) != 0o700:  # noqa: PLR2004 - as made above
            os.chmod(self.folder.path, 0o700)


def _path(folder: Folder, name: str) -> str:
    return os.path.join(folder.path, name)


def _checked(entry: TreeEntry, chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in chunks if entry.type == "file" else ():
        digest.update(chunk)
        yield chunk
    if entry.type == "file" and digest.hexdigest() != entry.digest:
        raise ReleaseError(f"{entry.path} changed while it was read: run again", "file")
