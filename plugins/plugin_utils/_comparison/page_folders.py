# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The folders that files come from: `root` and `alias`, before and after, and what a host has there."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .outcome_diff import header_values, missing_files
from .report import FILES_MOVED

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.folders import FolderPair
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .attribution import Attribution, SemanticChange
    from .grouping import ChangedRequest
    from .sides import BlockLocator, ServedBy

_FOLDERS: t.Final = ("root", "alias")
_CLASS: t.Final = "file-changed"
#: Classes of a change that stops by itself.
_STOPPING: t.Final = frozenset({"outage", "error-introduced", "lost", "access-widened"})
#: Before and after.
Folders = tuple[str, str]


def changed_folders(changes: Iterable[SemanticChange]) -> Iterator[Folders]:
    """Yield the folders of each `root` and `alias` that became another one, as far as they are absolute and without variables."""
    for change in changes:
        for old, new in change.directives:
            found = _folders_of(old, new)
            if found and all(each.startswith("/") and "$" not in each for each in found):
                yield found


def _folders_of(old: Directive | None, new: Directive | None) -> Folders | None:
    if old is None or new is None or old.name not in _FOLDERS or new.name not in _FOLDERS:
        return None
    return (old.args[0], new.args[0]) if old.args and new.args and old.args != new.args else None


class PageFolders:
    """Tells where the files of requests come from.

    Args:
        locators: of both configurations.
        attribution: the changes of the configuration.
        known: what the host has in the folders that changed; nothing where it was not looked at.
    """

    def __init__(
        self, locators: tuple[BlockLocator, BlockLocator], attribution: Attribution, known: Iterable[FolderPair]
    ) -> None:
        self._locators = locators
        self._attribution = attribution
        self._bare = {(each.old, each.new): each for each in known if each.files and each.missing == each.files}

    def classified(self, items: Sequence[ChangedRequest]) -> Iterator[ChangedRequest]:
        """Yield the changes; files that come from a folder without any of them are lost on this host.

        Where requests of the same change stop anyway, those tell it.
        """
        told = {number for item in items if item.name in _STOPPING for number in item.causes}
        for item in items:
            pair = self._bare_pair(item) if item.name == _CLASS and not told.intersection(item.causes) else None
            yield item if pair is None else replace(item, name="lost", was=item.name, notes=(_lost_line(pair),))

    def _bare_pair(self, item: ChangedRequest) -> FolderPair | None:
        for number in item.causes:
            for old, new in self._attribution.changes[number].directives:
                found = _folders_of(old, new)
                if found in self._bare:
                    return self._bare[found]
        return None

    def notes(self, items: Sequence[ChangedRequest]) -> list[str]:
        """Return a sentence about the files of a group that come from another folder; nothing where none do."""
        different = list(dict.fromkeys(found for item in items if (found := self.moved(item))))
        if not different:
            return []
        old, new = different[0]
        more = f" (and of {len(different) - 1} more)" if len(different) > 1 else ""
        return [f"{FILES_MOVED}{new} instead of {old}{more}"]

    def moved(self, item: ChangedRequest) -> Folders | None:
        """Return the folders of a request whose files come from another one; None where they do not, or that is not certain."""
        if item.name != _CLASS:
            return None
        sides = zip(self._locators, (item.old, item.new), strict=True)
        old, new = (_folder(locator, served, locator.side.outcomes[item.index]) for locator, served in sides)
        return (old, new) if old and new and old != new else None


def _lost_line(pair: FolderPair) -> str:
    # It is a part of the group's key: no number that differs per host.
    missing = "has none of them" if pair.exists else "does not exist"
    return f"{FILES_MOVED}{pair.new} instead of {pair.old}, and on this host {pair.new} {missing}"


def _folder(locator: BlockLocator, served: ServedBy, outcome: ProbeOutcome) -> str | None:
    """Return the folder that an answer's file was looked for in; None where no file is in it."""
    block = served.block
    scope = None if block is None else locator.scopes.get(block.place)
    directive = None if scope is None else scope.directive
    while directive is not None:
        found = [each.args[0] for each in directive.find(*_FOLDERS) if each.args]
        if found:
            return found[-1] if _is_of_file(outcome, found[-1]) else None
        directive = directive.parent
    return None


def _is_of_file(outcome: ProbeOutcome, folder: str) -> bool:
    """Return True for an answer that is a file, a missing one of this folder, or of an application's script in it."""
    fixed = folder.partition("$")[0]
    names = [*missing_files(outcome)]
    names += [
        value for call in outcome.upstreams for name, value in call.params.items() if name.lower() == "script_filename"
    ]
    if any(name.startswith(fixed) for name in names):
        return True
    return not outcome.upstreams and bool(header_values(outcome.headers, "last-modified"))
