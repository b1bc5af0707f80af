# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses for `server_name`: hosts that only one configuration gives to the server."""

from __future__ import annotations

import re
import typing as t
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, is_host
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.plan import Unwitnessed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.probed_config import WitnessRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.domains import HOST
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.pattern_pairs import (
    Regex,
    contrast,
    string_between,
    texts_of,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import SideName
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

#: A wildcard certificate's customers may have thousands of names.
_MOST: t.Final = 200
_FEW: t.Final = 8
_RIVALS: t.Final = 20
_LABELS: t.Final = ("www", "x", "a.b")
_TAILS: t.Final = ("com", "test", "co.uk")


def names(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield a request for each host that a name stands for that was added or removed, by the server that has it."""
    old, new = _names(change.before), _names(change.after)
    found = False
    for side, directive in change.sides:
        server = context.server_of(directive)
        own, other = (new, old) if side == "after" else (old, new)
        changed = [name for name in own if name not in other] or own[:1]
        if server is None:
            continue
        shared = _shared(changed, _rivals(context, side, server))
        for host in islice((*hosts_of(changed, other), *shared), _MOST):
            found = True
            yield WitnessRequest(change.number, side, server, Draft("/", f"the host {host}", directive, host=host))
    if not found:
        yield Unwitnessed(change.number, "no host was found that the name stands for")


def servers(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield a request for each host that a server which came, went or moved takes from another one, or loses to it.

    Of two names that stand for one host an exact one decides, then the longest wildcard, then the first regex
    (ngx_http_find_virtual_server()).
    """
    for side, directive in change.sides:
        server = context.server_of(directive)
        if server is None or directive.name != "server":
            continue
        for host in islice(_shared(server.names, _rivals(context, side, server)), _MOST):
            yield WitnessRequest(change.number, side, server, Draft("/", f"the host {host}", directive, host=host))


def _rivals(context: WitnessContext, side: SideName, server: Server) -> dict[str, None]:
    """Return the names of the other servers."""
    others = (each for each in context.sides[side].router.servers if each is not server)
    return dict.fromkeys(name for each in others for name in each.names)


def _shared(names: Iterable[str], rivals: Iterable[str]) -> Iterator[str]:
    """Yield hosts that a pattern of the first names stands for, and one of the others."""
    patterns = [each for each in map(_pattern, islice(names, _FEW)) if each is not None]
    others = [each for each in map(_pattern, rivals) if each is not None]
    for pattern in patterns:
        for other in islice((each for each in others if each != pattern), _RIVALS):
            host = string_between((pattern, other), (), HOST, steps=20_000)
            if isinstance(host, str) and is_host(host):
                yield host


def _pattern(name: str) -> Regex | None:
    """Return the pattern of a name that stands for several hosts; None for others."""
    if name.startswith("~"):
        return Regex(name[1:], caseless=True)
    if name.startswith("*."):
        return Regex(rf".{re.escape(name[1:])}$", caseless=True)
    if name.endswith(".*"):
        return Regex(f"^{re.escape(name[:-1])}.", caseless=True)
    return Regex(rf"(?:^|.){re.escape(name)}$", caseless=True) if name.startswith(".") else None


def _names(directive: Directive | None) -> list[str]:
    return [] if directive is None else [name if name.startswith("~") else name.lower() for name in directive.args]


def hosts_of(names: Iterable[str], other: Iterable[str]) -> Iterator[str]:
    """Yield hosts that names stand for; of a regex first those that no regex of the other names matches."""
    expressions = [Regex(each[1:], caseless=True) for each in other if each.startswith("~")]
    seen: dict[str, None] = {}
    for name in names:
        for host in _hosts(name, expressions):
            if host not in seen and is_host(host):
                seen[host] = None
                yield host


def _hosts(name: str, expressions: list[Regex]) -> Iterator[str]:
    if name.startswith("~"):
        regex = Regex(name[1:], caseless=True)
        for each in expressions:
            yield from contrast(each, regex, HOST).texts
        yield from texts_of(regex, HOST)
    elif name.startswith("*."):
        yield from (f"{label}{name[1:]}" for label in _LABELS)
    elif name.endswith(".*"):
        yield from (f"{name[:-1]}{tail}" for tail in _TAILS)
    elif name.startswith("."):
        yield name[1:]
        yield f"www{name}"
    elif name:
        yield host_of(name) or name
