# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The store on the host: releases, state, journal and lock."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import typing as t

from .candidate import Tree
from .disk import TEMPORARY, Folder
from .entry import Entry
from .errors import ReleaseError
from .lock import acquire
from .reserve import Reserve

SCHEMA = 1
_STATE, _JOURNAL, _LOCK, _MANIFEST = "state.json", "journal.jsonl", "lock", "manifest.json"
_TAIL = 1 << 16
_LONGEST = 2 << 20  # bytes of journal: hundreds of deployments, and read whole by everything that shows it
_ID = re.compile(r"r-[0-9a-f]{12}\Z")

State = t.Dict[str, t.Any]


def now() -> str:
    """The time in UTC to the millisecond (RFC 3339), as the journal and the state write it."""
    seconds, thousandths = divmod(int(time.time() * 1000), 1000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{thousandths:03}Z", time.gmtime(seconds))


class Release(t.NamedTuple):
    """A release as its manifest has it. `facts` is what a reload's proof needs, None where no nginx read the tree."""

    id: str
    kind: str
    created: str
    folder: str
    tree: Tree
    facts: t.Optional[t.Dict[str, t.Any]] = None
    metadata: t.Optional[t.Dict[str, t.Any]] = None

    def data(self) -> bytes:
        """The manifest's text."""
        rows = [entry._asdict() for _path, entry in sorted(self.tree.items())]
        return json.dumps({"schema": SCHEMA, **self._asdict(), "tree": rows}, indent=1).encode("ascii")


class Store:
    """The folder that holds it all. `redact` cleans what goes into the journal, `told` has the lines that this object wrote."""

    def __init__(self, folder: Folder, redact: t.Callable[[t.Any], t.Any] = lambda value: value) -> None:
        self.folder = folder
        self.reserve = Reserve(folder)
        self.redact = redact
        self.told: list[dict[str, t.Any]] = []

    # State

    def state(self) -> State | None:
        """What `state.json` says, None where there is no store yet."""
        try:
            data = self.folder.read(_STATE) if os.path.isdir(self.folder.path) and self.folder.entry(_STATE) else None
            state: State | None = None if data is None else json.loads(data.decode("utf-8"))
        except ValueError as error:
            raise ReleaseError(f"{self._path(_STATE)} is damaged: {error}", "store") from None
        if state is not None and state.get("schema") != SCHEMA:
            raise ReleaseError(
                f"{self._path(_STATE)} has schema {state.get('schema')}, this version reads {SCHEMA}", "store"
            )
        return state

    def save(self, state: State) -> None:
        """Replace `state.json`, on a full disk too if room was put aside."""
        content = json.dumps(state, indent=1).encode("ascii")
        try:
            self.folder.put(_STATE, content)
        except ReleaseError as error:
            if error.code != "no_space" or not self.reserve.save(_STATE, content):
                raise

    def note(self, name: str) -> dict[str, t.Any] | None:
        """A small file beside the state, None where there is none. A damaged one counts as none: it is replaced whole."""
        if not os.path.isdir(self.folder.path) or self.folder.entry(name) is None:
            return None
        with contextlib.suppress(ValueError):
            data = json.loads(self.folder.read(name).decode("utf-8"))
            return data if isinstance(data, dict) else None
        return None

    def keep(self, name: str, note: dict[str, t.Any]) -> None:
        """Replace such a file. What it says ends with the host's boot, so it need not outlive that."""
        self.folder.put(name, json.dumps(note).encode("ascii"), durable=False)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder.path, name)

    # Releases

    def releases(self) -> list[str]:
        """The ids of all stored releases."""
        return [name for name in self.folder.names("releases") if _ID.match(name)]

    def has(self, release: str) -> bool:
        """Whether a release is stored."""
        return bool(_ID.match(release)) and self.folder.entry(f"releases/{release}/{_MANIFEST}") is not None

    def release(self, release: str) -> Release:
        """Read a release. Raises `ReleaseError` if it is not stored or damaged."""
        if not self.has(release):
            known = ", ".join(self.releases()) or "none"
            raise ReleaseError(
                f"release {release} is not in the store {self.folder.path}; stored are {known}", "unknown_release"
            )
        try:
            data = json.loads(self.folder.read(f"releases/{release}/{_MANIFEST}").decode("utf-8"))
            data["tree"] = {row["path"]: Entry(**row) for row in data["tree"]}
            data.pop("schema")
            return Release(**data)
        except (ValueError, KeyError, TypeError) as error:
            where = self._path(f"releases/{release}/{_MANIFEST}")
            raise ReleaseError(f"{where} is damaged: {error}", "store") from None

    def files(self, release: Release) -> Folder:
        """The stored tree of a release."""
        return self.folder.below(f"releases/{release.id}/{release.folder}")

    def build(self, work: Folder, release: Release, sources: t.Callable[[Entry], t.Iterable[bytes]]) -> Folder:
        """Write a release's folder (manifest and tree) below `work`; returns its tree."""
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
                tree.dress(release.tree[path], strict=privileged)
        tree.sync(["", *(path for path, entry in release.tree.items() if entry.type != "link")])
        return tree

    def install(self, work: Folder, release: Release, undo: contextlib.ExitStack) -> None:
        """Move a built release in, beside or instead of an older tree of the same release; `undo` takes it back."""
        place = f"releases/{release.id}"
        work.put(f"{release.id}/{_MANIFEST}", release.data())
        if not self.has(release.id):
            self.folder.adopt(os.path.join(work.path, release.id), place)
            undo.callback(shutil.rmtree, self._path(place), ignore_errors=True)
            return
        old = self.release(release.id)
        if old.folder != release.folder:
            shutil.rmtree(self._path(f"{place}/{release.folder}"), ignore_errors=True)
            self.folder.adopt(os.path.join(work.path, release.id, release.folder), f"{place}/{release.folder}")
            undo.callback(shutil.rmtree, self._path(f"{place}/{release.folder}"), ignore_errors=True)
        backup = f"{work.path}/{release.id}/{TEMPORARY}old"
        os.link(self._path(f"{place}/{_MANIFEST}"), backup)
        self.folder.adopt(os.path.join(work.path, release.id, _MANIFEST), f"{place}/{_MANIFEST}")
        undo.callback(os.replace, backup, self._path(f"{place}/{_MANIFEST}"))

    def describe(self, release: Release) -> None:
        """Replace the manifest of a stored release."""
        self.folder.put(f"releases/{release.id}/{_MANIFEST}", release.data())

    def tidy(self) -> None:
        """Delete trees that no manifest names and work that was interrupted."""
        for name in os.listdir(self._path("releases")):
            if name.startswith("."):
                shutil.rmtree(self._path(f"releases/{name}"), ignore_errors=True)
            elif self.has(name):
                kept = {_MANIFEST, "gate.json", self.release(name).folder}
                for other in set(self.folder.names(f"releases/{name}")) - kept:
                    shutil.rmtree(self._path(f"releases/{name}/{other}"), ignore_errors=True)
        self.folder.sweep("")

    def delete(self, release: str) -> None:
        """Delete a release: out of sight in one rename, then its files."""
        grave = f"releases/.deleted-{release}"
        self.folder.rename(f"releases/{release}", grave)
        self.folder.sync(["releases"])
        shutil.rmtree(self._path(grave), ignore_errors=True)

    def work(self) -> Folder:
        """A new folder for trees that are being built, on the store's file system."""
        try:
            path = tempfile.mkdtemp(prefix=".incoming-", dir=self._path("releases"))
        except OSError as error:
            raise ReleaseError(
                f"cannot make a folder in {self._path('releases')}: {error.strerror}", "no_space"
            ) from error
        return Folder(path, self.folder.before)

    # Journal

    def history(self) -> list[dict[str, t.Any]]:
        """The journal, oldest first; a line that a crash cut short is left out."""
        if not os.path.isdir(self.folder.path) or self.folder.entry(_JOURNAL) is None:
            return []
        return list(_lines(self.folder.read(_JOURNAL)))

    def record(
        self, event: str, release: str | None, metadata: t.Any = None, *, durable: bool = True, **details: t.Any
    ) -> int:
        """Append an event; returns the journal's size before it."""
        size = 0
        number = 0
        with contextlib.suppress(FileNotFoundError), open(self._path(_JOURNAL), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            number = max([line["seq"] for line in _lines(file.read())] or [0])
        line = {"time": now(), "seq": number + 1, "event": event, "release": release}
        line.update(self.redact({"details": details, "metadata": metadata or {}}))
        size = self.folder.append(_JOURNAL, json.dumps(line).encode("ascii") + b"\n", durable=durable)
        self.told.append(line)
        return size

    def unrecord(self, size: int) -> None:
        """Take back the last event, before which the journal had this size."""
        del self.told[-1:]
        self.folder.truncate(_JOURNAL, size)

    def shorten(self) -> None:
        """Drop the older half of a journal that has grown long."""
        data = self.folder.read(_JOURNAL) if self.folder.entry(_JOURNAL) else b""
        if len(data) > _LONGEST:
            self.folder.put(_JOURNAL, data[data.index(b"\n", len(data) - _LONGEST // 2) + 1 :])

    # Lock

    @contextlib.contextmanager
    def lock(self, operation: str, *, create: bool = False) -> t.Iterator[None]:
        """Hold the store's lock, or raise `ReleaseError` naming who does. A store made for nothing is removed again."""
        fresh = create and self._create()
        self._guard()
        handle = acquire(self._path(_LOCK), operation)
        try:
            if create:
                self.tidy()
            yield
        finally:
            if fresh and self.folder.entry(_STATE) is None:
                shutil.rmtree(self.folder.path, ignore_errors=True)
            os.ftruncate(handle, 0)
            os.close(handle)

    def _create(self) -> bool:
        fresh = not os.path.lexists(self.folder.path)
        try:
            os.makedirs(os.path.join(self.folder.path, "releases"), 0o700, exist_ok=True)
        except OSError as error:
            raise ReleaseError(f"cannot make the store {self.folder.path}: {error.strerror}", "store") from error
        return fresh

    def _guard(self) -> None:
        """What is in here is run as us, and secrets are in it: nobody else may come in."""
        info = os.stat(self.folder.path)
        if info.st_uid != os.geteuid():
            raise ReleaseError(f"the store {self.folder.path} belongs to uid {info.st_uid}, not to us", "store")
        if stat.S_IMODE(info.st_mode) != 0o700:  # noqa: PLR2004 - as made above
            os.chmod(self.folder.path, 0o700)


def _checked(entry: Entry, chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in chunks if entry.type == "file" else ():
        digest.update(chunk)
        yield chunk
    if entry.type == "file" and digest.hexdigest() != entry.digest:
        raise ReleaseError(f"{entry.path} changed while it was read: run again", "file")


def _lines(data: bytes) -> t.Iterator[dict[str, t.Any]]:
    for line in data.split(b"\n"):
        with contextlib.suppress(ValueError):
            row = json.loads(line.decode("utf-8"))
            if isinstance(row, dict) and isinstance(row.get("seq"), int):
                yield row
