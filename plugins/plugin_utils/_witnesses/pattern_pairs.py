# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Strings on which a pattern decides otherwise than another one, or that it decides at all."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import Pattern, RegexError, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.examples import examples
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import (
    STEPS,
    Proven,
    Unknown,
    Witness,
    matches,
    witness,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

from .domains import Domain

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Strings for one pair of patterns; a list of bots has about as many alternatives.
MOST: t.Final = 64
#: Strings that show a pattern at work where no string tells it from the other one.
_SHOWN: t.Final = 3
_SAMPLES: t.Final = 12
_MATCH_STEPS: t.Final = 20_000
_NOTHING_FOUND: t.Final = "no value that a client can send was found on which they differ"


@dataclass(frozen=True)
class Regex:
    """A regular expression of a configuration.

    Attributes:
        source: its text.
        caseless: whether nginx compiles it without regard to case.
    """

    source: str
    caseless: bool = False

    @property
    def parsed(self) -> Pattern | None:
        """Return its tree; None where PCRE refuses it."""
        try:
            return parse(self.source, caseless=self.caseless)
        except RegexError:
            return None

    def matches(self, text: str) -> bool | None:
        """Tell whether it matches a text; None where that is not known."""
        pattern = self.parsed
        found = None if pattern is None else matches(pattern, text.encode(), steps=_MATCH_STEPS)
        if found is None:
            compiled = compile_pattern(self.source, caseless=self.caseless)
            found = None if compiled is None else compiled.search(text) is not None
        return found


@dataclass(frozen=True)
class Contrast:
    """Strings that tell two patterns apart.

    Attributes:
        texts: strings of the domain that only one of them matches; if `same`, strings that both match.
        same: whether it was proven that no string of the domain tells them apart.
        reason: why there is neither a string nor a proof; empty otherwise.
    """

    texts: tuple[str, ...]
    same: bool = False
    reason: str = ""


@lru_cache(maxsize=4096)
def contrast(old: Regex | None, new: Regex | None, domain: Domain, *, steps: int = STEPS) -> Contrast:
    """Return strings that only one of two patterns matches: the shortest, and one for each of their choices that differs.

    Args:
        old: a pattern; None for one that matches nothing.
        new: another one; not None too.
        domain: strings that clients can send.
        steps: how many steps each of at most four searches may take.
    """
    given = [each for each in (old, new) if each is not None]
    parsed = [each.parsed for each in given]
    if None in parsed:
        return Contrast((), reason="nginx refuses the pattern")
    irregular = next((pattern.not_regular[0] for pattern in parsed if pattern and pattern.not_regular), "")
    found: dict[str, None] = {}
    proofs = 0
    unknown = irregular
    for yes, no in () if irregular else ((old, new), (new, old)):
        answer = Proven(0) if yes is None else string_between((yes,), () if no is None else (no,), domain, steps=steps)
        if isinstance(answer, str):
            found.setdefault(answer)
        elif isinstance(answer, Proven):
            proofs += 1
        else:
            unknown = answer.reason
    if proofs == len((old, new)):
        return Contrast(tuple(_decided_by(given, domain))[:_SHOWN], same=True)
    for text in _candidates(given, domain):
        if _differs(old, new, text):
            found.setdefault(text)
        if len(found) >= MOST:
            break
    if found:
        caseless = all(each.caseless for each in given)
        return Contrast(tuple({text.lower() if caseless else text: text for text in reversed(found)}.values())[::-1])
    return Contrast((), reason=f"the pattern has {unknown}" if irregular else unknown or _NOTHING_FOUND)


@lru_cache(maxsize=8192)
def string_between(
    yes: tuple[Regex, ...], no: tuple[Regex, ...], domain: Domain, *, steps: int = STEPS
) -> str | Proven | Unknown:
    """Return a string of a domain that some patterns match and others do not, a readable one where there is one.

    Returns:
        The string; `Proven` where none exists; `Unknown` where the steps did not suffice or a pattern is not regular.
    """
    matched = [*(each.parsed for each in yes), *([parse(domain.shape)] if domain.shape else [])]
    unmatched = [*(each.parsed for each in no), *([parse(domain.never)] if domain.never else [])]
    positive = [pattern for pattern in matched if pattern is not None]
    negative = [pattern for pattern in unmatched if pattern is not None]
    if len(positive) + len(negative) < len(matched) + len(unmatched):
        return Unknown("nginx refuses the pattern", 0)
    answer: Witness | Proven | Unknown = Proven(0)
    for each in dict.fromkeys((domain, domain.widened())):
        answer = witness(
            matched_by=positive, not_matched_by=negative, alphabet=each.alphabet, prefix=each.prefix, steps=steps
        )
        if not isinstance(answer, Proven):
            break
    if isinstance(answer, Witness):
        try:
            return answer.text.decode()
        except UnicodeDecodeError:
            return Unknown("only strings that are not UTF-8 tell the patterns apart", answer.steps)
    return answer


@lru_cache(maxsize=4096)
def texts_of(regex: Regex, domain: Domain) -> tuple[str, ...]:
    """Return strings of a domain that a pattern matches, one for each of its choices."""
    found = _decided_by([regex], domain)
    return tuple({text.lower() if regex.caseless else text: text for text in found})[:MOST]


def _decided_by(regexes: Iterable[Regex], domain: Domain) -> Iterator[str]:
    given = list(regexes)
    for text in dict.fromkeys(_candidates(given, domain)):
        if any(each.matches(text) for each in given):
            yield text


def _differs(old: Regex | None, new: Regex | None, text: str) -> bool:
    before = False if old is None else old.matches(text)
    after = False if new is None else new.matches(text)
    return before is not None and after is not None and before is not after


def _candidates(regexes: Iterable[Regex], domain: Domain) -> Iterator[str]:
    """Yield strings of the domain on both sides of every choice of the patterns."""
    for regex in regexes:
        for part in _parts(regex, path=domain.prefix == b"/"):
            # "/x.php" rather than "/.php", which rules for hidden files take.
            starts = domain.starts if part[:1] != b"." else domain.starts[::-1]
            for start in starts:
                text = (start + part).decode("utf-8", "replace")
                if belongs(text, domain):
                    yield text
                    break


def _parts(regex: Regex, *, path: bool) -> Iterator[bytes]:
    pattern = regex.parsed
    if pattern is not None:
        made = examples(pattern)
        yield from made.inside
        yield from made.outside
        if not made.inside:
            for sample in sample_pattern(regex.source, caseless=regex.caseless, path=path, variants=_SAMPLES):
                yield sample.text.encode()


def belongs(text: str, domain: Domain) -> bool:
    """Tell whether a string is one of a domain's."""
    raw = text.encode()
    if not raw.startswith(domain.prefix) or any(not domain.alphabet >> byte & 1 for byte in raw):
        return False
    if domain.never and matches(parse(domain.never), raw):
        return False
    return not domain.shape or bool(matches(parse(domain.shape), raw))
