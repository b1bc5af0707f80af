# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A search for the guilty lines from both ends: what the host is asked, and what its answer means."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import Unit
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.oracle import ASPECTS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.attribution import Locator, Side
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.formatting import outcome_line, request_line
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.redaction import text as redacted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.cases import make_request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import listens_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals

from .edits import Edits, SingleChange, edits
from .sources import ConfigSource

Probe = Mapping[str, t.Any]

#: In which respect a class of change shows, and a failed field of an expectation.
_ASPECTS: t.Final[dict[str, str]] = {
    "error-introduced": "status",
    "redirect-loop": "chain",
    "cached-redirect-loop": "location",
    "access-widened": "status",
    "auth-subrequest-removed": "upstream",
    "security-header-removed": "headers",
    "lost": "status",
    "status-changed": "status",
    "redirect-changed": "location",
    "upstream-changed": "upstream",
    "upstream-headers-changed": "upstream-headers",
    "file-changed": "body",
    "headers-changed": "headers",
    "status": "status",
    "closed": "status",
    "location": "location",
    "upstream": "upstream",
    "final": "chain",
    "hops": "chain",
    "chain": "chain",
    "errors": "errors",
}
_CONTEXT_LINES: t.Final = 1


@dataclass(frozen=True)
class FailingRequest:
    """A request whose change is to be explained; `about` are the classes or fields that speak of it, weightiest first."""

    probe: Probe
    about: tuple[str, ...] = ()

    @property
    def aspects(self) -> list[str]:
        first = [_ASPECTS.get(name.partition(" ")[0], "headers") for name in self.about]
        return list(dict.fromkeys([*first, *ASPECTS]))


@dataclass
class Search:
    """One search. `create` are files that the worlds shall have."""

    before: ConfigSource
    after: ConfigSource
    wanted: Sequence[FailingRequest]
    edge: Sequence[Mapping[str, t.Any]] = ()
    create: Sequence[str] = ()
    edits: Edits = field(init=False)

    def __post_init__(self) -> None:
        self.edits = edits(self.before.files, self.after.files)

    def job(self) -> dict[str, t.Any]:
        """What the host needs."""
        return {
            "sources": {"before": dict(self.before.spec), "after": dict(self.after.spec)},
            "files": self.edits.files,
            "units": [_nested(unit) for unit in self.edits.units],
            "requests": [{"probe": each.probe, "aspects": each.aspects} for each in self.wanted],
            "listens": listens_of(self.before.loaded, self.after.loaded),
            "edge": list(self.edge),
            "create": list(self.create),
            "peers": _peers(self.before, self.after),
        }

    def result(self, answer: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """What the host's answer means, as the module's documentation says."""
        others = {int(number): path for number, path in answer["others"].items()}
        searches = [
            self._search(wanted, found, others) for wanted, found in zip(self.wanted, answer["results"], strict=True)
        ]
        guilty = {number for found in answer["results"] for cause in found["causes"] for number in cause["changes"]}
        first = {number for found in answer["results"] for cause in found["causes"][:1] for number in cause["changes"]}
        culprits = self._lines(sorted(guilty), others)
        return {
            "culprits": culprits,
            "lines": [culprit_text(line) for line in culprits],
            "searches": searches,
            "worlds": answer["worlds"],
            "changes": len(self.edits.changes) + len(others),
            "patch": self._patch(first),
            "msg": "\n".join(line for search in searches for line in told(search)),
        }

    def _search(
        self, wanted: FailingRequest, found: Mapping[str, t.Any], others: Mapping[int, str]
    ) -> dict[str, t.Any]:
        return {
            "request": request_line(wanted.probe),
            "before": outcome_line(found["before"]),
            "after": outcome_line(found["after"]),
            "aspect": found["aspect"],
            "causes": [
                {"lines": self._lines(cause["changes"], others), "complete": cause["complete"]}
                for cause in found["causes"]
            ],
            "complement": found.get("complement"),
            "worlds": found.get("tests", 0),
        }

    def _lines(self, numbers: Iterable[int], others: Mapping[int, str]) -> list[dict[str, t.Any]]:
        lines = [
            _whole_file(others[number]) if number in others else _line(self.edits.changes[number]) for number in numbers
        ]
        return sorted(lines, key=lambda line: (line["file"], line["line"]))

    def _patch(self, numbers: set[int]) -> str:
        tree = self.edits.apply(self.before.files, numbers)
        paths = sorted(path for path in {*self.before.files, *tree} if self.before.files.get(path) != tree.get(path))
        return "".join(
            line
            for path in paths
            for line in unified_diff(
                _text(self.before.files.get(path)), _text(tree.get(path)), f"a/{path}", f"b/{path}", n=_CONTEXT_LINES
            )
        )


def told(search: Mapping[str, t.Any]) -> list[str]:
    """One search in words."""
    lines = [search["request"], f"  - {search['before']}", f"  + {search['after']}"]
    if search["aspect"] is None:
        return [*lines, "  both configurations give it the same here: no line of the change explains it"]
    for position, cause in enumerate(search["causes"]):
        lines.append("  guilty:" if not position else "  guilty by itself too:")
        lines += [f"    {culprit_text(line)}" for line in cause["lines"]]
        if not cause["complete"]:
            lines.append("    (not the smallest part: the limit of tries was reached)")
    complement = {
        "pass": "without it the rest of the change is fine",
        "fail": "without it the request still fails: more of the change is guilty",
    }.get(
        str(search["complement"]),
        "nginx does not do with the rest alone what it did before: lines of it belong together",
    )
    return [*lines, f"  {complement} ({counted(search['worlds'], 'combination')} tried)"]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def culprit_text(line: Mapping[str, t.Any]) -> str:
    """A guilty line in one line: `snippets/api.conf:6 + rewrite ...`."""
    where = f"{line['file']}:{line['line']}"
    before, after = (str(line[name] or "").removesuffix(";") for name in ("before", "text"))
    if line["kind"] == "changed" and before != after:
        return f"{where} ~ {before} -> {after}"
    sign = {"added": "+", "removed": "-", "moved": ">"}.get(line["kind"], "~")
    return f"{where} {sign} {after or before}"


def request_of(fields: Mapping[str, t.Any], before: ConfigSource, after: ConfigSource) -> Probe:
    """The probe that a request as written stands for.

    Raises:
        RouteError: no client could send it.
    """
    return _probe(make_request(dict(fields), {}).arrive(Arrivals(before.loaded, after.loaded)))


def request_of_check(check: Mapping[str, t.Any], before: ConfigSource, after: ConfigSource) -> Probe | None:
    """The probe that asks what a health check asks, None for a check without a URL.

    Raises:
        RouteError: no client could send it.
    """
    if not check.get("url"):
        return None
    fields: dict[str, t.Any] = {"url": check["url"].partition("#")[0], "method": check.get("method") or "GET"}
    request = make_request(fields, {})
    host, port = check.get("host") or request.authority, (check.get("address") or "").rpartition(":")[2]
    if port.isdigit():
        name = (
            request.authority.rpartition(":")[0]
            if request.authority.rpartition(":")[2].isdigit()
            else request.authority
        )
        fields["url"] = f"{request.scheme}://{name}:{port}{request.target}"
    fields.update(host=host, headers={name: str(value) for name, value in (check.get("request_headers") or {}).items()})
    if check.get("sni"):
        fields["sni"] = check["sni"]
    return request_of(fields, before, after)


def _probe(fields: Mapping[str, t.Any]) -> Probe:
    return {"id": "b1", "origin": "expect", "why": "asked for", "file": None, "line": None, "answers": [], **fields}


def _peers(*sides: ConfigSource) -> dict[str, str]:
    """Every peer of an upstream, and the one that stands for all of them on both sides."""
    groups: dict[str, frozenset[str]] = {}
    for side in sides:
        for group in Locator(Side((), config=side.loaded)).peers.values():
            joined = group.union(*(groups.get(peer, ()) for peer in group))
            groups.update(dict.fromkeys(joined, joined))
    return {peer: min(group) for peer, group in groups.items()}


def _nested(unit: Unit) -> t.Any:
    return [_nested(child) for child in unit.children] if unit.children else next(iter(unit.ids))


def _line(change: SingleChange) -> dict[str, t.Any]:
    return {
        "file": change.file,
        "line": change.line,
        "kind": change.kind,
        "text": _shown(change.text_after),
        "before": _shown(change.text_before),
    }


def _whole_file(path: str) -> dict[str, t.Any]:
    return {"file": path, "line": 1, "kind": "changed", "text": "(the whole file)", "before": "(the whole file)"}


def _shown(text: str | None) -> str | None:
    # Bytes were read as latin-1.
    return None if text is None else redacted(text.encode("latin-1", "replace").decode("utf-8", "replace"))


def _text(data: bytes | None) -> list[str]:
    lines = (data or b"").decode("utf-8", "replace").splitlines()
    return [redacted(line.expandtabs(4)) + "\n" for line in lines]
