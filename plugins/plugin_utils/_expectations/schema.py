# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The schema of `routes.yml`: its keys, read into cases, accepted changes and the edge."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import math
import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, StubAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import CLASSES, AcceptEntry, is_key
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .cases import BUILT_IN, Case, RouteRequest, WrittenRequest, make_request
from .then_section import read_then

if t.TYPE_CHECKING:
    import yaml

    from .yaml_document import Document

TOP: t.Final = ("edge", "expect", "accept")
CASE: t.Final = ("name", "request", "each", "answers", "then")
REQUEST: t.Final = (
    *("url", "scheme", "host", "port", "path", "method", "headers", "client", "body", "version", "sni", "address"),
    "follow",
)
ANSWER: t.Final = ("upstream", "status", "headers", "body", "delay", "down")
EDGE: t.Final = ("names", "tls", "to", "headers")
ACCEPT: t.Final = ("key", "class", "server", "location", "until", "reason")
#: Fields that may be lists: a case has a request for each combination.
_LISTS: t.Final = ("url", "scheme", "host", "port", "path", "method", "client", "body", "version", "sni", "address")
_VERSIONS: t.Final = ("1.0", "1.1", "2")
_MOST: t.Final = 10_000
_SECONDS: t.Final = 60

TOP_HINTS: t.Final = {"tests": "expect", "expectations": "expect", "cases": "expect", "accepted": "accept"}
CASE_HINTS: t.Final = {
    "test_name": "name",
    "input": "request",
    "when": "request",
    "validate": "then",
    "stub": "answers",
    "with": "each",
}
REQUEST_HINTS: t.Final = {
    "authority": "host",
    "uri": "path",
    "ssl": "scheme: https",
    "additional_headers": "headers",
    "cookies": "headers: {Cookie: ...}",
}


class RoutesFileReader:
    """Read one document into cases, accepted changes and the edge."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.cases: list[Case] = []
        self.accept: list[AcceptEntry] = []
        self.edge: list[EdgeEntry] = []
        self._count = 0
        self._names: dict[str, int] = {}
        top = document.mapping(document.root, "the file", TOP, TOP_HINTS)
        for node in document.sequence(top["edge"], "edge") if "edge" in top else ():
            self._read_edge(node)
        for node in document.sequence(top["expect"], "expect") if "expect" in top else ():
            self._read_case(node)
        for node in document.sequence(top["accept"], "accept") if "accept" in top else ():
            self._read_accept(node)
        document.refuse_faults()

    # -- expect

    def _read_case(self, node: yaml.Node) -> None:
        document = self.document
        known = document.mapping(node, "a case of expect", CASE, CASE_HINTS)
        missing = [field for field in ("name", "request", "then") if field not in known]
        if missing:
            document.fault(node, f"{missing[0]} is missing: a case says name, request and then")
            return
        name = document.text(known["name"], "name")
        line = document.place(known["name"]).line
        if self._names.setdefault(name, line) != line:
            document.fault(known["name"], f'"{name}" is the name of the case in line {self._names[name]} as well')
        each = self._each(known["each"]) if "each" in known else {}
        requests = self._requests(known["request"], each)
        allowed = (*BUILT_IN, *each)
        then = read_then(document, known["then"], allowed)
        answers = self._answers(known["answers"]) if "answers" in known else ()
        self.cases.append(Case(name, document.place(node), tuple(requests), then, answers))

    def _each(self, node: yaml.Node) -> dict[str, list[str]]:
        document = self.document
        found: dict[str, list[str]] = {}
        for name, values in document.table(node, "each").items():
            if not name.isidentifier():
                document.fault(values, f'"{name}" is no name that can stand in braces')
            found[name] = [document.text(value, f"each {name}") for value in document.items(values, f"each {name}")]
        return found

    def _requests(self, node: yaml.Node, each: dict[str, list[str]]) -> list[RouteRequest]:
        document = self.document
        known = document.mapping(node, "a request", REQUEST, REQUEST_HINTS)
        if "url" not in known and "host" not in known:
            document.fault(node, "a request has a url, or a host and a path")
        for field in ("scheme", "port", "path") if "url" in known else ():
            if field in known:
                document.fault(known[field], f"{field} is a part of the url: write one of them")
        fields: dict[str, list[str]] = {name: self._values(known[name], name) for name in _LISTS if name in known}
        headers = self._headers(known["headers"], "headers") if "headers" in known else {}
        follow = document.flag(known["follow"], "follow") if "follow" in known else None
        if document.faults:
            return []
        return self._product(node, WrittenRequest(headers=tuple(headers.items()), follow=follow), fields, each)

    def _product(
        self, node: yaml.Node, common: WrittenRequest, fields: dict[str, list[str]], each: dict[str, list[str]]
    ) -> list[RouteRequest]:
        document = self.document
        self._count += math.prod(len(values) for values in (*fields.values(), *each.values()))
        if self._count > _MOST:
            raise RouteError(f"{document.place(node)}: that makes more than {_MOST} requests in all")
        found: dict[RouteRequest, None] = {}
        for chosen in itertools.product(*fields.values()):
            texts = dict(zip(fields, chosen, strict=True))
            written = WrittenRequest(headers=common.headers, follow=common.follow, **texts)
            for values in itertools.product(*each.values()):
                try:
                    request = make_request(written, dict(zip(each, values, strict=True)))
                except RouteError as error:
                    document.fault(node, str(error))
                    return []
                if request in found and not each:
                    document.fault(node, f"{request.line} is asked twice here")
                found.setdefault(request)
        return list(found)

    def _values(self, node: yaml.Node, name: str) -> list[str]:
        document = self.document
        values = []
        for item in document.items(node, name):
            text = document.text(item, name)
            values.append(text)
            if name == "version" and text not in _VERSIONS:
                document.fault(item, f"version has to be one of {', '.join(_VERSIONS)}")
            elif name == "port" and not (text.isdigit() and 0 < int(text[:6]) <= 65535):  # noqa: PLR2004 -- RFC 9293
                document.fault(item, f'"{text}" is no port')
            elif name == "client" and "{" not in text and not _is_address(text):
                document.fault(item, f'client has to be an address such as 203.0.113.7, not "{text}"')
        return values

    def _headers(self, node: yaml.Node, what: str) -> dict[str, str]:
        return {
            name: self.document.text(value, f"{what}: {name}")
            for name, value in self.document.table(node, what).items()
        }

    def _answers(self, node: yaml.Node) -> tuple[StubAnswer, ...]:
        document = self.document
        found = []
        for item in document.items(node, "answers"):
            known = document.mapping(item, "an answer", ANSWER, {"target": "upstream"})
            headers = self._headers(known["headers"], "headers") if "headers" in known else {}
            found.append(
                StubAnswer(
                    document.text(known["upstream"], "upstream") if "upstream" in known else "*",
                    document.number(known["status"], "status", 100, 599) if "status" in known else 200,
                    headers=[[name, value] for name, value in headers.items()],
                    body=document.text(known["body"], "body") if "body" in known else "",
                    delay=document.number(known["delay"], "delay", 0, _SECONDS) if "delay" in known else 0,
                    down=document.flag(known["down"], "down") if "down" in known else False,
                )
            )
        return tuple(found)

    # -- accept and edge

    def _read_accept(self, node: yaml.Node) -> None:
        document = self.document
        known = document.mapping(node, "an accepted change", ACCEPT, {"expires": "until", "block": "location"})
        if "key" in known:
            self._read_accepted_key(node, known)
            return
        for field in ("class", "until"):
            if field not in known:
                document.fault(node, f"{field} is missing: an accepted change has a class, and a day until which it is")
                return
        day = self._until(known["until"])
        server, location, reason = (
            document.text(known[field], field) if field in known else None for field in ("server", "location", "reason")
        )
        place = document.place(node)
        for item in document.items(known["class"], "class"):
            name = document.text(item, "class")
            if name not in CLASSES:
                document.fault(item, f'there is no class "{name}", the classes are: {", ".join(CLASSES)}')
            elif day is not None:
                entry = AcceptEntry(name, server, location, day, reason, place.file, place.line)
                self.accept.append(entry)

    def _read_accepted_key(self, node: yaml.Node, known: dict[str, yaml.Node]) -> None:
        document = self.document
        for field in ("until", "reason"):
            if field not in known:
                document.fault(node, f"{field} is missing: with a key stand a reason and a day until which it counts")
                return
        for field in ("class", "server", "location"):
            if field in known:
                document.fault(known[field], f"{field} does not stand with a key, which names one group")
        day, reason = self._until(known["until"]), document.text(known["reason"], "reason").strip()
        if not reason:
            document.fault(known["reason"], "the reason is empty")
        place = document.place(node)
        for item in document.items(known["key"], "key"):
            key = document.text(item, "key")
            if not is_key(key):
                document.fault(
                    item, f'"{key}" is no key; a key stands below each group of a report, such as lost-3f9a1c2b4d'
                )
            elif day is not None:
                entry = AcceptEntry(until=day, reason=reason, file=place.file, line=place.line, key=key)
                self.accept.append(entry)

    def _until(self, node: yaml.Node) -> dt.date | None:
        until = self.document.text(node, "until")
        day = _day(until)
        if day is None:
            self.document.fault(node, f'until has to be a day such as 2027-01-31, not "{until}"')
        return day

    def _read_edge(self, node: yaml.Node) -> None:
        document = self.document
        known = document.mapping(node, "an entry of edge", EDGE, {"name": "names", "port": "to"})
        if "names" not in known:
            document.fault(node, "names is missing: an entry of edge says for which names TLS ends in front of nginx")
            return
        tls = document.text(known["tls"], "tls") if "tls" in known else "terminated"
        if tls not in ("terminated", "passthrough"):
            document.fault(known["tls"], "tls can only be: terminated, passthrough")
        passes = tls == "passthrough"
        headers = self._headers(known["headers"], "headers") if "headers" in known else {}
        self.edge.append(
            EdgeEntry(
                [document.text(item, "names") for item in document.items(known["names"], "names")],
                document.number(known["to"], "to", 1, 65535) if "to" in known else 443 if passes else 80,
                [[name, value] for name, value in headers.items()],
                tls=passes,
            )
        )


def _day(text: str) -> dt.date | None:
    if len(text) != len("2027-01-31"):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
