# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Compare the live folder with the release that it should hold."""

from __future__ import annotations

from .diffs import summaries, with_secrecy
from .disk import Folder
from .manifest import Release
from .results import DriftedFile
from .store import Store
from .switch import at, differing, managed


class Drift:
    """Find managed files of the live folder that differ from the live release."""

    def __init__(self, store: Store, live: Folder) -> None:
        self.store, self.live = store, live

    def paths(self) -> list[str]:
        """Return the managed paths that differ, sorted."""
        release = self._release()
        if release is None:
            return []
        owned = managed(release.tree)
        return differing(at(self.live, owned), release.tree, owned)

    def summaries(self) -> list[DriftedFile]:
        """Return what became of these paths; secrets appear as fingerprints."""
        release = self._release()
        if release is None:
            return []
        files, paths = self.store.files(release), self.paths()
        return summaries(
            paths,
            (release.tree, lambda entry: files.read(entry.path)),
            (with_secrecy(release.tree, at(self.live, paths)), lambda entry: self.live.read(entry.path)),
        )

    def _release(self) -> Release | None:
        state = self.store.state()
        return None if state is None else self.store.release(state.live())
