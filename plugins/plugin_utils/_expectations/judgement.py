# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The judgement of an outcome by what a case expects, field by field."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import (
    ProbeOutcome,
    RedirectHop,
    UpstreamRequest,
)

from .matchers import Text, failing_headers, fill

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .cases import ExpectedEnd, ExpectedHop, ExpectedOutcome, ExpectedUpstream, RouteRequest

#: The server and the location that answered, as they are written; None where they are unknown.
ServedBlocks = tuple[str | None, str | None]

_NONE: t.Final = "(none)"
#: `closed` of a hop that leaves the world.
_OUTSIDE: t.Final = "outside"


class JudgedField(t.NamedTuple):
    """One field of a case: the expected value and the real one, in words."""

    field: str
    expected: str
    got: str
    ok: bool


class Judge:
    """Compare one outcome with the expected one.

    Args:
        request: the request.
        outcome: its outcome.
        peers: upstream block -> its peers, so that an upstream may be expected by its name.
        served: the blocks that answered.
    """

    def __init__(
        self,
        request: RouteRequest,
        outcome: ProbeOutcome,
        peers: Mapping[str, Sequence[str]],
        served: ServedBlocks,
    ) -> None:
        self.request = request
        self.values = request.values
        self.outcome = outcome
        self.peers = peers
        self.served = served

    def fields(self, then: ExpectedOutcome) -> Iterator[JudgedField]:
        """Judge every expected field, in the order of the documentation."""
        outcome = self.outcome
        if then.status is not None:
            fine = then.status.fits(outcome.status, outcome.closed)
            yield JudgedField("status", then.status.text, _status(outcome), fine)
        if then.closed is not None:
            closed = outcome.closed or ""
            fine = any(word == closed or (word == "tls" and closed.startswith("tls")) for word in then.closed)
            yield JudgedField("closed", " or ".join(word or _NONE for word in then.closed), closed or _NONE, fine)
        elif then.status is None and outcome.status is None:
            yield JudgedField("status", "an answer", _status(outcome), ok=False)
        if then.location is not None:
            yield self._location("location", then.location, outcome.location, self.request.url)
        for name, text in then.headers.items():
            failing = failing_headers({name: text}, outcome.headers, self.values)
            got = _headers(outcome.headers, name)
            yield JudgedField(f"headers: {name}", text.shown(self.values), got, not failing)
        if then.upstream is not None:
            yield from self._upstream("upstream", then.upstream, outcome.upstreams)
        yield from self._blocks(then)
        if then.errors is not None:
            yield self._errors(then.errors)
        yield from self._chain(then)

    def _location(self, field: str, text: Text, got: str | None, base: str) -> JudgedField:
        fine = text.fits(got, self.values)
        if not fine and text.how == "is" and text.value and got:
            # nginx completes paths; for a client both are the same.
            fine = urljoin(base, fill(text.value, self.values)) == urljoin(base, got)
        return JudgedField(field, text.shown(self.values), got or _NONE, fine)

    def _blocks(self, then: ExpectedOutcome) -> Iterator[JudgedField]:
        for field, text, got in (
            ("server", then.server, self.served[0]),
            ("location_block", then.location_block, self.served[1]),
        ):
            if text is not None:
                shown = "not known: the run that tells blocks is missing" if got is None else got or _NONE
                yield JudgedField(field, text.shown({}), shown, got is not None and _is_block(text, got))

    def _errors(self, text: Text) -> JudgedField:
        lines = self.outcome.errors
        if text.how == "is":
            fine = not lines if not text.value else any(text.fits(line, self.values) for line in lines)
        else:
            fine = any(text.fits(line, self.values) for line in lines)
        return JudgedField("errors", text.shown(self.values), "; ".join(lines) or _NONE, fine)

    # -- upstreams

    def _upstream(
        self, field: str, wanted: Sequence[ExpectedUpstream], calls: Sequence[UpstreamRequest]
    ) -> Iterator[JudgedField]:
        if not wanted:
            yield JudgedField(field, "none is asked", ", ".join(map(_call, calls)) or _NONE, not calls)
        for call in wanted:
            fine = any(self._fits(call, each) for each in calls)
            expected = self._shown(call)
            got = ", ".join(self._shown_as(call, each) for each in calls)
            yield JudgedField(field, expected, got or "none is asked", fine)

    def _fits(self, wanted: ExpectedUpstream, call: UpstreamRequest) -> bool:
        if wanted.target is not None and not self._is_target(wanted.target, call):
            return False
        texts = ((wanted.uri, call.uri), (wanted.method, call.method), (wanted.protocol, call.protocol))
        if not all(text is None or text.fits(got, self.values) for text, got in texts):
            return False
        return not failing_headers(wanted.headers, call.headers, self.values) and not failing_headers(
            wanted.params, call.params.items(), self.values
        )

    def _is_target(self, text: Text, call: UpstreamRequest) -> bool:
        full = call.target
        bare = full.partition("://")[2] or full
        names = [full, bare, bare.rpartition(":")[0] or bare, call.address]
        names += [name for name, peers in self.peers.items() if bare in peers]
        return any(text.fits(name, self.values) for name in names)

    def _shown(self, wanted: ExpectedUpstream) -> str:
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

    def _shown_as(self, wanted: ExpectedUpstream, call: UpstreamRequest) -> str:
        words = [_call(call)]
        words += [f"{name}: {_headers(call.headers, name)}" for name in wanted.headers]
        words += [f"{name}: {_headers(call.params.items(), name)}" for name in wanted.params]
        return " ".join(words)

    # -- chains

    def _hops(self) -> list[RedirectHop]:
        """Return the redirect chain; one of the outcome itself where no redirect was followed."""
        outcome = self.outcome
        alone = RedirectHop(
            self.request.url, outcome.status, outcome.location, outcome.upstreams, outcome.errors, outcome.closed
        )
        return outcome.hops or [alone]

    def _chain(self, then: ExpectedOutcome) -> Iterator[JudgedField]:
        hops = self._hops()
        chain = self.outcome.chain
        if then.hops is not None:
            shown = " -> ".join(_status(hop) for hop in hops)
            yield JudgedField("hops", str(len(then.hops)), f"{len(hops)}: {shown}", len(hops) == len(then.hops))
            for number, (wanted, hop) in enumerate(zip(then.hops, hops, strict=False), 1):
                yield from self._hop(f"hop {number}", wanted, hop)
        if then.final is not None:
            yield from self._final(then.final, hops, chain, accepted=then.chain)
        if then.chain is not None:
            # Without a redirect there is no chain: the first answer is the last.
            got = chain or "final"
            yield JudgedField("chain", then.chain, got, got == then.chain)

    def _final(
        self, final: ExpectedEnd, hops: Sequence[RedirectHop], chain: str | None, accepted: str | None
    ) -> Iterator[JudgedField]:
        last = hops[-1]
        if final.max_hops is not None:
            followed = len(hops) - 1 + (chain == "external")
            yield JudgedField("final: max_hops", str(final.max_hops), str(followed), followed <= final.max_hops)
        if chain == "external" and last.location:
            # The world does not reach other sites: only the URL is known.
            last = RedirectHop(urljoin(last.url, last.location), closed=_OUTSIDE)
        elif chain in ("loop", "too-long") and accepted != chain:
            words = {"loop": "the redirects go in circles", "too-long": "the redirects never end"}
            yield JudgedField("final", "an answer", words[chain], ok=False)
        yield from self._hop("final", final.hop, last)

    def _hop(self, field: str, wanted: ExpectedHop, hop: RedirectHop) -> Iterator[JudgedField]:
        if wanted.status is not None:
            fine = wanted.status.fits(hop.status, hop.closed)
            yield JudgedField(f"{field}: status", wanted.status.text, _status(hop), fine)
        if wanted.url is not None:
            yield self._location(f"{field}: url", wanted.url, hop.url, self.request.url)
        if wanted.location is not None:
            yield self._location(f"{field}: location", wanted.location, hop.location, hop.url)
        if wanted.upstream is not None:
            yield from self._upstream(f"{field}: upstream", wanted.upstream, hop.upstreams)


def _status(outcome: ProbeOutcome | RedirectHop) -> str:
    if outcome.closed == _OUTSIDE:
        return "not known: it is outside of this nginx"
    return f"no answer ({outcome.closed or 'nothing came'})" if outcome.status is None else str(outcome.status)


def _headers(headers: Iterable[Sequence[str]], name: str) -> str:
    return ", ".join(value for key, value in headers if key.lower() == name.lower()) or _NONE


def _call(call: UpstreamRequest) -> str:
    return " ".join(filter(None, (call.target, call.method, call.uri)))


def _is_block(text: Text, got: str) -> bool:
    """Compare with a block as it is written, with or without the word `location` or `server`."""
    words = " ".join(text.value.split())
    test: Callable[[str], bool] = (
        (lambda each: each == words) if text.how == "is" else (lambda each: text.fits(each, {}))
    )
    bare = got.partition(" ")[2] if got.startswith(("location ", "server ")) else got
    return test(got) or test(bare)
