# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release as its manifest describes it."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .._common.json_fields import decode, encode, unknown_fields
from .._common.json_text import parse_json
from .clock import timestamp
from .state import ConfigFacts
from .tree_entry import Tree, TreeEntry, tree_digest

#: The manifest's name in the folder of a release.
MANIFEST = "manifest.json"
_SCHEMA = 1


@dataclasses.dataclass
class _Manifest:
    id: str
    kind: str
    created: str
    folder: str
    tree: t.List[TreeEntry]
    facts: t.Optional[ConfigFacts] = None
    metadata: t.Optional[t.Dict[str, object]] = None
    schema: int = _SCHEMA
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass(frozen=True)
class Release:
    """A stored configuration.

    Attributes:
        kind: `candidate`, `adopted` (the first live folder) or `drift` (edits by hand).
        folder: the name of its tree's folder.
        facts: what the proof of a reload needs to know, None where nginx has not loaded the tree.
    """

    id: str
    kind: str
    created: str
    folder: str
    tree: Tree
    facts: t.Optional[ConfigFacts] = None
    metadata: t.Optional[t.Dict[str, object]] = None
    extra: t.Dict[str, object] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, identity: str, kind: str, tree: Tree, metadata: t.Mapping[str, object] | None = None) -> Release:
        """Return a release that is created now."""
        known = None if metadata is None else dict(metadata)
        return cls(identity, kind, timestamp(), _folder(tree), tree, metadata=known)

    @classmethod
    def read(cls, data: bytes) -> Release:
        """Read a manifest. Raises `ValueError` that names an offending key."""
        found = decode(_Manifest, parse_json(data))
        tree = {entry.path: entry for entry in found.tree}
        return cls(found.id, found.kind, found.created, found.folder, tree, found.facts, found.metadata, found.extra)

    def data(self) -> bytes:
        """Return the manifest's text."""
        rows = [entry for _path, entry in sorted(self.tree.items())]
        manifest = _Manifest(
            self.id, self.kind, self.created, self.folder, rows, self.facts, self.metadata, extra=self.extra
        )
        return json.dumps(encode(manifest), indent=1).encode("ascii")

    def over(self, tree: Tree) -> Release:
        """Return the release with another tree, whose unmanaged part was refreshed."""
        return dataclasses.replace(self, tree=tree, folder=_folder(tree))


def drifted(tree: Tree, owned: t.Container[str], metadata: t.Mapping[str, object] | None) -> Release:
    """Return the live tree, edits by hand included, as a release that manages the `owned` paths."""
    tree = {path: dataclasses.replace(entry, managed=path in owned) for path, entry in tree.items()}
    return Release.of("r-" + tree_digest(tree), "drift", tree, metadata)


def _folder(tree: Tree) -> str:
    return "tree-" + tree_digest(tree)
