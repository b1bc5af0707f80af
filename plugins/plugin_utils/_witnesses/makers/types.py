# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses for `types` and `default_type`: a file of each extension that gets another content type, in a static location."""

from __future__ import annotations

import typing as t
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, target_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.plan import Unwitnessed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.probed_config import WitnessRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.server_probes import all_locations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.counterparts import server_there

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbedConfig, SideName
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

#: Extensions that pages are made of: they are asked for first.
_WEB: t.Final = (
    *(
        "css",
        "js",
        "html",
        "svg",
        "woff2",
        "json",
        "png",
        "jpg",
        "mjs",
        "webp",
        "ico",
        "txt",
        "xml",
        "pdf",
        "wasm",
        "mp4",
    ),
    *("woff", "gif", "webmanifest", "map"),
)
_EXTENSIONS: t.Final = 16
#: Places of one change that get so many; a snippet that stands in more gets `_FEW` in each of the others.
_PLACES: t.Final = 4
_FEW: t.Final = 2
_SERVERS: t.Final = 3
#: What nginx knows where no `types` is written (ngx_http_core_default_types in src/http/ngx_http_core_module.c).
_BUILT_IN: t.Final = {"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}
_DEFAULT_TYPE: t.Final = "text/plain"
_NOTHING: t.Final = "nxt"


def types(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield files whose content type is another one in the other configuration, in each of a few static locations."""
    side, directive = change.nearest
    found = False
    most = _EXTENSIONS if context.turn(change.number) < _PLACES else _FEW
    for server in islice(_servers(context, side, directive), _SERVERS):
        there = server_there(context, side, server)
        for start, scope in islice(_static(server, context.location_of(directive)), _SERVERS):
            own = content_types(context.sides[side], scope)
            other = own if there is None else content_types(_other(context, side), _same(there, scope))
            for extension in changed_extensions(own, other)[:most]:
                target = target_of(f"{start}x.{extension}")
                if target is not None and _is_static(server, target):
                    found = True
                    draft = Draft(target, f"a file of type {extension}", directive)
                    yield WitnessRequest(change.number, side, server, draft)
    if not found:
        yield Unwitnessed(change.number, "no location was found that hands out a file of a changed type")


def changed_extensions(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the extensions with another content type, usual ones first; `""` in a table is its default type.

    An extension that no table has stands for the default type.
    """
    left, right = (each.get("", _DEFAULT_TYPE) for each in (one, other))
    every = dict.fromkeys((*_WEB, *one, *other))
    found = [each for each in every if each and one.get(each, left) != other.get(each, right)]
    named = [each for each in found if each in one or each in other]
    return named + ([_NOTHING] if left != right else [])


def content_types(probed: ProbedConfig, scope: Scope) -> dict[str, str]:
    """Return extension -> content type where a block hands out files; the key `""` holds the default type."""
    blocks = probed.settings.effective(scope, "types")
    default = probed.settings.effective(scope, "default_type")
    found = dict(_BUILT_IN) if not blocks else {}
    for block in blocks:
        for entry in block.children:
            found.update(dict.fromkeys((each.lower() for each in entry.args), entry.name))
    found[""] = default[-1].args[0] if default and default[-1].args else _DEFAULT_TYPE
    return found


def _other(context: WitnessContext, side: SideName) -> ProbedConfig:
    return context.sides["before" if side == "after" else "after"]


def _same(server: Server, scope: Scope) -> Scope:
    location = scope.location
    for each in all_locations(server.scope) if location is not None else ():
        if each.name == t.cast("Location", location).name and each.modifier == t.cast("Location", location).modifier:
            return each.scope
    return server.scope


def _servers(context: WitnessContext, side: SideName, directive: Directive) -> Iterable[Server]:
    server = context.server_of(directive)
    return [server] if server is not None else context.sides[side].router.servers


def _static(server: Server, only: Location | None) -> Iterator[tuple[str, Scope]]:
    """Yield the beginning of a path and its scope for each place of a server that hands out files."""
    if only is None and _hands_out(server.scope):
        yield "/", server.scope
    for location in all_locations(server.scope):
        inside = only is None or location is only
        if inside and location.modifier in ("", "^~") and location.name.startswith("/") and _hands_out(location.scope):
            yield location.name if location.name.endswith("/") else f"{location.name}/", location.scope


def _hands_out(scope: Scope) -> bool:
    return scope.handler is None and not scope.internal and not any(each.name == "return" for each in scope.program)


def _is_static(server: Server, uri: str) -> bool:
    found = server.scope.locations.find(uri)
    return found.certain and (found.location is None or _hands_out(found.location.scope))
