# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mask secret values wherever they stand in results, messages and journals."""

from __future__ import annotations

import re
import typing as t

#: Stands for a secret value.
MASK = "********"
_SHORTEST = 4  # masking every "80" or "on" would hide the configuration and protect nothing
_SHORTEST_LINE = 16


class Redactor:
    """Mask known secret values.

    A value shorter than four characters is left alone. Lines of a value are masked one by one, too, because a filter such
    as `indent` may have moved them apart.

    Args:
        secrets: the values.
        keep_keys: leave keys as they are, and everything below a key with a leading underscore. Such values are packed,
            and code reads them.

    Attributes:
        values: the masked texts. The longest come first, so that a value which contains another one is masked whole.
    """

    def __init__(self, secrets: t.Iterable[str], *, keep_keys: bool = False) -> None:
        values: t.Set[str] = set()
        for secret in secrets:
            stripped = secret.strip()
            if len(stripped) >= _SHORTEST:
                values.add(stripped)
            values.update(line.strip() for line in stripped.splitlines() if len(line.strip()) >= _SHORTEST_LINE)
        self.values = tuple(sorted(values, key=lambda value: (-len(value), value)))
        self._pattern = re.compile("|".join(map(re.escape, self.values))) if values else None
        self._keep_keys = keep_keys

    def text(self, text: str) -> str:
        """Return a text with every secret value masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def __call__(self, value: t.Any) -> t.Any:
        """Return JSON with every text masked."""
        return value if self._pattern is None else mask(value, self.text, keep_keys=self._keep_keys)


def mask(value: t.Any, text: t.Callable[[str], str], *, keep_keys: bool = False) -> t.Any:
    """Return JSON with `text` applied to every text. See `Redactor` for `keep_keys`."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        if keep_keys:
            return {
                key: item if key.startswith("_") else mask(item, text, keep_keys=True) for key, item in value.items()
            }
        return {mask(key, text): mask(item, text) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item, text, keep_keys=keep_keys) for item in value]
    return value
