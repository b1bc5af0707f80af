# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Search for an origin that a pattern for trusted origins matches by mistake."""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_BARE_DOT: t.Final = re.compile(r"(?<!\\)\.(?![*+?{])")
_ANY_ORIGIN: t.Final = "https://unlisted.test"
#: A name with fewer labels cannot be registered.
_LABELS: t.Final = 2


@lru_cache(maxsize=1024)
def foreign_origin(pattern: str, *, caseless: bool) -> str:
    """Return an origin that the pattern matches and that an attacker can register.

    Returns:
        `scheme://host`; empty where none was found, or where the pattern is meant to match every origin.
    """
    compiled = compile_pattern(pattern, caseless=caseless)
    if compiled is None or compiled.search(_ANY_ORIGIN) or compiled.search("null"):
        return ""
    # Dots are meant as dots, also where they are not escaped.
    for sample in sample_pattern(_BARE_DOT.sub(r"\\.", pattern), caseless=caseless, path=False):
        scheme, separator, host = sample.text.rpartition("://")
        host = host.partition("/")[0].partition(":")[0]
        for foreign in _foreign(host):
            origin = f"{scheme if separator else 'https'}://{foreign}"
            if compiled.search(origin):
                return origin
    return ""


def _foreign(host: str) -> Iterator[str]:
    """Yield names of other owners that look like a host."""
    labels = host.strip(".").split(".")
    if len(labels) < _LABELS or not labels[-1].isalpha():
        return
    domain = ".".join(labels[-_LABELS:])
    yield f"{host.strip('.')}.evil.test"
    yield f"evil{domain}"
    for index in range(1, len(labels) - 1):
        # A dot that matches any character, where the name still ends in the same registry.
        yield "x".join((".".join(labels[:index]), ".".join(labels[index:])))
