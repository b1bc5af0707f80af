# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Nondeterminism of a configuration: directives whose effect differs from request to request.

Two runs of the old configuration detect most of it. A `split_clients` of two parts may give both runs the same.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

#: Variables that differ from request to request (ngx_http_variables.c, ngx_http_ssi_filter_module.c, ngx_http_upstream.c).
_VOLATILE: t.Final = frozenset(
    {
        *(
            "request_id",
            "connection",
            "connection_requests",
            "connection_time",
            "msec",
            "pid",
            "remote_port",
            "request_time",
        ),
        *(
            "time_iso8601",
            "time_local",
            "date_local",
            "date_gmt",
            "proxy_protocol_port",
            "bytes_sent",
            "request_length",
        ),
        *("upstream_addr", "upstream_connect_time", "upstream_header_time", "upstream_response_time"),
        *(
            "ssl_session_id",
            "ssl_session_reused",
            "tcpinfo_rtt",
            "tcpinfo_rttvar",
            "tcpinfo_snd_cwnd",
            "tcpinfo_rcv_space",
        ),
    }
)
_VARIABLE: t.Final = re.compile(r"\$\{?(\w+)")
#: Directives that define a variable by others: name -> index of the argument that is the variable.
_MAKERS: t.Final = {"map": 1, "split_clients": 1, "set": 0, "auth_request_set": 0}
#: Directives that are nondeterministic by themselves.
_ITSELF: t.Final = frozenset({"random_index", "userid"})
_AROUND: t.Final = ("server", "location", "if")
#: Directives that set one header or parameter; any other may change the whole outcome.
_FIELDS: t.Final = {
    "add_header": "header",
    "proxy_set_header": "upstream header",
    "grpc_set_header": "upstream header",
    "fastcgi_param": "upstream param",
    "uwsgi_param": "upstream param",
    "scgi_param": "upstream param",
}
#: Any difference.
ANY: t.Final = "*"


class Nondeterminism:
    """The blocks of a configuration whose requests have nondeterministic outcomes.

    Args:
        config: the configuration; with None there are no such blocks.
    """

    def __init__(self, config: Config | None) -> None:
        self._names = set(_VOLATILE)
        self._blocks: dict[Place, set[str]] = {}
        #: Fields of directives in `http`, which every block inherits.
        self._everywhere: set[str] = set()
        if config is None:
            return
        directives = [each for http in config.http() for each in walk(http.block or ())]
        self._spread([each for each in directives if each.name in _MAKERS and len(each.args) > _MAKERS[each.name]])
        for directive in directives:
            if self._varies(directive):
                self._file(directive)

    def fields(self, path: Iterable[Block]) -> set[str]:
        """Return the nondeterministic fields of requests through these blocks.

        Returns:
            Names as of `outcome_diff.differences`, or `ANY`.
        """
        places = (place for block in path for place in (block.place, *block.around))
        return self._everywhere.union(*(self._blocks.get(place, ()) for place in places))

    def _spread(self, makers: list[Directive]) -> None:
        """Add the variables that are defined by nondeterministic ones, until none is new."""
        known = 0
        while known != len(self._names):
            known = len(self._names)
            for maker in makers:
                entries = [arg for child in maker.block or () for arg in child.args]
                if self._used([*maker.args, *entries]):
                    self._names.add(maker.args[_MAKERS[maker.name]].lstrip("$").lower())

    def _used(self, words: Iterable[str]) -> bool:
        return any(name.lower() in self._names for word in words for name in _VARIABLE.findall(word))

    def _varies(self, directive: Directive) -> bool:
        if directive.name in ("map", "split_clients", "access_log", "log_format"):
            return False
        if directive.name in _ITSELF:
            return directive.args[:1] != ["off"]
        if directive.name == "expires" and any(word.startswith("@") for word in directive.args):
            return True
        return self._used(directive.args)

    def _file(self, directive: Directive) -> None:
        block = directive if directive.name == "if" else directive.parent
        while block is not None and block.name not in _AROUND:
            block = block.parent
        kind = _FIELDS.get(directive.name)
        field = f"{kind} {directive.args[0].lower()}" if kind and not self._used(directive.args[:1]) else ANY
        (self._everywhere if block is None else self._blocks.setdefault(block.place, set())).add(field)
