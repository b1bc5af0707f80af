# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Index the blocks of a configuration: their directives by name, and the settings that they inherit."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

#: Blocks whose content is data, not directives.
_DATA: t.Final = frozenset({"map", "geo", "types", "split_clients", "charset_map", "match", "keyval"})


class ConfigBlock:
    """A block with its own directives by name, or the main level (`directive` is None)."""

    __slots__ = ("blocks", "complete", "directive", "name", "own", "parent")

    def __init__(self, directive: Directive | None, parent: ConfigBlock | None) -> None:
        self.directive = directive
        self.name = directive.name if directive is not None else "main"
        self.parent = parent
        self.own: dict[str, list[Directive]] = {}
        self.blocks: list[ConfigBlock] = []
        #: False where a file that is not at hand adds to this very block.
        self.complete = True

    @property
    def gap(self) -> bool:
        """True where a missing file may add settings that hold here, so that none can be called absent."""
        block: ConfigBlock | None = self
        while block is not None:
            if not block.complete:
                return True
            block = block.parent
        return False

    def effective(self, name: str) -> list[Directive]:
        """Return the directives of that name that hold here: the block's own, else all of the enclosing block's."""
        block: ConfigBlock | None = self
        while block is not None:
            found = block.own.get(name)
            if found:
                return found
            block = block.parent
        return []

    def value(self, name: str, default: str = "") -> str:
        """Return the first argument of the last such directive that holds here."""
        found = self.effective(name)
        return found[-1].args[0] if found and found[-1].args else default

    def enclosing(self, *names: str) -> ConfigBlock | None:
        """Return the innermost block with one of these names: this one, or one around it."""
        block: ConfigBlock | None = self
        while block is not None and block.name not in names:
            block = block.parent
        return block

    def chain(self) -> Iterator[ConfigBlock]:
        """Yield this block and the ones around it, up to its server, or to the main level outside of servers."""
        block: ConfigBlock | None = self
        while block is not None:
            yield block
            if block.name == "server":
                return
            block = block.parent

    def inner(self) -> list[ConfigBlock]:
        """Return this block and every block in it, in the order of the configuration."""
        found = [self]
        for block in self.blocks:
            found += block.inner() if block.blocks else (block,)
        return found


class BlockIndex:
    """Every block of a configuration, and every directive with its block, by name.

    Args:
        root: the directives of the main level, includes expanded.
        partial: True where an include may name files that are not at hand.
    """

    def __init__(self, root: Iterable[Directive], *, partial: bool) -> None:
        self.main = ConfigBlock(None, None)
        #: In the order of the configuration.
        self.blocks: dict[str, list[ConfigBlock]] = {self.main.name: [self.main]}
        #: Every directive with the block that it stands in.
        self.directives: dict[str, list[tuple[ConfigBlock, Directive]]] = {}
        #: Those that a block has more than once.
        self.repeated: list[tuple[ConfigBlock, list[Directive]]] = []
        self._partial = partial
        self._fill(self.main, root)

    def _fill(self, block: ConfigBlock, directives: Iterable[Directive]) -> None:
        own = block.own
        for child in directives:
            name = child.name
            if child.include is not None:
                if child.include:
                    self._fill(block, child.include)
                elif self._partial:
                    block.complete = False
                continue
            same = own.get(name)
            if same is None:
                own[name] = [child]
            else:
                same.append(child)
                if len(same) == 2:  # noqa: PLR2004 - told once, when it is repeated first
                    self.repeated.append((block, same))
            places = self.directives.get(name)
            if places is None:
                self.directives[name] = [(block, child)]
            else:
                places.append((block, child))
            if child.block is not None and name not in _DATA:
                inner = ConfigBlock(child, block)
                block.blocks.append(inner)
                self.blocks.setdefault(name, []).append(inner)
                self._fill(inner, child.block)
