# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The authorisation requests of a configuration: what `auth_request` makes nginx ask which upstream."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk

from .sides import spellings

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive


def auth_requests(config: Config | None) -> set[tuple[str, str]]:
    """Return upstream peer and URI of the requests that `auth_request` makes; `*` stands for any.

    Where no location has exactly the name that `auth_request` gives, the request is known by its URI alone: a prefix
    location passes it on unchanged.
    """
    uris: set[str] = set()
    passes: dict[str, list[tuple[str, str]]] = {}
    for directive in walk(config.root) if config else ():
        if directive.name == "auth_request" and directive.args[:1] not in ([], ["off"]):
            uris.add(directive.args[0].partition("?")[0])
        elif directive.name.endswith("_pass") and directive.args and directive.parent is not None:
            name = directive.parent.args[-1] if directive.parent.name == "location" and directive.parent.args else ""
            passes.setdefault(name, []).append(_target(directive))
    found: set[tuple[str, str]] = set()
    for uri in uris:
        if uri not in passes:
            found.add(("*", uri))
        for host, path in passes.get(uri, ()):
            # A variable in the address may stand for any host; the URI tells the request all the same.
            for peer in ("*",) if "$" in host else (host, *_peers(config, host)):
                found.update((name, path or uri) for name in spellings(peer))
    return found


def _target(directive: Directive) -> tuple[str, str]:
    """Return host and path that a `*_pass` directive names; `*` for a path with variables."""
    address = directive.args[0].partition("://")[2] or directive.args[0]
    if address.startswith("unix:"):
        return address, ""
    host, slash, path = address.partition("/")
    return host, "*" if "$" in path else slash + path


def _peers(config: Config | None, name: str) -> Iterator[str]:
    for directive in walk(config.root) if config else ():
        if directive.name == "upstream" and directive.args == [name]:
            for server in directive.find("server"):
                yield from server.args[:1]
