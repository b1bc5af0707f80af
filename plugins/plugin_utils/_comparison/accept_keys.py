# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Keys of groups: by a key exactly one group is accepted.

A key is the group's class and a digest of a canonical text: every class in the group, the servers and blocks, each kind of
outcome before and after, and the changes of the configuration behind it. A class, a block, an outcome or a change that joins
the group later makes another key.

Not in the text, so that one change has one key on every host and for as long as it is the same: names and lines of files, the
number of requests, bodies, error messages, times, the host's own names and addresses, ports and addresses that both
configurations listen on, and the part of a URL that a redirect or an upstream gets from the request.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from collections import Counter

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

from .accept_list import DIGITS
from .outcome_diff import PRESENCE, age_of, call_of, calls, clockless, final_status, header_values
from .probe_requests import host_of, listener_name

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome, TlsFacts
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .attribution import Attribution
    from .grouping import ChangedRequest
    from .outcome_diff import Peers
    from .report import BehaviourChange
    from .sides import BlockLocator

_DATE: t.Final = re.compile(r"\b20\d\d-\d\d-\d\d\b")
#: The label of a server without a name.
_PLACE: t.Final = re.compile(r"server at \S+:\d+")
_SEGMENT: t.Final = re.compile(r"[^/?&=]+")
#: Addresses and ports that are the same on every host, and names that do not tell one host from another.
_SAME_ADDRESSES: t.Final = frozenset({"*", "[::]"})
_SAME_PORTS: t.Final = frozenset({0, 80, 443})
_NO_NAMES: t.Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
#: The fewest characters of a host's name that is looked for in texts.
_SHORTEST: t.Final = 3

#: A part of a canonical text before it is written.
Canonical: t.TypeAlias = "str | list[Canonical] | None"
Each = t.TypeVar("Each")


class HostWords:
    """Replace the words that differ from host to host in one configuration.

    Args:
        names: names and addresses of the host.
        sockets: the sockets of the old and of the new configuration, in their order. What both listen on is replaced by its
            number, so that two listeners stay two.
    """

    def __init__(
        self, names: Iterable[str] = (), sockets: tuple[Sequence[Socket], Sequence[Socket]] = ((), ())
    ) -> None:
        table: dict[str, str] = {}
        patterns: list[str] = []
        for name in _own_words(names):
            table[name] = "{address}" if is_address(name) else "{host}"
            patterns.append(_bounded(name))
        old, new = sockets
        addresses = _in_both((each.address for each in old), (each.address for each in new), _SAME_ADDRESSES)
        for number, address in enumerate((each for each in addresses if not each.startswith("unix:")), 1):
            table[address.lower()] = f"{{address {number}}}"
            patterns.append(_bounded(address.lower()))
        ports = _in_both((each.port for each in old), (each.port for each in new), _SAME_PORTS)
        for number, port in enumerate(ports, 1):
            table[str(port)] = f"{{port {number}}}"
            patterns.append(rf"(?:(?<=:)|(?<=listen )){port}(?!\w)")
        patterns.sort(key=len, reverse=True)
        self._table = table
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def masked(self, text: str) -> str:
        """Return a text with placeholders for the host's words and for times."""
        clean = _DATE.sub("(day)", clockless(text))
        if self._pattern is None:
            return clean
        return self._pattern.sub(lambda match: self._table[match[0].lower()], clean)


def sockets_of(locator: BlockLocator) -> list[Socket]:
    """Return the sockets of a configuration in their order, none without a configuration."""
    return [] if locator.router is None else list(locator.router.listeners)


class KeyMaker:
    """Make the keys of the groups of one comparison.

    Args:
        probes: all requests.
        outcomes: of both sides.
        peers: of both sides, because which peer of an upstream is asked is chance.
        attribution: the changes of the configuration.
        words: what differs from host to host.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        outcomes: tuple[Sequence[ProbeOutcome], Sequence[ProbeOutcome]],
        peers: tuple[Peers, Peers],
        attribution: Attribution,
        words: HostWords,
    ) -> None:
        self._probes = probes
        self._outcomes = outcomes
        self._peers = peers
        self._attribution = attribution
        self._words = words

    def keys(self, groups: Sequence[tuple[BehaviourChange, Sequence[ChangedRequest]]]) -> list[str]:
        """Return a key for each group.

        Groups whose canonical texts are equal (two redirects to one place out of one location, without a known cause) get
        their requests as well into the text, with every word: they share no key.
        """
        texts = [self._text(change, items, self._words) for change, items in groups]
        counts = Counter(texts)
        keys = []
        for text, (change, items) in zip(texts, groups, strict=True):
            exact = [text, self._text(change, items, HostWords()), _dumped(self._requests(items, HostWords()))]
            keys.append(_key(change.name, text if counts[text] == 1 else _dumped(list(exact))))
        return keys

    def _text(self, change: BehaviourChange, items: Sequence[ChangedRequest], words: HostWords) -> str:
        whole = change.scope != "block"
        kinds = {_dumped(self._kind(item, words, whole=whole)) for item in items}
        causes = self._causes(items, words)
        parts: list[Canonical] = [
            [*sorted({change.name, *change.also})],
            change.scope,
            [*sorted(self._server(item, words) for item in {id(item.server): item for item in items}.values())],
            [*sorted(kinds)],
            [*causes],
        ]
        if not causes:
            # Nothing else tells two changes of one block apart.
            parts.append(self._requests(items, words))
        return _dumped(parts)

    def _causes(self, items: Iterable[ChangedRequest], words: HostWords) -> list[str]:
        signatures = {each for item in items for each in self._attribution.signature(item.causes)}
        return sorted({_dumped([words.masked(part) for part in signature]) for signature in signatures})

    def _requests(self, items: Iterable[ChangedRequest], words: HostWords) -> list[Canonical]:
        return [*sorted({words.masked(_request(self._probes[item.index])) for item in items})]

    def _server(self, item: ChangedRequest, words: HostWords) -> str:
        return self._place(item.server, self._probes[item.index], words)

    def _place(self, server: Block | None, probe: Probe, words: HostWords) -> str:
        """Return a server by its first name, one without a name by its listener."""
        if server is None:
            return ""
        name = server.text.removeprefix("server").strip()
        return words.masked(name if name not in ("", "_") else f"_ on {listener_name(probe.listen)}")

    def _kind(self, item: ChangedRequest, words: HostWords, *, whole: bool) -> list[Canonical]:
        probe = self._probes[item.index]
        sides: list[Canonical] = []
        for served, outcomes, peers in zip((item.old, item.new), self._outcomes, self._peers, strict=True):
            label = "" if whole else words.masked(served.label)
            place: list[Canonical] = [self._place(served.server, probe, words), label]
            sides.append([place, self._outcome(outcomes[item.index], probe, item.shown, peers, words)])
        tls = "tls" if probe.listen.ssl else "plain"
        notes: list[Canonical] = [words.masked(_PLACE.sub("server", note)) for note in item.notes]
        return [item.name, words.masked(listener_name(probe.listen)), tls, *sides, notes]

    def _outcome(
        self, outcome: ProbeOutcome, probe: Probe, shown: frozenset[str], peers: Peers, words: HostWords
    ) -> list[Canonical]:
        def relative(text: str) -> str:
            return _relative(words.masked(text), probe, words)

        status = str(outcome.closed).partition(":")[0] if outcome.status is None else str(outcome.status)
        sent: list[Canonical] = []
        for call, upstream in calls(outcome.upstreams, peers):
            scheme = call.target.partition("://")[0]
            targets = sorted(peers.get(call.peer, frozenset()) | {call.peer})
            script = upstream.params.get("SCRIPT_FILENAME", "")
            sent.append([scheme, words.masked(" ".join(targets)), call.method, relative(call.uri), relative(script)])
        end = outcome.chain if outcome.chain in ("loop", "too-long") else str(final_status(outcome))
        location = None if outcome.location is None else relative(outcome.location)
        headers: list[Canonical] = [relative(line) for line in _header_lines(outcome, shown)]
        return [status, location, sent, end, headers, _handshake(outcome.tls, words)]


def _handshake(facts: TlsFacts | None, words: HostWords) -> list[Canonical] | None:
    """Return what a handshake showed, without what each certificate has of its own: fingerprint, key and dates."""
    if facts is None:
        return None
    found: list[Canonical] = [*facts.versions, facts.alpn, facts.client_certificate]
    if facts.certificate is not None:
        own = facts.certificate
        found += [str(flag) for flag in (own.current, own.fits, own.self_signed)]
        found += [words.masked(name) for name in sorted(own.names)]
    return found


def _header_lines(outcome: ProbeOutcome, shown: Iterable[str]) -> Iterator[str]:
    """Yield the headers and parameters among the differences that a group is about, with their values."""
    for each in sorted(shown):
        side, _space, name = each.rpartition(" ")
        if side == "header":
            values = header_values(outcome.headers, name)
            if name in PRESENCE:
                values = ["(any)" for _value in values]
            elif name == "expires":
                ages = [age_of(value, header_values(outcome.headers, "date")) for value in values]
                values = [value if age is None else f"{age:.0f} s" for value, age in zip(values, ages, strict=True)]
        elif side == "upstream header" and outcome.upstreams:
            peer = call_of(outcome.upstreams[-1]).peer
            values = [
                "(peer)" if value == peer else value for value in header_values(outcome.upstreams[-1].headers, name)
            ]
        elif side == "upstream param" and outcome.upstreams:
            values = [value for key, value in outcome.upstreams[-1].params.items() if key.lower() == name]
        else:
            values = []
        yield f"{each}: {' | '.join(values)}"


def _relative(text: str, probe: Probe, words: HostWords) -> str:
    """Return a URL or a value with placeholders for what it has from the request.

    A placeholder names its part of the request, so that two texts of one request stay two: the host, everything from a slash
    on (by the number of slashes before it), or a word between separators (by its number).
    """
    host = words.masked(host_of(probe))
    if host:
        text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])", _placeholder("name"), text, flags=re.IGNORECASE)
    target = words.masked(probe.target)
    rest = _common_end(text, target)
    if rest:
        head = target[: -len(rest)]
        text, target = text[: -len(rest)] + _placeholder(f"rest {head.count('/')}"), head
    for number, segment in enumerate(_SEGMENT.findall(target)):
        text = re.sub(rf"(?<![\w.\x01-]){re.escape(segment)}(?![\w.\x02-])", _placeholder(str(number)), text)
    return text


def _placeholder(name: str) -> str:
    """Return a placeholder in characters that no header has."""
    return f"\x01{name}\x02"


def _common_end(text: str, target: str) -> str:
    """Return the longest common end of both that begins with a slash."""
    length = 0
    for number, (one, other) in enumerate(zip(reversed(text), reversed(target), strict=False), 1):
        if one != other:
            break
        if one == "/":
            length = number
    return target[len(target) - length :] if length else ""


def _request(probe: Probe) -> str:
    headers = sorted(f"{name.lower()}: {value}" for name, value in probe.headers)
    answers = [f"{each.upstream} {each.status} {each.down}" for each in probe.answers]
    made = [*(probe.made_files or ())]
    facts = [probe.method, host_of(probe), probe.target, str(probe.client), probe.version, str(len(probe.body))]
    return _dumped([*facts, listener_name(probe.listen), [*headers], [*answers], [*made]])


def _in_both(old: Iterable[Each], new: Iterable[Each], same: frozenset[Each]) -> list[Each]:
    """Return what both configurations listen on, in the order of the old one, without what is the same everywhere."""
    known = {*new} - same
    return [each for each in dict.fromkeys(old) if each in known]


def _own_words(names: Iterable[str]) -> list[str]:
    """Return the names, their first labels and the addresses of a host, in lower case, that tell it from others."""
    found: dict[str, None] = {}
    for name in names:
        word = name.strip().lower().removesuffix(".")
        found[word] = None
        if not is_address(word):
            found[word.partition(".")[0]] = None
    return [each for each in found if len(each) >= _SHORTEST and each not in _NO_NAMES]


def _bounded(word: str) -> str:
    return rf"(?<![\w-]){re.escape(word)}(?![\w-])"


def _dumped(value: Sequence[Canonical] | list[Canonical]) -> str:
    return json.dumps(value, ensure_ascii=True)


def _key(name: str, text: str) -> str:
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"
