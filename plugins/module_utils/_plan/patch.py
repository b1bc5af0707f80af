# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Two versions of a file in one, of which any set of the changes between them can be applied.

A *part* is a list: `["=", text]` is in both versions; `["+", change, text]` only with the change; `["-", change, text]`
only without it; `["+{", change, parts]` and `["-{", change, parts]` say the same of other parts. Texts are bytes as latin-1.
"""

from __future__ import annotations

import typing as t

from .search_jobs import Part, PatchedFile


def apply(file: PatchedFile, ids: t.Container[int]) -> t.Optional[bytes]:
    """Return the bytes of a file with these changes and no others; None where it does not exist then."""
    if file.only is not None and (file.only[0] == "+") != (file.only[1] in ids):
        return None
    pieces: t.List[str] = []
    _collect(file.parts, ids, pieces)
    return "".join(pieces).encode("latin-1")


def _collect(parts: t.Iterable[Part], ids: t.Container[int], pieces: t.List[str]) -> None:
    for part in parts:
        kind, content = t.cast("t.Tuple[str, t.Any]", (part[0], part[-1]))
        if kind != "=" and kind.startswith("+") != (part[1] in ids):
            continue
        if kind.endswith("{"):
            _collect(content, ids, pieces)
        else:
            pieces.append(content)
