# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The section `then` of a case: the expected outcome."""

from __future__ import annotations

import typing as t

from .cases import ExpectedEnd, ExpectedHop, ExpectedOutcome, ExpectedUpstream
from .matchers import Statuses, Text, is_regex, parse_statuses, placeholders
from .yaml_document import is_null

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    import yaml

    from .yaml_document import Document

THEN: t.Final = (
    *("status", "closed", "location", "headers", "upstream", "location_block", "server", "errors", "hops", "final"),
    "chain",
)
UPSTREAM: t.Final = ("target", "uri", "method", "protocol", "headers", "params")
HOP: t.Final = ("status", "url", "location", "upstream")
FINAL: t.Final = (*HOP, "max_hops")
TEXT: t.Final = ("is", "contains", "matches")
CLOSED: t.Final = ("refused", "reset", "closed", "timeout", "tls", "")
CHAINS: t.Final = ("final", "loop", "external", "too-long")
#: Browsers follow 20 redirects.
_MOST_HOPS: t.Final = 20

HINTS: t.Final = {
    "cluster_name": "upstream",
    "virtual_host_name": "server",
    "host_rewrite": "upstream: {headers: {Host: ...}}",
    "path_rewrite": "upstream: {uri: ...}",
    "path_redirect": "location",
    "redirect": "location",
    "header_fields": "headers",
    "code": "status",
    "upstreams": "upstream",
    "body": "status and headers; bodies are stubs",
}


class _ThenReader:
    def __init__(self, document: Document, names: Sequence[str]) -> None:
        self.document = document
        self.names = names

    def then(self, node: yaml.Node) -> ExpectedOutcome:
        document = self.document
        known = document.mapping(node, "then", THEN, HINTS)
        if not known:
            document.fault(node, "then expects nothing")
        return ExpectedOutcome(
            status=self.statuses(known.get("status")),
            closed=self.words(known.get("closed"), "closed", CLOSED),
            location=self.text(known.get("location"), "location"),
            headers=self.headers(known.get("headers"), "headers"),
            upstream=self.upstream(known.get("upstream")),
            location_block=self.text(known.get("location_block"), "location_block"),
            server=self.text(known.get("server"), "server"),
            errors=self.text(known.get("errors"), "errors"),
            hops=self.hops(known.get("hops")),
            final=self.final(known.get("final")),
            chain=next(iter(self.words(known.get("chain"), "chain", CHAINS) or ()), None),
        )

    def statuses(self, node: yaml.Node | None) -> Statuses | None:
        if node is None:
            return None
        document = self.document
        found = parse_statuses(document.text(item, "status") for item in document.items(node, "status"))
        if found is None:
            document.fault(node, "status has to be like 301, 2xx, 200-399, or a list of these")
        return found

    def words(self, node: yaml.Node | None, what: str, known: Sequence[str]) -> tuple[str, ...] | None:
        if node is None:
            return None
        document = self.document
        found = [document.text(item, what) for item in document.items(node, what)]
        for word in found:
            if word not in known:
                document.fault(
                    node, f'{what} has to be one of {", ".join(each or chr(34) * 2 for each in known)}, not "{word}"'
                )
        return tuple(found)

    def text(self, node: yaml.Node | None, what: str) -> Text | None:
        if node is None:
            return None
        document = self.document
        if is_null(node) and what.startswith("headers: "):
            return Text("")  # absent, as in health checks
        if hasattr(node, "value") and isinstance(node.value, str):
            text = document.text(node, what)
            # As in health checks; a location's own modifier begins with the same character.
            if text.startswith("~") and what not in ("location_block", "server"):
                return self._checked(Text(text[1:], "matches"), node, what)
            return self._checked(Text(text), node, what)
        known = document.mapping(node, what, TEXT, {"equals": "is", "regex": "matches", "match": "matches"})
        if len(known) != 1:
            document.fault(node, f"{what} is a text, or one of: {', '.join(TEXT)}")
            return None
        how, value = next(iter(known.items()))
        return self._checked(Text(document.text(value, what), t.cast("t.Any", how)), value, what)

    def _checked(self, text: Text, node: yaml.Node, what: str) -> Text:
        for name in placeholders(text.value) if what not in ("location_block", "server") else ():
            if name not in self.names:
                self.document.fault(node, f"{{{name}}} stands for nothing: there are {', '.join(self.names)}")
        if text.how == "matches" and not is_regex(text.value):
            self.document.fault(node, f'"{text.value}" is no regular expression')
        return text

    def headers(self, node: yaml.Node | None, what: str) -> dict[str, Text]:
        if node is None:
            return {}
        found = {name: self.text(value, f"{what}: {name}") for name, value in self.document.table(node, what).items()}
        return {name: text for name, text in found.items() if text is not None}

    def upstream(self, node: yaml.Node | None) -> tuple[ExpectedUpstream, ...] | None:
        if node is None:
            return None
        document = self.document
        if isinstance(node.value, str) and not node.value and not is_null(node):
            return ()
        calls = []
        for item in document.items(node, "upstream"):
            if isinstance(item.value, str):
                calls.append(ExpectedUpstream(target=self.text(item, "upstream")))
                continue
            known = document.mapping(item, "upstream", UPSTREAM, {"name": "target", "path": "uri", "url": "uri"})
            texts = {name: self.text(known.get(name), name) for name in UPSTREAM[:4]}
            headers, params = (self.headers(known.get(name), name) for name in ("headers", "params"))
            calls.append(ExpectedUpstream(**texts, headers=headers, params=params))
        return tuple(calls)

    def hop(self, known: dict[str, yaml.Node]) -> ExpectedHop:
        return ExpectedHop(
            self.statuses(known.get("status")),
            self.text(known.get("url"), "url"),
            self.text(known.get("location"), "location"),
            self.upstream(known.get("upstream")),
        )

    def hops(self, node: yaml.Node | None) -> tuple[ExpectedHop, ...] | None:
        if node is None:
            return None
        items = self.document.items(node, "hops")
        return tuple(self.hop(self.document.mapping(item, "a hop", HOP, HINTS)) for item in items)

    def final(self, node: yaml.Node | None) -> ExpectedEnd | None:
        if node is None:
            return None
        document = self.document
        known = document.mapping(node, "final", FINAL, HINTS)
        most = document.number(known["max_hops"], "max_hops", 0, _MOST_HOPS) if "max_hops" in known else None
        return ExpectedEnd(self.hop(known), most)


def read_then(document: Document, node: yaml.Node, names: Sequence[str]) -> ExpectedOutcome:
    """Read the expected outcome of a case; faults are noted in the document.

    Args:
        document: the document that the node is of.
        node: the value of `then`.
        names: the placeholders that texts may have.
    """
    return _ThenReader(document, names).then(node)
