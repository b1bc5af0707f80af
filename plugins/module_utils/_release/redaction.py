# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mask what nginx quotes out of secret files, on the host, where the secret values are not known."""

from __future__ import annotations

import re
import typing as t

from .._common.redaction import MASK, mask
from .errors import ReleaseError
from .store import Store

_QUOTED = re.compile(r'"([^"\n]{4,})"')
# A word of a configuration. A shorter one is masked only where it is the whole quotation.
_WORD = re.compile(r"[^\s;{}\"']{8,}")


class QuotationRedactor:
    """Mask quotations out of files that hold secret values, whose contents `texts` returns.

    Every quotation is masked where it raises `ReleaseError`.
    """

    def __init__(self, texts: t.Callable[[], t.Iterable[str]]) -> None:
        self._texts = texts
        self._known: list[str] | None = None
        self._words: set[str] = set()
        self._blind = False

    def __call__(self, value: t.Any) -> t.Any:
        """Return JSON with these quotations masked."""
        return mask(value, lambda text: _QUOTED.sub(self._quotation, text), keep_keys=True)

    def _quotation(self, found: t.Match[str]) -> str:
        if self._known is None:
            try:
                self._known = list(self._texts())
            except ReleaseError:
                self._known = []
                self._blind = True
            self._words = {word for known in self._known for word in _WORD.findall(known)}
        quoted = found.group(1)
        secret = self._blind or any(quoted in known for known in self._known)
        return f'"{MASK}"' if secret or any(word in quoted for word in self._words) else found.group()


def guarded_texts(store: Store) -> t.Iterator[str]:
    """Yield the contents of the stored files that hold secret values."""
    for release in map(store.releases.read, store.releases.ids()):
        for entry in release.tree.values():
            if entry.type == "file" and (entry.secret or entry.guarded):
                yield store.releases.files(release).read(entry.path).decode("utf-8", "replace")
