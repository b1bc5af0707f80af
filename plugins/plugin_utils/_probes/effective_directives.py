# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The directives of a block by name, and those that it inherits from enclosing blocks."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope

_NONE: t.Final[list[t.Any]] = []


class EffectiveDirectives:
    """Looks directives up by block and name; every block is read once."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, list[Directive]]] = {}

    def of(self, scope: Scope) -> dict[str, list[Directive]]:
        """Return the block's own directives by name."""
        found = self._blocks.get(id(scope))
        if found is None:
            found = self._blocks[id(scope)] = {}
            for child in scope.directive.children:
                found.setdefault(child.name, []).append(child)
        return found

    def own(self, scope: Scope, *names: str) -> list[Directive]:
        """Return the block's own directives with one of these names, in the order of the names."""
        block = self.of(scope)
        if len(names) == 1:
            return block.get(names[0], _NONE)
        return [directive for name in names for directive in block.get(name, _NONE)]

    def effective(self, scope: Scope, *names: str) -> list[Directive]:
        """Return the block's own directives with these names, else those of the closest enclosing block with any."""
        current: Scope | None = scope
        while current is not None:
            found = self.own(current, *names)
            if found:
                return found
            current = current.parent
        return _NONE

    def is_on(self, scope: Scope, *names: str) -> bool:
        """Tell whether the last of the effective directives is `on`."""
        found = self.effective(scope, *names)
        return bool(found) and found[-1].args[:1] == ["on"]
