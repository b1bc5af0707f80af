# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Simulated requests and their outcomes."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .select import Listener

Kind = t.Literal["redirect", "return", "content", "internal-cycle", "missing-named-location", "unknown"]


@dataclass(frozen=True)
class Request:
    """A GET request without cookies and without headers but Host.

    `uri` is the decoded path, `args` what follows the `?`. `missing` names path segments that stand for something
    that does not exist on disk: a path with one of them is no file. `raw` is the path as the client writes it, where
    that differs. `switches` says whether the files exist by which operators switch something on, such as
    `/srv/maintenance.on`; None where that is not known.
    """

    listener: Listener
    host: str
    uri: str
    args: str = ""
    missing: frozenset[str] = frozenset()
    raw: str = ""
    switches: bool | None = None

    @property
    def request_uri(self) -> str:
        """Return the path and the arguments as the client writes them."""
        return (self.raw or self.uri) + (f"?{self.args}" if self.args else "")

    @property
    def scheme(self) -> str:
        return "https" if self.listener.ssl else "http"

    @property
    def url(self) -> str:
        """Return the URL as a client writes it; a unix socket has the scheme's default port."""
        port = self.listener.socket.port
        authority = self.host if port in (0, 443 if self.listener.ssl else 80) else f"{self.host}:{port}"
        return f"{self.scheme}://{authority}{self.request_uri}"


@dataclass(frozen=True)
class Step:
    """A directive that sent the request elsewhere, and its target: a URI, `@name`, a URL or a status."""

    directive: Directive
    to: str


@dataclass(frozen=True)
class Outcome:
    """The end of a simulation. `location` is absolute, as a client resolves it; `reason` says why it is unknown."""

    kind: Kind
    status: int | None = None
    location: str | None = None
    trace: tuple[Step, ...] = field(default=())
    reason: str = ""
