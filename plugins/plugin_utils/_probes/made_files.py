# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The files that exist while both configurations are asked: they follow from what the two look for."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.files import MadeFile
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused

from .files import COMPRESSED, FileFinder, FoundFiles

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

    from .files import Home, RoutedRequest

_NOTHING: t.Final = FoundFiles()


class _Sought:
    """The files that one configuration looks for, for all probes together.

    Attributes:
        homes: its locations.
        unknown: positions of the probes whose files are not all known.
        named: path -> True if the configuration names it.
        probes: path -> positions of the probes on whose way it is.
        home: path -> the location that looks for it.
        targets: as `named`, of the files at the ends of redirects.
        ends: as `probes`, of these files.
    """

    def __init__(self, config: Config | None) -> None:
        self.finder = None if config is None else FileFinder(config)
        self.homes = set() if self.finder is None else self.finder.homes()
        self.unknown: set[int] = set()
        self.named: dict[str, bool] = {}
        self.probes: dict[str, list[int]] = {}
        self.home: dict[str, Home] = {}
        self.targets: dict[str, bool] = {}
        self.ends: dict[str, list[int]] = {}
        self._forms: dict[int, int] = {}

    def arrival(self, probe: Probe) -> RoutedRequest | None:
        """Return where a probe arrives, None where it does not."""
        return None if self.finder is None else self.finder.arrival(probe)

    def form(self, arrival: RoutedRequest | None) -> int | None:
        """Return a digest of the server that gets a request, None without one."""
        if arrival is None:
            return None
        block = arrival.server.scope.directive
        if id(block) not in self._forms:
            self._forms[id(block)] = form_of(block)
        return self._forms[id(block)]

    def add(self, position: int, arrival: RoutedRequest | None) -> None:
        """Add the files of one probe."""
        found = _NOTHING if self.finder is None or arrival is None else self.finder.files(arrival)
        if not found.complete:
            self.unknown.add(position)
        for path, named in found.paths.items():
            self.named[path] = self.named.get(path, False) or named
            self.probes.setdefault(path, []).append(position)
            self.home.setdefault(path, found.homes[path])
        for path, named in found.targets.items():
            self.targets[path] = self.targets.get(path, False) or named
            self.ends.setdefault(path, []).append(position)

    def folders(self, *, named: bool) -> set[str]:
        """Return the folders of its files and those above, all or only those of files that the configuration names."""
        return set(_above(path for path, is_named in self.named.items() if is_named or not named))


@collector_paused()
def made_up_files(before: Config | None, after: Config, probes: Sequence[Probe]) -> tuple[list[MadeFile], list[int]]:
    """Return the files that exist while probes are sent to both configurations, as they look for them.

    The file system is the same before and after. What the old configuration looks for is there. What only the new one looks
    for is there where the old one tells nothing about the place: in another folder, or for a location that is new. In the
    same folder it is not: a name that was mistyped leads to no file. A compressed copy is there beside its file.
    Where redirects lead to, the pages are there.

    Args:
        before: the old configuration, None where there is none.
        after: the new one.
        probes: in their order. Those that users did not write down count where their server is another one than before.

    Returns:
        The files by path, and the positions of probes whose files the configuration does not tell.
    """
    old, new = _Sought(before), _Sought(after)
    whole = before is None or outside_of_servers(before) != outside_of_servers(after)
    for position, probe in enumerate(probes):
        arrivals = old.arrival(probe), new.arrival(probe)
        if whole or probe.origin != "generated" or old.form(arrivals[0]) != new.form(arrivals[1]):
            old.add(position, arrivals[0])
            new.add(position, arrivals[1])
    there: dict[str, MadeFile] = {}
    for path, positions in old.probes.items():
        there[path] = MadeFile(path, old.named[path], before=True, probes=positions)
    known = {named: old.folders(named=named) for named in (True, False)}
    # By name, a file stands before its copy.
    for path, positions in sorted(new.probes.items()):
        named = new.named[path]
        if path in there:
            file = there[path]
            there[path] = MadeFile(path, file.named or named, before=True, probes=sorted({*file.probes, *positions}))
        elif (
            new.home[path] not in old.homes
            or posixpath.dirname(path) not in known[named]
            or (path.endswith(COMPRESSED) and path.removesuffix(COMPRESSED) in there)
        ):
            there[path] = MadeFile(path, named, before=False, probes=positions)
    for side in (old, new):
        for path, positions in side.ends.items():
            file = there.get(path) or MadeFile(path, named=False, before=False, probes=[])
            there[path] = MadeFile(
                path, file.named or side.targets[path], file.before, sorted({*file.probes, *positions})
            )
    # A path that is the folder of another file is a folder.
    folders = set(_above(there))
    files = [file for path, file in sorted(there.items()) if path not in folders and "\0" not in path]
    return files, sorted(old.unknown | new.unknown)


def _above(paths: Iterable[str]) -> Iterator[str]:
    """Yield the folders of paths and those above them."""
    seen: set[str] = set()
    for path in paths:
        folder = posixpath.dirname(path)
        while folder not in seen:
            seen.add(folder)
            yield folder
            folder = posixpath.dirname(folder)


def form_of(directive: Directive) -> int:
    """Return a digest of a block that tells two contents apart, within this process."""
    inner = tuple(form_of(child) for child in directive.children)
    return hash((directive.name, *directive.args, inner))


def outside_of_servers(config: Config) -> list[int]:
    """Return digests of all that stands outside of HTTP servers: any server may depend on it."""
    found: list[int] = []
    for top in config.root:
        if top.name == "http":
            found += [form_of(child) for child in top.children if child.name != "server"]
        else:
            found.append(form_of(top))
    return found
