# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests for a value that reads other variables than before: they make these variables differ."""

from __future__ import annotations

import re
import typing as t
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import OWN_HOST
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import apply, default_values, direct

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import SideName
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import Spot

#: Variables that a differently written request tells apart (src/http/ngx_http_variables.c): the host as it was sent and as nginx
#: reads it, the path as sent and as read, the arguments, the client and the clients that a proxy names, the method, the body.
_TOLD: t.Final = frozenset(
    {
        *("host", "http_host", "server_name", "uri", "document_uri", "request_uri", "request", "request_filename"),
        *("args", "query_string", "is_args", "remote_addr", "realip_remote_addr", "http_x_forwarded_for"),
        *("proxy_add_x_forwarded_for", "http_x_real_ip", "http_x_forwarded_proto", "http_x_forwarded_host"),
        *("request_method", "content_type", "content_length", "document_root", "realpath_root", "fastcgi_script_name"),
        # These differ between the kinds of sockets, and each is asked.
        *("scheme", "https", "server_port", "server_addr", "remote_port", "nginx_version", "hostname", "pid"),
    }
)
_CLIENT: t.Final = "203.0.113.7"
_FORWARDED: t.Final = (
    ("X-Forwarded-For", _CLIENT),
    ("X-Real-IP", _CLIENT),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "forwarded.invalid"),
)
_FORM: t.Final = (("Content-Type", "application/x-www-form-urlencoded"),)
_LETTER: t.Final = re.compile(r"[A-Za-z0-9](?=[^A-Za-z0-9]*$)")
_MOST: t.Final = 40


def written_otherwise(spot: Spot) -> Iterator[Draft]:
    """Yield the request as it is, as another client writes it, and with each value of the variables that the value reads."""
    yield spot.draft
    yield _otherwise(spot.draft, spot)
    yield spot.draft._replace(method="POST", headers=(*spot.draft.headers, *_FORM), body="x=1", why="a form")
    for name in sorted(spot.change.other_variables()):
        yield from islice(with_values(spot.context, spot.base.side, spot.draft, name), _MOST)


def unknown_variable(context: WitnessContext, change: ChangedDirective) -> str:
    """Return a variable that the value reads and that no request is made for; "" without one."""
    for name in sorted(change.other_variables()):
        known = any(name in side.flow.tables for side in context.sides.values())
        if not known and name not in _TOLD and not default_values(name):
            return name
    return ""


def with_values(context: WitnessContext, side: SideName, draft: Draft, name: str) -> Iterator[Draft]:
    """Yield a request with each value that a client can give to a variable."""
    flow = context.sides[side].flow
    choices = list(flow.choices(name, {})) if name in flow.tables else []
    choices += [made for value in default_values(name) if (made := direct(name, value))]
    for choice in choices:
        sent = apply(draft, choice)
        if sent is not None:
            yield sent._replace(why=f"${name} has a value, {draft.why}")


def _otherwise(draft: Draft, spot: Spot) -> Draft:
    """Return a request that nginx reads as the same one: a letter of the path encoded, the host in capitals, proxies named."""
    path, _mark, query = draft.target.partition("?")
    letter = _LETTER.search(path) if "%" not in path else None
    coded = f"{path[: letter.start()]}%{ord(letter[0]):02X}{path[letter.end() :]}" if letter else f"/.{path}"
    host = next((name for name in reversed(spot.base.server.names) if re.fullmatch(r"[a-z0-9.-]+", name)), "")
    return draft._replace(
        target=f"{coded}?{query or 'x=1&y=%2F'}",
        host=host.upper() if host and draft.host == OWN_HOST else draft.host,
        headers=(*draft.headers, *_FORWARDED),
        why=f"written otherwise, {draft.why}",
    )
