# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Strings that a client can give to a variable: what a search for a value may be made of."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import byte_sets

_LETTERS: t.Final = byte_sets.span(ord("a"), ord("z"))
_DIGITS: t.Final = byte_sets.span(ord("0"), ord("9"))
#: A request line, a header's name and the like end at a space or a control character.
_VISIBLE: t.Final = byte_sets.span(0x21, 0x7E)
_TEXT: t.Final = byte_sets.span(0x20, 0x7E)
_OCTET: t.Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"


@dataclass(frozen=True)
class Domain:
    """A set of strings.

    Attributes:
        alphabet: the bytes that they are made of, as a set of `_regex.byte_sets`.
        prefix: what each begins with.
        shape: a pattern that each of them matches; empty for all.
        never: a pattern that none of them matches; empty for none.
        starts: what may be put before a part of one, so that it becomes a whole one.
    """

    alphabet: int = _TEXT
    prefix: bytes = b""
    shape: str = ""
    never: str = ""
    starts: tuple[bytes, ...] = (b"",)

    def widened(self) -> Domain:
        """Return the same domain with every byte that nginx accepts, where that is more: a path is decoded."""
        if self.prefix != b"/" or self.alphabet != PATH.alphabet:
            return self
        every = byte_sets.invert(byte_sets.of(b"\0"))
        return Domain(every, self.prefix, self.shape, self.never, self.starts)


#: `$uri`: nginx merges slashes and resolves dot segments before it compares (ngx_http_parse_complex_uri()).
PATH: t.Final = Domain(_TEXT, b"/", never=r"//|/\.\.?(?:/|\z)", starts=(b"", b"/", b"/x"))
#: `$request_uri`: as the request line has it.
TARGET: t.Final = Domain(_VISIBLE & ~byte_sets.of(b"#"), b"/", never=r"//|/\.\.?(?:/|\z)", starts=(b"", b"/", b"/x"))
#: `$args`: as the request line has it, behind the first question mark.
ARGUMENTS: t.Final = Domain(_VISIBLE & ~byte_sets.of(b"#"))
#: `$arg_name`: nginx does not decode it.
ARGUMENT: t.Final = Domain(_VISIBLE & ~byte_sets.of(b"#&%+?=\"<>\\^`{|}'()*;[]"))
#: A header's value: nginx cuts off spaces at both ends.
HEADER: t.Final = Domain(_TEXT, never=r"^ | \z")
#: `$cookie_name`: a semicolon ends it.
COOKIE: t.Final = Domain(_VISIBLE & ~byte_sets.of(b';,"'))
#: `$host` and what `server_name` is compared with: lower case, without a port, without a dot at its end.
HOST: t.Final = Domain(
    _LETTERS | _DIGITS | byte_sets.of(b"-._"), shape=r"^[a-z0-9_](?:[a-z0-9_-]|\.(?!\.|\z))*\z", starts=(b"", b"x")
)
METHOD: t.Final = Domain(byte_sets.span(ord("A"), ord("Z")) | byte_sets.of(b"_-"), shape=r"^[A-Z][A-Z_-]{0,30}\z")
#: `$remote_addr` of IPv4, without what no client has.
ADDRESS: t.Final = Domain(
    _DIGITS | byte_sets.of(b"."), shape=rf"^(?!0|22[4-9]|2[345]|127){_OCTET}(?:\.{_OCTET}){{3}}\z"
)

_BY_NAME: t.Final[dict[str, Domain]] = {
    "uri": PATH,
    "document_uri": PATH,
    "request_uri": TARGET,
    "args": ARGUMENTS,
    "query_string": ARGUMENTS,
    "host": HOST,
    "http_host": HOST,
    "request_method": METHOD,
    "remote_addr": ADDRESS,
    "realip_remote_addr": ADDRESS,
}
_BY_PREFIX: t.Final = (("arg_", ARGUMENT), ("cookie_", COOKIE), ("http_", HEADER))


def domain_of(variable: str) -> Domain:
    """Return the strings that a client can give to a variable, by its name in lower case; any text for other variables."""
    found = _BY_NAME.get(variable)
    if found is not None:
        return found
    return next((domain for prefix, domain in _BY_PREFIX if variable.startswith(prefix)), Domain())
