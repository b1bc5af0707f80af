# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find lists of settings that a block replaces where its author meant to add to them.

nginx takes all of `add_header`, `proxy_set_header` or `fastcgi_param` from the block around, or none of it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import shared
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Related

    from .blocks import ConfigBlock

_ADDING: t.Final = ("add_header", "add_trailer")
_PASSING: t.Final = ("proxy_set_header", "grpc_set_header")
_PARAMETERS: t.Final = ("fastcgi_param", "uwsgi_param", "scgi_param")
_NESTED: t.Final = ("server", "location", "if", "limit_except")
_SECURITY: t.Final = frozenset(
    {
        *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
        *("referrer-policy", "permissions-policy", "cross-origin-opener-policy", "cross-origin-embedder-policy"),
        "cross-origin-resource-policy",
    }
)
_PROXY: t.Final = frozenset({"host", "forwarded", "x-real-ip", "authorization"})
_GATEWAY: t.Final = frozenset({"script_filename", "request_method", "query_string"})
#: Directives of answers that show no page: these answers need no security headers.
_ANSWERS: t.Final = ("return", "deny", "internal", "empty_gif")
_SHOWN: t.Final = 8

#: What is lost: headers that protect a page, headers or parameters that an upstream needs, or others.
LossKind = t.Literal["security", "proxy", "gateway", "other"]


class LostSettings(t.NamedTuple):
    """Inherited settings that a block drops by having its own."""

    kind: LossKind
    #: The block's first own directive.
    first: Directive
    block: ConfigBlock
    lost: list[Directive]

    @property
    def message(self) -> str:
        """The message of a finding at `first`."""
        outer = self.lost[0].parent
        around = outer.name if outer is not None else "main"
        names = ", ".join(dict.fromkeys(each.args[0] for each in self.lost))
        return (
            f"this {self.block.name} has its own {self.first.name}, so nginx takes none of the {around} block's: "
            f"{names} {_effect(self.first.name)}; repeat them here, best by an include of one snippet in both places"
        )

    @property
    def related(self) -> list[Related]:
        """The lines that do not reach the block."""
        shown = self.lost[:_SHOWN]
        places = {
            each.place: related(f"{each.args[0]} does not reach the {self.block.name}", each.place) for each in shown
        }
        return list(places.values())


@shared
def lost_settings(context: Context) -> list[LostSettings]:
    """Return every list of settings that a block drops, at most one per block and directive."""
    return [found for block in context.blocks_named(*_NESTED) for found in _of_block(block)]


def _of_block(block: ConfigBlock) -> Iterator[LostSettings]:
    if block.parent is None:
        return
    for name in (*_ADDING, *_PASSING, *_PARAMETERS):
        own = block.own.get(name)
        if own is None:
            continue
        inherited = block.parent.effective(name)
        if not inherited or (name in _ADDING and block.value(f"{name}_inherit", "on") != "on"):
            continue
        kept = {each.args[0].lower() for each in own if each.args}
        lost = {each.args[0].lower(): each for each in inherited if each.args and each.args[0].lower() not in kept}
        if lost:
            yield LostSettings(_kind(name, lost, block), own[0], block, list(lost.values()))


def _kind(name: str, lost: dict[str, Directive], block: ConfigBlock) -> LossKind:
    if name in _ADDING:
        answers = block.name == "if" or any(each in block.own for each in _ANSWERS)
        return "security" if lost.keys() & _SECURITY and not answers else "other"
    if name in _PASSING:
        needed = any(each in _PROXY or each.startswith("x-forwarded-") for each in lost)
        return "proxy" if needed else "other"
    return "gateway" if lost.keys() & _GATEWAY else "other"


def _effect(name: str) -> str:
    if name in _ADDING:
        return "is missing in its answers" if name == "add_header" else "is missing in its trailers"
    return "is not sent to the upstream as set there"
