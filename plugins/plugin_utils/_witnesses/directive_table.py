# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The table from each directive to how its value is seen: in any answer, in that of a request made for it, or in none."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._crossplane import DATA_BLOCKS

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive


@dataclass(frozen=True)
class Answer:
    """The value decides every answer of the block in which it is effective: any request that ends there is a witness."""


@dataclass(frozen=True)
class ByRequest:
    """The value decides some requests only; a maker of `registry.py` finds such a request."""

    maker: str


@dataclass(frozen=True)
class Invisible:
    """No single response shows the value.

    Attributes:
        kind: one word that reports group by.
        reason: why, in one sentence.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class Unexercised:
    """A request could show the value, but none is made for it."""

    reason: str


Sight = Answer | ByRequest | Invisible | Unexercised

ANSWER: t.Final = Answer()
_LOGGING: t.Final = Invisible("logging", "it decides what is logged")
_TIMEOUTS: t.Final = Invisible("timeouts", "requests are answered at once")

TABLE: t.Final[dict[str, Sight]] = {
    **dict.fromkeys(("return", "proxy_pass", "add_header", "root", "alias", "server", "location"), ANSWER),
    **dict.fromkeys(("access_log", "error_log"), _LOGGING),
    **dict.fromkeys(("proxy_read_timeout", "proxy_connect_timeout"), _TIMEOUTS),
}
#: Block -> how a change of one of its entries can be seen.
ENTRIES: t.Final[dict[str, Sight]] = {}

_FOREIGN: t.Final = Unexercised("a directive of another module")


def sight_of(directive: Directive) -> Sight:
    """Return how a changed directive can be seen; the entry of a data block is seen as its block says."""
    parent = directive.parent
    if parent is not None and parent.name in DATA_BLOCKS:
        return ENTRIES.get(parent.name, _FOREIGN)
    return TABLE.get(directive.name, _FOREIGN)
