# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: ARG002 - the real host's signatures
"""A configuration folder, a store, and a host whose nginx does what the test says."""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t
from pathlib import Path

from json_engine import JsonEngine

from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release.clock import ticks
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.host import Host
from ansible_collections.failsafe.nginx.plugins.module_utils._release.results import Validated, Verdict
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.state import ConfigFacts, GateOptions, Watchdog

FACTS = ConfigFacts((), (), "/run/nginx.pid", 1, daemon=True, master_process=True, listen=())
Shape = dict[str, tuple[str, int, bytes]]


class Master(t.NamedTuple):
    pid: int
    start_time: float


class FakeHost(Host):
    """An nginx that loads what is on the disk, refuses BROKEN, and reports what it was asked."""

    def __init__(self, config_dir: Path, *, running: bool = True) -> None:
        super().__init__(Settings(config_dir=str(config_dir)))
        self.config_dir = config_dir
        self.process: Master | None = Master(1000, 0) if running else None
        self.loaded: Shape | None = shape(config_dir) if running else None
        self.reload_ok = self.gate_ok = self.arm_ok = True
        self.armed_tokens: list[str] = []
        self.calls: list[str] = []

    def master(self) -> t.Any:
        return self.process

    def written(self, facts: t.Any) -> set[str]:
        return {str(self.config_dir / "error.log")}

    def validate(self, tree: str) -> Validated:
        self.calls.append("validate")
        broken = [path for path in Path(tree).rglob("*.conf") if path.is_file() and b"BROKEN" in path.read_bytes()]
        message = f"unknown directive in {broken[0].name}" if broken else ""
        return Validated(not broken, message, "namespace", "1.22.1", dump=b"dump of " + tree.encode(), facts=FACTS)

    def reload(self, before: t.Any, after: t.Any) -> Verdict:
        self.calls.append("reload" if self.process else "start")
        if self.reload_ok:
            self.process = self.process or Master(2000, ticks() + 1)
            self.loaded = shape(self.config_dir)
        return Verdict({"ok": self.reload_ok, "reason": "" if self.reload_ok else "bind() failed", "seconds": 0.1})

    def arm(self, token: str, seconds: float) -> Watchdog:
        if not self.arm_ok:
            raise ReleaseError("nothing can be started here", "lease")
        self.armed_tokens.append(token)
        return Watchdog("watcher", pid=-1, start_time=0)

    def armed(self, known: Watchdog, token: str) -> bool:  # type: ignore[override]
        return token in self.armed_tokens

    def disarm(self, known: Watchdog, token: str) -> None:  # type: ignore[override]
        if token in self.armed_tokens:
            self.armed_tokens.remove(token)

    def recover_at_boot(self) -> str:
        return ""

    def stop(self) -> None:
        self.calls.append("stop")
        self.process = self.loaded = None

    def check_gate(self, gate: t.Any) -> None:
        if gate.extra.get("wrong"):
            raise ReleaseError("no such check", "nginx")

    def baseline(self, gate: t.Any, facts: t.Any = None) -> list[t.Any]:
        self.calls.append("baseline")
        return []

    def rollback_gate(self, gate: GateOptions, baseline: t.Any) -> GateOptions:
        return dataclasses.replace(gate, extra={"former": True})

    def gate(self, gate: GateOptions, baseline: t.Any, facts: t.Any) -> Verdict:
        self.calls.append("gate")
        ok = self.gate_ok or bool(gate.extra.get("former"))
        return Verdict({"ok": ok, "reason": "" if ok else "GET / -> 500", "failed": [], "rounds": 1, "seconds": 0.0})


def shape(folder: Path | str) -> Shape:
    """Everything that can be told about a tree without following links."""
    found: Shape = {}
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            info = os.lstat(path)
            kind, content = "special", b""
            if stat.S_ISLNK(info.st_mode):
                kind, content = "link", os.fsencode(os.readlink(path))
            elif stat.S_ISDIR(info.st_mode):
                kind = "directory"
            elif stat.S_ISREG(info.st_mode):
                kind, content = "file", Path(path).read_bytes()
            found[os.path.relpath(path, folder)] = (kind, stat.S_IMODE(info.st_mode), content)
    return found


def candidate(*, secrets: t.Sequence[str] = (), **files: str | bytes) -> HostCandidate:
    """A candidate of plain files; `__` stands for a slash, `_conf` for the suffix."""
    return of({name.replace("__", "/").replace("_conf", ".conf"): content for name, content in files.items()}, secrets)


def of(files: t.Mapping[str, str | bytes], secrets: t.Sequence[str] = ()) -> HostCandidate:
    rows = (
        CandidateEntry(path, "file", None, text.encode() if isinstance(text, str) else text)
        for path, text in files.items()
    )
    return HostCandidate(tuple(rows), tuple(secrets))


def importable(top: Path) -> str:
    """A folder from which another process can import the collection."""
    folder = top / "ansible_collections/failsafe"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "nginx").is_symlink():
        (folder / "nginx").symlink_to(Path(__file__).resolve().parents[5])
    return str(top)


class World:
    """One host: its folder, its store, its nginx."""

    def __init__(self, top: Path) -> None:
        self.config_dir, self.store = top / "nginx", top / "store"
        self.put("nginx.conf", "include conf.d/*.conf;")
        self.put("conf.d/a.conf", "old")
        (self.config_dir / "mime.types").write_text("types {}")
        self.host = FakeHost(self.config_dir)
        self.original = shape(self.config_dir)

    def put(self, name: str, text: str) -> None:
        path = self.config_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def engine(self, before: t.Callable[[str], None] | None = None, **settings: t.Any) -> JsonEngine:
        given = {"store": str(self.store), "config_dir": str(self.config_dir), "owner": "web1", **settings}
        return JsonEngine(Settings(**given), host=self.host, before=before)

    def deploy(self, wanted: HostCandidate, **settings: t.Any) -> str:
        engine = self.engine(**settings)
        release: str = engine.stage(wanted)["release"]
        engine.activate(release, reload=True)
        engine.confirm(release)
        return release

    def live(self) -> Shape:
        return shape(self.config_dir)

    def kept(self) -> Shape | None:
        """What the store looks like, the lock aside."""
        return {k: v for k, v in shape(self.store).items() if k != "lock"} if self.store.exists() else None
