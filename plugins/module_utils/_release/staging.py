# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Building the next release beside the live folder: adoption, drift, snapshot, validation. Nothing live is written."""

from __future__ import annotations

import base64
import contextlib
import typing as t
import zlib

from . import pyz
from .candidate import Tree, Wanted, check_links, merge, tree_digest, unmanaged
from .disk import Folder
from .entry import Entry
from .errors import ReleaseError
from .host import Host, Settings, Validated
from .show import diff, secrecy
from .store import SCHEMA, Release, State, Store, now
from .switch import Changes, changes, differing, managed

Result = t.Dict[str, t.Any]


class Goal(t.NamedTuple):
    """What to stage: a candidate's entries and which of them hold secret values, or a stored release to return to."""

    id: str
    wanted: t.Tuple[Wanted, ...] = ()
    stored: t.Optional[Release] = None
    guarded: t.FrozenSet[str] = frozenset()


class Staging:
    """One staging run over `live`, building in `work`. Raises `ReleaseError` for whatever is refused."""

    def __init__(
        self, settings: Settings, store: Store, host: Host, *, state: State | None, live: Folder, work: Folder
    ) -> None:
        self.settings, self.store, self.host = settings, store, host
        self.live, self.work = live, work
        self.tree, self.special = live.scan()
        self.builds: list[Release] = []
        self._built: dict[str, Folder] = {}
        self.state = state or self._adopt()
        self.stored = {build.id: build for build in self.builds}

    def _adopt(self) -> State:
        # The live tree becomes the first release; it manages nothing and can always be returned to.
        release = Release("r-" + tree_digest(self.tree), "adopted", now(), "", self.tree)
        self.builds.append(_named(release))
        return {
            "schema": SCHEMA,
            "owner": {"host": self.settings.owner, "config_dir": self.settings.config_dir},
            "confirmed": release.id,
            "adopted": release.id,
            "active": None,
            "staged": None,
            "txn": None,
            "running": self.host.generation(release.id),
            "switched": None,
        }

    def run(self, goal: Goal, running: t.Callable[[State], str | None]) -> Result:
        """Prepare everything; `builds` is what has to be installed, and is empty when the host is already there."""
        current = self.stored.get(self.state["confirmed"]) or self.store.release(self.state["confirmed"])
        owned = managed(current.tree)
        drift = differing(self.tree, current.tree, owned)
        target = self._target(goal, current, owned)
        touched = owned | managed(target.tree)
        plan = changes(self.tree, target.tree, touched)
        result: Result = {
            "release": target.id,
            "state": "staged",
            "changed": True,
            "added": plan.added,
            "modified": plan.changed,
            "removed": plan.removed,
            "drift": drift,
            "special": self.special,
            "previous": current.id,
        }
        if not drift and _alike(target.tree, current.tree, touched) and running(self.state) == current.id:
            there = {"release": current.id, "state": "confirmed", "changed": False}
            return {**result, **there, "diff": [], "validation": None}
        if drift and self.settings.on_drift != "overwrite":
            names = ", ".join(drift)
            raise ReleaseError(
                f"the live files differ from the confirmed release {current.id}: {names}; bring the changes into the source,"
                " or overwrite them with on_drift=overwrite, in the role nginx_deploy_on_drift (they are kept as a release of their own)",
                "drift",
                drift=drift,
            )
        frozen = self.live.frozen(plan.added + plan.changed + plan.removed)
        if frozen:
            raise ReleaseError(
                f"these may not be changed or replaced (lsattr shows the flags i or a): {', '.join(frozen)}; chattr -i -a lifts that",
                "immutable",
                paths=frozen,
            )
        current = self._refreshed(current, owned)
        if target.id == current.id:
            target = current
        base = self._drifted(owned) if drift else current
        self._build(target, goal, current)
        result.update(self._validate(target, current))
        result["diff"] = self._diff(plan, target, current)
        self.state["staged"] = {"id": target.id, "base": base.id}
        self.state["settings"] = self.settings._asdict()
        return result

    def _diff(self, plan: Changes, target: Release, current: Release) -> list[dict[str, str]]:
        files = self._files(target)
        old = secrecy(current.tree, self.tree)
        return diff(
            plan,
            (old, lambda entry: self.live.read(entry.path)),
            (target.tree, lambda entry: files.read(entry.path)),
        )

    def _target(self, goal: Goal, current: Release, owned: set[str]) -> Release:
        recorded = goal.stored or (self.store.release(goal.id) if self._has(goal.id) else None)
        self._recorded = recorded
        kept = unmanaged(self.tree, owned, recorded.tree if recorded else {})
        replaced = {**self.tree, **{path: current.tree[path] for path in owned}}
        modes = (self.settings.file_mode, self.settings.directory_mode)
        tree = merge(goal.wanted, kept, replaced, self.special, modes=modes)
        tree.update({path: tree[path]._replace(guarded=True) for path in goal.guarded})
        if goal.stored:
            own = [entry for entry in goal.stored.tree.values() if entry.managed]
            wanted = [Wanted(entry.path, entry.type) for entry in own]
            tree = {**merge(wanted, kept, replaced, self.special, modes=modes), **{entry.path: entry for entry in own}}
        check_links(tree, [self.settings.config_dir, self.live.path])
        kind = goal.stored.kind if goal.stored else "candidate"
        return _named(Release(goal.id, kind, now(), "", tree, metadata=self.settings.metadata))

    def _has(self, release: str) -> bool:
        return self.store.state() is not None and self.store.has(release)

    def _refreshed(self, current: Release, owned: set[str]) -> Release:
        """The current release over the unmanaged files as they are today."""
        if current.id in self.stored:
            self._copy(current, lambda entry: self.live.chunks(entry.path))
            return current
        tree = unmanaged(self.tree, owned, {})
        tree.update({path: current.tree[path] for path in owned})
        fresh = _named(current._replace(tree=tree))
        if fresh.folder == current.folder:
            return current
        old = self.store.files(current)
        self._copy(fresh, lambda entry: (old if entry.managed else self.live).chunks(entry.path))
        self.builds.append(fresh)
        return fresh

    def _drifted(self, owned: set[str]) -> Release:
        release = drifted(self.tree, owned, self.settings.metadata)
        self._copy(release, lambda entry: self.live.chunks(entry.path))
        self.builds.append(release)
        return release

    def _build(self, target: Release, goal: Goal, current: Release) -> None:
        if target is current:
            return
        contents = {entry.path: entry.content for entry in goal.wanted}
        recorded = self._recorded
        owned = managed(current.tree)

        def source(entry: Entry) -> t.Iterable[bytes]:
            if entry.managed and entry.path in contents:
                return [contents[entry.path]]
            if recorded and (entry.managed or entry.path in owned):
                return self.store.files(recorded).chunks(entry.path)
            return self.live.chunks(entry.path)

        self._copy(target, source)
        self.builds.append(target)

    def _copy(self, release: Release, source: t.Callable[[Entry], t.Iterable[bytes]]) -> None:
        self._built[release.id] = self.store.build(self.work, release, source)

    def _files(self, release: Release) -> Folder:
        return self._built.get(release.id) or self.store.files(release)

    def _validate(self, target: Release, current: Release) -> Result:
        new = self.host.validate(self._files(target).path)
        if not new.ok:
            raise ReleaseError(f"nginx refuses the candidate: {new.message}", "invalid", validation=new.public())
        old: Validated | None = new if target is current else None
        note = []
        if self.settings.main not in current.tree:
            note = [f"there is no {self.settings.main} yet: nothing to roll back to was validated"]
        elif old is None and self.settings.require_rollback:
            old = self.host.validate(self._files(current).path)
            if not old.ok:
                raise ReleaseError(
                    "nginx would not load the current configuration, so this change could not be rolled back:"
                    f" {old.message}; repair it first, or accept that with require_rollback=false, in the role nginx_deploy_require_rollback",
                    "no_rollback",
                    validation=old.public(),
                )
        elif old is None:
            note = ["the current configuration was not validated: require_rollback is off"]
        facts = {target.id: new.facts, **({current.id: old.facts} if old else {})}
        self.builds = [build._replace(facts=facts.get(build.id, build.facts)) for build in self.builds]
        shown = new.public()
        shown["limits"] = list(shown["limits"]) + note
        dumps = {"_dump": _packed(new), "_dump_current": _packed(old)}
        return {"validation": shown, "_modules": sorted(new.modules), **dumps}

    def commit(self, result: Result) -> None:
        """Install what was built. The state is written last: until then everything is taken back on a failure."""
        if not result["changed"]:
            return
        pyz.write(self.store.folder)
        lacking = self.host.recover_at_boot()
        if lacking:
            result["validation"]["limits"].append(lacking)
        with contextlib.ExitStack() as undo:
            for build in self.builds:
                self.store.install(self.work, build, undo)
            shown = {name: result[name] for name in ("added", "modified", "removed", "drift", "validation")}
            size = self.store.record("staged", result["release"], self.settings.metadata, **shown)
            undo.callback(self.store.unrecord, size)
            self.store.save(self.state)
            undo.pop_all()


def drifted(tree: Tree, owned: set[str], metadata: Result | None) -> Release:
    """The live tree, hand edits included, as a release that manages the `owned` paths."""
    tree = {path: entry._replace(managed=path in owned) for path, entry in tree.items()}
    return _named(Release("r-" + tree_digest(tree), "drift", now(), "", tree, metadata=metadata))


def _named(release: Release) -> Release:
    return release._replace(folder="tree-" + tree_digest(release.tree))


def _alike(one: Tree, other: Tree, paths: set[str]) -> bool:
    return managed(one) == managed(other) == paths and all(
        one[path].same(other[path]) and one[path].secret == other[path].secret for path in paths
    )


def _packed(validated: Validated | None) -> str | None:
    if validated is None or validated.dump is None:
        return None
    return base64.b64encode(zlib.compress(validated.dump)).decode("ascii")
