# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The entries of `map` and `geo` blocks that probes use, computed from their sources: nginx leaves no trace of them."""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import parse_qsl

from ansible_collections.failsafe.nginx.plugins.module_utils._common.server_names import NameTable
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import (
    compile_pattern,
    compile_server_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of

from .probe_requests import host_of, path_of

if t.TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place

_GEO_SETTINGS: t.Final = frozenset({"delete", "include", "proxy", "proxy_recursive", "ranges"})
#: Directives within the blocks that are no entries.
_MAP_SETTINGS: t.Final = frozenset({"hostnames", "volatile", "include"})


class MapBlock:
    """One `map` and its entries; `find` looks a value up as ngx_http_map_find() does."""

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.source = parse_template(directive.args[0])
        self.variable = directive.args[-1].lstrip("$").lower()
        self.entries = [entry for entry in directive.children if entry.name not in _MAP_SETTINGS]
        self._hostnames = any(child.name == "hostnames" for child in directive.children)
        self._exact: dict[str, Directive] = {}
        self._names: NameTable[Directive] = NameTable(compile_server_name)
        self._regexes: list[tuple[re.Pattern[str] | None, Directive]] = []
        self._default: Directive | None = None
        for entry in self.entries:
            self._add(entry)

    def _add(self, entry: Directive) -> None:
        key = entry.name
        if key == "default":
            self._default = entry
        elif key.startswith("~"):
            caseless = key.startswith("~*")
            self._regexes.append((compile_pattern(key[2 if caseless else 1 :], caseless=caseless), entry))
        else:
            key = key.removeprefix("\\").lower()
            self._exact.setdefault(key, entry)
            if self._hostnames:
                self._names.add(key, entry)

    def find(self, value: str) -> Directive | None:
        """Return the entry for a value; None without one, or where a regex cannot be matched here."""
        found = self._names.find_literal(value.removesuffix(".")) if self._hostnames else self._exact.get(value.lower())
        if found is not None:
            return found
        for pattern, entry in self._regexes:
            if pattern is None:
                return None
            if pattern.search(value):
                return entry
        return self._default


class GeoBlock:
    """One `geo` and its entries; `find` takes the longest network that holds an address (ngx_http_geo_module.c)."""

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.source = parse_template(directive.args[0] if len(directive.args) > 1 else "$remote_addr")
        self.variable = directive.args[-1].lstrip("$").lower()
        self.entries = [entry for entry in directive.children if entry.name not in _GEO_SETTINGS]
        #: With `proxy` the address comes from a header, with `ranges` entries have another form: neither is computed here.
        self._known = not any(directive.find("proxy", "ranges"))
        self._default = next((entry for entry in self.entries if entry.name == "default"), None)
        self._networks = [(network, entry) for entry in self.entries if (network := _network(entry.name))]

    def find(self, value: str) -> Directive | None:
        """Return the entry for an address; None without one, or where it is not computed here."""
        address = _network(value) if self._known else None
        if address is None:
            return None
        version, number = address.version, int(address.network_address)
        holding = [
            (network.prefixlen, position)
            for position, (network, _entry) in enumerate(self._networks)
            if network.version == version and int(network.network_address) <= number <= int(network.broadcast_address)
        ]
        return self._networks[max(holding)[1]][1] if holding else self._default


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


class MapUsage:
    """The maps of one configuration, and the entries of them that probes use."""

    def __init__(self, config: Config) -> None:
        self.maps: list[MapBlock | GeoBlock] = []
        readers: dict[str, set[Place | None]] = {}
        for http in config.http():
            for directive in walk(http.block or ()):
                if directive.name == "map" and directive.block is not None and len(directive.args) > 1:
                    self.maps.append(MapBlock(directive))
                elif directive.name == "geo" and directive.block is not None and directive.args:
                    self.maps.append(GeoBlock(directive))
                # The last argument of a map is the variable that it defines.
                args = directive.args[:-1] if directive.name in ("map", "geo") else directive.args
                for text in (directive.name, *args):
                    for name in variables_of(text) if "$" in text else ():
                        readers.setdefault(name, set()).add(_reader(directive))
        self._readers = {each.variable: readers.get(each.variable, set()) for each in self.maps}

    def used(self, probes: Sequence[Probe], passed: Sequence[frozenset[Place]]) -> set[int]:
        """Return the `id()` of the entries that probes use.

        Args:
            probes: the requests.
            passed: for each of them the blocks that it passed.
        """
        found: set[int] = set()
        for each in self.maps:
            readers = self._readers[each.variable]
            values: set[str] = set()
            for probe, places in zip(probes, passed, strict=True):
                if None in readers or readers & places:
                    value = _source(each, probe)
                    if value is not None:
                        values.add(value)
            found.update(id(entry) for entry in map(each.find, values) if entry is not None)
        return found


def _reader(directive: Directive) -> Place | None:
    """Return the block whose requests evaluate a directive; None for requests of every block."""
    parent = directive.parent
    while parent is not None and parent.name not in ("server", "location", "if"):
        if parent.name in ("map", "geo"):
            return None
        parent = parent.parent
    return parent.place if parent is not None else None


def _source(table: MapBlock | GeoBlock, probe: Probe) -> str | None:
    values = [part.literal or (_value(probe, part.variable) if part.variable else None) for part in table.source]
    return None if None in values else "".join(filter(None, values))


def _value(probe: Probe, name: str) -> str | None:
    """Return a variable that the request alone determines; None for any other."""
    reader = _KNOWN.get(name)
    if reader is not None:
        return reader(probe)
    kind, _sep, rest = name.partition("_")
    if kind == "http" and rest:
        wanted = rest.replace("_", "-")
        return ", ".join(value for key, value in probe.headers if key.lower() == wanted)
    if kind == "arg" and rest:
        pairs = parse_qsl(_query(probe), keep_blank_values=True)
        return next((value for key, value in pairs if key.lower() == rest), "")
    if kind == "cookie" and rest:
        return next((value for key, value in _cookies(probe) if key.lower() == rest), "")
    return None


def _query(probe: Probe) -> str:
    return probe.target.partition("?")[2]


def _cookies(probe: Probe) -> Iterator[tuple[str, str]]:
    for key, value in probe.headers:
        if key.lower() == "cookie":
            for pair in value.split(";"):
                name, _sep, content = pair.strip().partition("=")
                yield name, content


#: Variable -> its value for a request.
_KNOWN: t.Final[dict[str, t.Callable[[Probe], str]]] = {
    "uri": path_of,
    "document_uri": path_of,
    "request_uri": lambda probe: probe.target,
    "args": _query,
    "query_string": _query,
    "host": host_of,
    "http_host": lambda probe: probe.host or "",
    "request_method": lambda probe: probe.method,
    "scheme": lambda probe: "https" if probe.listen.ssl else "http",
    "https": lambda probe: "on" if probe.listen.ssl else "",
    "server_port": lambda probe: str(probe.listen.port or ""),
    "remote_addr": lambda probe: probe.client or "",
    "ssl_server_name": lambda probe: probe.sni or "",
}
