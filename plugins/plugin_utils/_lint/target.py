# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Describe the nginx that a configuration is for: its version and its modules, as far as they are known."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .errors import LintError

if t.TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION: t.Final = re.compile(r"(?:nginx/)?(\d{1,4}(?:\.\d{1,4}){0,3})")


@dataclass(frozen=True)
class Target:
    """One nginx. A version that is not known is None: then no rule is left out."""

    version: tuple[int, ...] | None = None
    modules: frozenset[str] | None = None

    @classmethod
    def of(cls, version: str | None = None, modules: Iterable[str] | None = None) -> Target:
        """Make a target from a version and modules as a user writes them.

        Args:
            version: `1.24.0` or `nginx/1.24.0`, as `nginx -v` prints it.
            modules: names as in `nginx -V` (`http_ssl_module`, with or without `--with-` or `ngx_` before it).

        Raises:
            LintError: the text is no version.
        """
        known = None if modules is None else frozenset(_module(name) for name in modules)
        return cls(None if version is None else parse_version(version), known)

    @classmethod
    def of_host(cls, version: str | None) -> Target:
        """Make a target from the version that a host reports; a text that is no version counts as not known."""
        known = version is not None and _VERSION.fullmatch(version.strip())
        return cls.of(version) if known else cls()

    def at_least(self, version: str) -> bool | None:
        """Return whether this nginx has this version or a newer one; None where that is not known."""
        return None if self.version is None else self.version >= parse_version(version)


def parse_version(text: str) -> tuple[int, ...]:
    """Split a version such as `1.24.0` into three or four numbers.

    Raises:
        LintError: the text is no version.
    """
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        msg = f'"{text}" is no version of nginx, write it as 1.24.0'
        raise LintError(msg)
    numbers = tuple(int(number) for number in match[1].split("."))
    return numbers + (0,) * (3 - len(numbers))


def _module(name: str) -> str:
    return name.strip().removeprefix("--").removeprefix("with-").removesuffix("=dynamic").removeprefix("ngx_")
