# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Error pages: whether an answer is the page that a configuration has for refused requests, not what was refused."""

from __future__ import annotations

import typing as t

from .outcome_diff import missing_files

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope

    from .sides import ServedBy


def is_error_page(scopes: Mapping[Place, Scope], served: ServedBy, outcome: ProbeOutcome, refusal: int) -> bool:
    """Return True if an error page for a refusal answers.

    nginx goes to the page by an internal redirect (ngx_http_special_response_handler()), so the request passed the block
    that refused it and ended in the page's one.

    Args:
        scopes: the blocks of the configuration by place.
        served: the blocks that the request passed.
        outcome: of the request.
        refusal: the status of the refusal.
    """
    if served.block is None:
        return False
    server = next(
        (scopes[block.place] for block in served.path if block.kind == "server" and block.place in scopes), None
    )
    if server is None:
        return False
    for block in served.path:
        scope = scopes.get(block.place)
        for target in _pages(scope, refusal) if scope is not None else ():
            place = _place_of(server, target)
            if place == served.block.place and (
                place != block.place or any(path.endswith(target) for path in missing_files(outcome))
            ):
                return True
    return False


def page_places(scopes: Iterable[Scope]) -> frozenset[Place]:
    """Return the places of the locations that answer an error page of their server."""
    found: set[Place] = set()
    for scope in scopes:
        server = scope
        while server.location is not None and server.parent is not None:
            server = server.parent
        for page in scope.effective("error_page"):
            place = _place_of(server, page.args[-1]) if "$" not in page.args[-1] else None
            found.update([place] if place is not None else [])
    return frozenset(found)


def _pages(scope: Scope, status: int) -> Iterator[str]:
    """Yield the fixed targets of the error pages of a block for a status."""
    for page in scope.effective("error_page"):
        if str(status) in page.args[:-1] and "$" not in page.args[-1]:
            yield page.args[-1]


def _place_of(server: Scope, target: str) -> Place | None:
    """Return the place of the block that answers a page; None for a URL, and where the URI of the request is kept.

    A named location keeps the URI (ngx_http_named_location()). With a handler, or without a `return`, it serves what was
    asked for, so that the refusal is undone.
    """
    if target.startswith("@"):
        named = server.locations.named.get(target)
        if named is None or not any(each.name == "return" for each in named.scope.program):
            return None
        return named.scope.directive.place
    if not target.startswith("/"):
        return None
    found = server.locations.find(target.partition("?")[0])
    if not found.certain:
        return None
    return server.directive.place if found.location is None else found.location.scope.directive.place
