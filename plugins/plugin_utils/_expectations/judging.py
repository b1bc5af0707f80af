# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether an outcome is what a case expects, field by field."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin

from .matchers import Text, failing_headers, fill

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .cases import Final, Hop, Request, Then, UpstreamCall

Outcome = t.Mapping[str, t.Any]
#: Which server and which location answered, as they are written; None where nobody knows.
Served = tuple[str | None, str | None]

_NONE: t.Final = "(none)"


class Finding(t.NamedTuple):
    """One field of a case: what is expected, what came, and whether that is fine."""

    field: str
    expected: str
    got: str
    ok: bool


class Judge:
    """Compares one outcome with what is expected of it.

    Args:
        request: what was asked.
        outcome: what came of it.
        peers: upstream block -> its peers, so that an upstream may be expected by its name.
        served: which blocks answered.
    """

    def __init__(self, request: Request, outcome: Outcome, peers: Mapping[str, Sequence[str]], served: Served) -> None:
        self.request = request
        self.values = request.values
        self.outcome = outcome
        self.peers = peers
        self.served = served

    def findings(self, then: Then) -> Iterator[Finding]:
        """Every expected field, in the order that they are documented in."""
        outcome = self.outcome
        if then.status is not None:
            fine = then.status.fits(outcome.get("status"), outcome.get("closed"))
            yield Finding("status", then.status.text, _status(outcome), fine)
        if then.closed is not None:
            closed = str(outcome.get("closed") or "")
            fine = any(word == closed or (word == "tls" and closed.startswith("tls")) for word in then.closed)
            yield Finding("closed", " or ".join(word or _NONE for word in then.closed), closed or _NONE, fine)
        elif then.status is None and outcome.get("status") is None:
            yield Finding("status", "an answer", _status(outcome), ok=False)
        if then.location is not None:
            yield self._location("location", then.location, outcome.get("location"), self.request.url)
        for name, text in then.headers.items():
            failing = failing_headers({name: text}, outcome.get("headers") or (), self.values)
            got = _headers(outcome.get("headers") or (), name)
            yield Finding(f"headers: {name}", text.shown(self.values), got, not failing)
        if then.upstream is not None:
            yield from self._upstream("upstream", then.upstream, outcome.get("upstreams") or ())
        yield from self._blocks(then)
        if then.errors is not None:
            yield self._errors(then.errors)
        yield from self._chain(then)

    def _location(self, field: str, text: Text, got: str | None, base: str) -> Finding:
        fine = text.fits(got, self.values)
        if not fine and text.how == "is" and text.value and got:
            # nginx completes paths; a client reads both alike.
            fine = urljoin(base, fill(text.value, self.values)) == urljoin(base, got)
        return Finding(field, text.shown(self.values), got or _NONE, fine)

    def _blocks(self, then: Then) -> Iterator[Finding]:
        for field, text, got in (
            ("server", then.server, self.served[0]),
            ("location_block", then.location_block, self.served[1]),
        ):
            if text is not None:
                shown = "not known: the run that tells blocks is missing" if got is None else got or _NONE
                yield Finding(field, text.shown({}), shown, got is not None and _is_block(text, got))

    def _errors(self, text: Text) -> Finding:
        lines = [str(line) for line in self.outcome.get("errors") or ()]
        if text.how == "is":
            fine = not lines if not text.value else any(text.fits(line, self.values) for line in lines)
        else:
            fine = any(text.fits(line, self.values) for line in lines)
        return Finding("errors", text.shown(self.values), "; ".join(lines) or _NONE, fine)

    # -- upstreams

    def _upstream(self, field: str, wanted: Sequence[UpstreamCall], calls: Sequence[Outcome]) -> Iterator[Finding]:
        if not wanted:
            yield Finding(field, "none is asked", ", ".join(map(_call, calls)) or _NONE, not calls)
        for call in wanted:
            fine = any(self._fits(call, each) for each in calls)
            expected = self._shown(call)
            got = ", ".join(self._shown_as(call, each) for each in calls)
            yield Finding(field, expected, got or "none is asked", fine)

    def _fits(self, wanted: UpstreamCall, call: Outcome) -> bool:
        if wanted.target is not None and not self._is_target(wanted.target, call):
            return False
        for name in ("uri", "method", "protocol"):
            text: Text | None = getattr(wanted, name)
            if text is not None and not text.fits(str(call.get(name) or ""), self.values):
                return False
        params = (call.get("params") or {}).items()
        return not failing_headers(wanted.headers, call.get("headers") or (), self.values) and not failing_headers(
            wanted.params, params, self.values
        )

    def _is_target(self, text: Text, call: Outcome) -> bool:
        full = str(call.get("target") or "")
        bare = full.partition("://")[2] or full
        names = [full, bare, bare.rpartition(":")[0] or bare, str(call.get("address") or "")]
        names += [name for name, peers in self.peers.items() if bare in peers]
        return any(text.fits(name, self.values) for name in names)

    def _shown(self, wanted: UpstreamCall) -> str:
        fields = (
            ("target", wanted.target),
            ("method", wanted.method),
            ("uri", wanted.uri),
            ("protocol", wanted.protocol),
        )
        words = [text.shown(self.values) for _name, text in fields if text is not None]
        words += [
            f"{name}: {text.shown(self.values)}" for name, text in (*wanted.headers.items(), *wanted.params.items())
        ]
        return " ".join(words)

    def _shown_as(self, wanted: UpstreamCall, call: Outcome) -> str:
        words = [_call(call)]
        words += [f"{name}: {_headers(call.get('headers') or (), name)}" for name in wanted.headers]
        words += [f"{name}: {_headers((call.get('params') or {}).items(), name)}" for name in wanted.params]
        return " ".join(words)

    # -- chains

    def _hops(self) -> list[Outcome]:
        hops = list(self.outcome.get("hops") or ())
        if hops:
            return hops
        names = ("status", "closed", "location", "upstreams", "errors")
        return [{"url": self.request.url, **{name: self.outcome.get(name) for name in names}}]

    def _chain(self, then: Then) -> Iterator[Finding]:
        hops = self._hops()
        chain = self.outcome.get("chain")
        if then.hops is not None:
            shown = " -> ".join(_status(hop) for hop in hops)
            yield Finding("hops", str(len(then.hops)), f"{len(hops)}: {shown}", len(hops) == len(then.hops))
            for number, (wanted, hop) in enumerate(zip(then.hops, hops, strict=False), 1):
                yield from self._hop(f"hop {number}", wanted, hop)
        if then.final is not None:
            yield from self._final(then.final, hops, chain, accepted=then.chain)
        if then.chain is not None:
            # Without a redirect there is no chain, and the first answer is the last.
            got = str(chain or "final")
            yield Finding("chain", then.chain, got, got == then.chain)

    def _final(
        self, final: Final, hops: Sequence[Outcome], chain: str | None, accepted: str | None
    ) -> Iterator[Finding]:
        last = hops[-1]
        if final.max_hops is not None:
            followed = len(hops) - 1 + (chain == "external")
            yield Finding("final: max_hops", str(final.max_hops), str(followed), followed <= final.max_hops)
        if chain == "external" and last.get("location"):
            # Nobody asks what is outside the world: only where it is can be told.
            last = {"url": urljoin(str(last.get("url") or ""), str(last["location"])), "status": None, "outside": True}
        elif chain in ("loop", "too-long") and accepted != chain:
            words = {"loop": "the redirects go in circles", "too-long": "the redirects never end"}
            yield Finding("final", "an answer", words[chain], ok=False)
        yield from self._hop("final", final, last)

    def _hop(self, field: str, wanted: Hop, hop: Outcome) -> Iterator[Finding]:
        if wanted.status is not None:
            fine = wanted.status.fits(hop.get("status"), hop.get("closed"))
            yield Finding(f"{field}: status", wanted.status.text, _status(hop), fine)
        if wanted.url is not None:
            yield self._location(f"{field}: url", wanted.url, str(hop.get("url") or ""), self.request.url)
        if wanted.location is not None:
            yield self._location(f"{field}: location", wanted.location, hop.get("location"), str(hop.get("url") or ""))
        if wanted.upstream is not None:
            yield from self._upstream(f"{field}: upstream", wanted.upstream, hop.get("upstreams") or ())


def _status(outcome: Outcome) -> str:
    if outcome.get("outside"):
        return "not known: it is outside of this nginx"
    status = outcome.get("status")
    return f"no answer ({outcome.get('closed') or 'nothing came'})" if status is None else str(status)


def _headers(headers: t.Any, name: str) -> str:
    return ", ".join(str(value) for key, value in headers if str(key).lower() == name.lower()) or _NONE


def _call(call: Outcome) -> str:
    return " ".join(str(call[name]) for name in ("target", "method", "uri") if call.get(name))


def _is_block(text: Text, got: str) -> bool:
    """`~ ^/v1/users/`, or with the word `location` before it."""
    words = " ".join(text.value.split())
    test: Callable[[str], bool] = (
        (lambda each: each == words) if text.how == "is" else (lambda each: text.fits(each, {}))
    )
    bare = got.partition(" ")[2] if got.startswith(("location ", "server ")) else got
    return test(got) or test(bare)
