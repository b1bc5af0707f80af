# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The rules on single directives and blocks: one walk over the configuration, each rule called for what it is about."""

from __future__ import annotations

import typing as t

from . import refused

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding, Rule

    #: Called for every directive of a name.
    OnDirective = Callable[[Context, ConfigBlock, Directive], Iterator[Finding]]
    #: Called for every block of a name, once.
    OnBlock = Callable[[Context, ConfigBlock], Iterator[Finding]]

_MODULES: t.Final = (refused,)
RULES: t.Final[tuple[Rule, ...]] = tuple(rule for module in _MODULES for rule in module.RULES)


def _table(attribute: str) -> dict[str, tuple[t.Any, ...]]:
    found: dict[str, tuple[t.Any, ...]] = {}
    for module in _MODULES:
        for names, function in getattr(module, attribute):
            for name in names:
                found[name] = (*found.get(name, ()), function)
    return found


_ON_DIRECTIVE: t.Final[dict[str, tuple[OnDirective, ...]]] = _table("ON_DIRECTIVE")
_ON_BLOCK: t.Final[dict[str, tuple[OnBlock, ...]]] = _table("ON_BLOCK")


def check(context: Context) -> Iterator[Finding]:
    """Everything that these rules find."""
    for block in context.blocks:
        for function in _ON_BLOCK.get(block.name, ()):
            yield from function(context, block)
        for name, directives in block.own.items():
            if len(directives) > 1:
                yield from refused.repeated(context, block, name, directives)
            for call in _ON_DIRECTIVE.get(name, ()):
                for directive in directives:
                    yield from call(context, block, directive)
