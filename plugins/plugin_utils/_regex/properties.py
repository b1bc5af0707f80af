# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

r"""Unicode properties, \p and \P, for the bytes that a pattern without PCRE2_UTF can match."""

from __future__ import annotations

import re
import typing as t
import unicodedata

from . import byte_sets

if t.TYPE_CHECKING:
    from .reader import PatternReader

_CATEGORIES: t.Final = frozenset(
    "c cc cf cn co cs l ll lm lo lt lu m mc me mn n nd nl no p pc pd pe pf pi po ps s sc sk sm so z zl zp zs".split()  # noqa: SIM905 - a line instead of forty
)
_SPECIAL: t.Final = {
    "any": byte_sets.ALL,
    "xsp": byte_sets.SPACE | byte_sets.of(b"\x85\xa0"),
    "xps": byte_sets.SPACE | byte_sets.of(b"\x85\xa0"),
}
#: The usual scripts and binary properties; their bytes are not tabulated.
_SCRIPTS: t.Final = frozenset(
    (  # noqa: SIM905 - the same
        "arabic armenian bengali common cyrillic devanagari ethiopic georgian greek gujarati gurmukhi han hangul hebrew "
        "hiragana inherited kannada katakana khmer lao latin malayalam mongolian myanmar sinhala tamil telugu thai tibetan "
        "alphabetic ascii emoji hexdigit ideographic lowercase uppercase whitespace xidcontinue xidstart xuc"
    ).split()
)
_MALFORMED: t.Final = "malformed \\P or \\p sequence"


def read_property(reader: PatternReader, *, negated: bool) -> int | None:
    """Read the name behind the escape and return its bytes; None for a script, whose bytes are not tabulated."""
    if reader.at_end:
        raise reader.fail(_MALFORMED)
    if reader.skip(b"{"):
        negated ^= reader.skip(b"^")
        end = reader.source.find(b"}", reader.position)
        if end < 0:
            reader.position = len(reader.source)
            raise reader.fail(_MALFORMED)
        name = reader.source[reader.position : end].decode("latin-1")
        reader.position = end + 1
    else:
        name = chr(reader.take())
    members = _members(re.sub(r"[\s_-]", "", name).lower(), reader)
    if members is None:
        return None
    return byte_sets.invert(members) if negated else members


def _members(name: str, reader: PatternReader) -> int | None:
    if name in _SPECIAL:
        return _SPECIAL[name]
    if name in ("l&", "lc"):
        return _category("ll") | _category("lu") | _category("lt")
    if name in ("xan", "xwd"):
        return _category("l") | _category("n") | (byte_sets.of(b"_") if name == "xwd" else byte_sets.NONE)
    if name in _CATEGORIES:
        return _category(name)
    key, separator, value = name.rpartition("=")
    if value in _SCRIPTS and (not separator or key in ("script", "sc", "scx", "scriptextensions")):
        return None
    raise reader.fail("unknown property after \\P or \\p")


def _category(name: str) -> int:
    return byte_sets.of(code for code in range(256) if unicodedata.category(chr(code)).lower().startswith(name))
