# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build a release beside the live folder: adopt, compare, copy, validate. Nothing live is written."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import typing as t
import zlib

from . import archive
from .candidate import CandidateEntry
from .changes import Changes, changes, differing, managed
from .context import HostContext
from .diffs import diff, with_secrecy
from .disk import Folder, frozen, scan
from .errors import ReleaseError
from .manifest import Release, drifted
from .results import FileDiff, StageResult, Validated
from .state import HostState, Owner, Staged
from .tree import check_links, merge, unmanaged
from .tree_entry import Tree, TreeEntry, tree_digest


@dataclasses.dataclass(frozen=True)
class Goal:
    """The release to stage: a candidate's entries, or a stored release; `guarded` paths hold secret values."""

    id: str
    entries: t.Tuple[CandidateEntry, ...] = ()
    guarded: t.FrozenSet[str] = frozenset()
    stored: t.Optional[Release] = None


class ReleaseBuild:
    """Build one release from the folder `live`, in the empty folder `work`; without a `state` it is the first one."""

    def __init__(self, context: HostContext, *, state: HostState | None, live: Folder, work: Folder) -> None:
        self.context, self.settings, self.store, self.host = context, context.settings, context.store, context.host
        self.live, self.work = live, work
        self._tree, self._special = scan(live)
        self._builds: list[Release] = []
        self._built: dict[str, Folder] = {}
        self.state = dataclasses.replace(state) if state else self._adopt()
        self._new = {build.id: build for build in self._builds}

    def _adopt(self) -> HostState:
        # The live tree becomes the first release. It manages nothing, and a rollback to it is always possible.
        release = Release.of("r-" + tree_digest(self._tree), "adopted", self._tree)
        self._builds.append(release)
        return HostState(
            owner=Owner(self.settings.owner, self.settings.config_dir),
            confirmed=release.id,
            adopted=release.id,
            active=None,
            staged=None,
            running=self.host.generation(release.id),
            switched=None,
            settings=self.settings,
            transaction=None,
        )

    def run(self, goal: Goal, running: t.Callable[[HostState], str | None]) -> StageResult:
        """Build and validate everything; change nothing where the host has the goal already.

        `running` returns the release that nginx runs. Raises `ReleaseError` if the goal is refused.
        """
        current = self._new.get(self.state.confirmed) or self.store.releases.read(self.state.confirmed)
        owned = managed(current.tree)
        drift = differing(self._tree, current.tree, owned)
        target = self._target(goal, current, owned)
        touched = owned | managed(target.tree)
        plan = changes(self._tree, target.tree, touched)
        result = StageResult(
            target.id, "staged", changed=True, added=plan.added, modified=plan.changed, removed=plan.removed,
            drift=drift, special=self._special, previous=current.id, diff=[],
        )  # fmt: skip
        if not drift and _alike(target.tree, current.tree, touched) and running(self.state) == current.id:
            return dataclasses.replace(result, release=current.id, state="confirmed", changed=False)
        self._refuse_drift(drift, current)
        self._refuse_frozen(plan)
        current = self._refreshed(current, owned)
        if target.id == current.id:
            target = current
        base = self._keep_drift(owned) if drift else current
        self._build(target, goal, current)
        self._validate(target, current, result)
        result.diff = self._diff(plan, target, current)
        self.state.staged = Staged(target.id, base.id)
        self.state.settings = dataclasses.replace(self.settings, extra=self.state.settings.extra)
        return result

    def _refuse_drift(self, drift: list[str], current: Release) -> None:
        if drift and self.settings.on_drift != "overwrite":
            names = ", ".join(drift)
            raise ReleaseError(
                f"the live files differ from the confirmed release {current.id}: {names}; bring the changes into the source,"
                " or overwrite them with on_drift=overwrite, in the role nginx_deploy_on_drift (they are kept as a release of their own)",
                "drift",
                drift=drift,
            )

    def _refuse_frozen(self, plan: Changes) -> None:
        paths = frozen(self.live, plan.added + plan.changed + plan.removed)
        if paths:
            raise ReleaseError(
                f"these may not be changed or replaced (lsattr shows the flags i or a): {', '.join(paths)}; chattr -i -a lifts that",
                "immutable",
                paths=paths,
            )

    def _diff(self, plan: Changes, target: Release, current: Release) -> list[FileDiff]:
        files = self._files(target)
        old = with_secrecy(current.tree, self._tree)
        return diff(
            plan,
            (old, lambda entry: self.live.read(entry.path)),
            (target.tree, lambda entry: files.read(entry.path)),
        )

    def _target(self, goal: Goal, current: Release, owned: set[str]) -> Release:
        recorded = self._recorded(goal)
        kept = unmanaged(self._tree, owned, recorded.tree if recorded else {})
        replaced = {**self._tree, **{path: current.tree[path] for path in owned}}
        modes = (self.settings.file_mode, self.settings.directory_mode)
        own = [entry for entry in goal.stored.tree.values() if entry.managed] if goal.stored else []
        wanted = [CandidateEntry(entry.path, entry.type) for entry in own] if goal.stored else goal.entries
        tree = merge(wanted, kept, replaced, self._special, modes=modes)
        tree.update({path: dataclasses.replace(tree[path], guarded=True) for path in goal.guarded})
        tree.update({entry.path: entry for entry in own})
        check_links(tree, [self.settings.config_dir, self.live.path])
        kind = goal.stored.kind if goal.stored else "candidate"
        return Release.of(goal.id, kind, tree, self.settings.metadata)

    def _recorded(self, goal: Goal) -> Release | None:
        """Return the stored release of the same id, which knows unmanaged files of then."""
        if goal.stored:
            return goal.stored
        stored = self.store.state() is not None and self.store.releases.has(goal.id)
        return self.store.releases.read(goal.id) if stored else None

    def _refreshed(self, current: Release, owned: set[str]) -> Release:
        """Return the current release over the unmanaged files as they are now."""
        if current.id in self._new:
            self._copy(current, lambda entry: self.live.chunks(entry.path))
            return current
        tree = unmanaged(self._tree, owned, {})
        tree.update({path: current.tree[path] for path in owned})
        fresh = current.over(tree)
        if fresh.folder == current.folder:
            return current
        old = self.store.releases.files(current)
        self._copy(fresh, lambda entry: (old if entry.managed else self.live).chunks(entry.path))
        self._builds.append(fresh)
        return fresh

    def _keep_drift(self, owned: set[str]) -> Release:
        release = drifted(self._tree, owned, self.settings.metadata)
        self._copy(release, lambda entry: self.live.chunks(entry.path))
        self._builds.append(release)
        return release

    def _build(self, target: Release, goal: Goal, current: Release) -> None:
        if target is current:
            return
        contents = {entry.path: entry.content for entry in goal.entries}
        recorded, owned = self._recorded(goal), managed(current.tree)

        def source(entry: TreeEntry) -> t.Iterable[bytes]:
            if entry.managed and entry.path in contents:
                return [contents[entry.path]]
            if recorded and (entry.managed or entry.path in owned):
                return self.store.releases.files(recorded).chunks(entry.path)
            return self.live.chunks(entry.path)

        self._copy(target, source)
        self._builds.append(target)

    def _copy(self, release: Release, source: t.Callable[[TreeEntry], t.Iterable[bytes]]) -> None:
        self._built[release.id] = self.store.releases.build(self.work, release, source)

    def _files(self, release: Release) -> Folder:
        return self._built.get(release.id) or self.store.releases.files(release)

    def _validate(self, target: Release, current: Release, result: StageResult) -> None:
        new = self.host.validate(self._files(target).path)
        if not new.ok:
            raise ReleaseError(
                f"nginx refuses the candidate: {new.message}", "invalid", validation=new.report().to_json()
            )
        old: Validated | None = new if target is current else None
        notes: list[str] = []
        if self.settings.main not in current.tree:
            notes = [f"there is no {self.settings.main} yet: nothing to roll back to was validated"]
        elif old is None and self.settings.require_rollback:
            old = self._validate_current(current)
        elif old is None:
            notes = ["the current configuration was not validated: require_rollback is off"]
        facts = {target.id: new.facts, **({current.id: old.facts} if old else {})}
        self._builds = [dataclasses.replace(b, facts=facts.get(b.id, b.facts)) for b in self._builds]
        result.validation = new.report(notes)
        result.modules = sorted(new.modules)
        result.dump, result.dump_current = _packed(new), _packed(old)

    def _validate_current(self, current: Release) -> Validated:
        found = self.host.validate(self._files(current).path)
        if not found.ok:
            raise ReleaseError(
                "nginx would not load the current configuration, so this change could not be rolled back:"
                f" {found.message}; repair it first, or accept that with require_rollback=false, in the role nginx_deploy_require_rollback",
                "no_rollback",
                validation=found.report().to_json(),
            )
        return found

    def commit(self, result: StageResult) -> None:
        """Install what was built. The state is written last: a failure before that takes everything back."""
        if not result.changed or result.validation is None:
            return
        archive.write(self.store.folder)
        lacking = self.host.recover_at_boot()
        if lacking:
            result.validation.limits.append(lacking)
        with contextlib.ExitStack() as undo:
            for build in self._builds:
                self.store.releases.install(self.work, build, undo)
            details = {
                "added": result.added, "modified": result.modified, "removed": result.removed, "drift": result.drift,
                "validation": result.validation.to_json(),
            }  # fmt: skip
            size = self.store.journal.append("staged", result.release, details, self.settings.metadata)
            undo.callback(self.store.journal.undo, size)
            self.store.save(self.state)
            undo.pop_all()


def _alike(one: Tree, other: Tree, paths: set[str]) -> bool:
    return managed(one) == managed(other) == paths and all(
        one[path].same(other[path]) and one[path].secret == other[path].secret for path in paths
    )


def _packed(validated: Validated | None) -> str | None:
    if validated is None or validated.dump is None:
        return None
    return base64.b64encode(zlib.compress(validated.dump)).decode("ascii")
