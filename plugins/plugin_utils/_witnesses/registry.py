# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The makers by name, and the source of witnesses for one comparison."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import Unwitnessed

from .context import ChangedDirective, WitnessContext
from .directive_table import Answer, Invisible, Unexercised, sight_of
from .makers import sockets, tls
from .makers.of_directives import OF_DIRECTIVES
from .makers.of_patterns import OF_PATTERNS
from .makers.variables import unknown_variable, written_otherwise
from .spots import at_spots

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import (
        ProbedConfig,
        SocketWitness,
        WitnessRequest,
    )

#: Yields the requests for which the two configurations could decide differently because of a change.
Maker = t.Callable[[WitnessContext, ChangedDirective], t.Iterator["WitnessRequest | SocketWitness | Unwitnessed"]]

#: Name in `directive_table.py` -> maker. One line for each.
MAKERS: t.Final[dict[str, Maker]] = {
    "tls": tls.handshakes,
    "stream": sockets.connections,
    **OF_DIRECTIVES,
    **OF_PATTERNS,
}

_VARIABLES: t.Final = at_spots(written_otherwise)

#: The reason where no maker knows a request.
NONE_FOUND: t.Final = "no request was found for it"


class WitnessedChange(t.Protocol):
    """A change of the semantic diff."""

    @property
    def directives(self) -> Sequence[tuple[Directive | None, Directive | None]]: ...


class Witnesses:
    """The source of witnesses for the changes of a semantic diff.

    Args:
        changes: of the diff; a witness names its change by the number in it.
        makers: name -> maker.
    """

    def __init__(self, changes: Sequence[WitnessedChange], makers: dict[str, Maker] | None = None) -> None:
        self._changes = changes
        self._makers = MAKERS if makers is None else makers

    def requests(self, sides: Sequence[ProbedConfig]) -> Iterator[WitnessRequest | SocketWitness | Unwitnessed]:
        """Yield requests for each change, and the reason for each change without one."""
        if not self._changes:
            return
        context = WitnessContext(sides)
        for number, change in enumerate(self._changes):
            found = False
            for before, after in change.directives:
                for each in self._of(context, ChangedDirective(number, before, after)):
                    found = True
                    yield each
            if not found:
                yield Unwitnessed(number, NONE_FOUND)

    def _of(
        self, context: WitnessContext, change: ChangedDirective
    ) -> Iterable[WitnessRequest | SocketWitness | Unwitnessed]:
        makers: dict[Callable[..., t.Any], None] = {}
        for _side, directive in change.sides:
            sight = sight_of(directive)
            if isinstance(sight, Answer) and is_decisive(change):
                makers[answers_of_block] = None
            elif isinstance(sight, Answer):
                makers[_VARIABLES] = None
            unknown = "" if isinstance(sight, (Invisible, Unexercised)) else unknown_variable(context, change)
            if unknown:
                yield Unwitnessed(change.number, f"its value depends on ${unknown}, which no request is made for")
            name = "" if isinstance(sight, Invisible) else sight.maker
            if name in self._makers:
                makers[self._makers[name]] = None
        for maker in makers:
            yield from maker(context, change)


def is_decisive(change: ChangedDirective) -> bool:
    """Return True if both values read the same variables: then any request tells them apart that can."""
    return not change.other_variables()


def answers_of_block(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield the simplest request that reaches the block of a directive that decides every answer there."""
    for _side, directive in change.sides:
        base = next(context.bases(directive), None)
        if base is not None:
            yield base.witness(change.number)
