# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The classes of change, worst first, and the words that a gate may name them by."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

if t.TYPE_CHECKING:
    from collections.abc import Iterable

Risk = t.Literal["critical", "high", "info"]

RISKS: t.Final[tuple[Risk, ...]] = ("critical", "high", "info")

#: Class -> risk and meaning, worst first: this is the order of every report.
CLASSES: t.Final[dict[str, tuple[Risk, str]]] = {
    "outage": ("critical", "a whole listener, server name or server answers with errors, or nothing, or in a circle"),
    "error-introduced": ("critical", "an answer below 500 became a server error"),
    "redirect-loop": ("critical", "redirects lead back to where they began, or never end"),
    "cached-redirect-loop": ("critical", "clients that cached an old permanent redirect go round in circles"),
    "access-widened": ("critical", "what was refused to clients without credentials is served to them"),
    "auth-subrequest-removed": ("critical", "content is served without the authorisation request made before"),
    "security-header-removed": ("critical", "a response header that protects browsers is gone"),
    "certificate-broken": ("critical", "a certificate that was fine does not fit its name or is out of date"),
    "lost": ("high", "4xx, or no answer, where content or a redirect was"),
    "auth-added": ("high", "what was public demands a login"),
    "tls-changed": ("high", "other TLS versions, another certificate, or a client certificate is demanded"),
    "listener-narrowed": ("high", "a wildcard listener became single addresses: others of the host get nothing"),
    "status-changed": ("high", "another status"),
    "redirect-changed": ("high", "a redirect to another URL"),
    "upstream-changed": ("high", "another upstream, or another request to it"),
    "peers-changed": ("high", "some peers of an upstream are others"),
    "upstream-headers-changed": ("high", "the upstream gets other headers or parameters"),
    "file-changed": ("high", "another file, or another body"),
    "content-type-changed": ("high", "another Content-Type"),
    "served-by": ("info", "another block answers, with the same outcome"),
    "headers-changed": ("info", "other response headers"),
    "certificate-renewed": ("info", "another certificate for the same names"),
    "new": ("info", "an outcome where none was"),
}
ORDER: t.Final = {name: position for position, name in enumerate(CLASSES)}
#: The classes that stop a change where `fail_on` is not set. The rest of `high` is told.
DEFAULT_FAIL_ON: t.Final[tuple[str, ...]] = ("critical", "lost")


def risk_of(name: str) -> Risk:
    """Return the risk of a class."""
    return CLASSES[name][0]


def worst(names: Iterable[str]) -> str:
    """Return the first of these classes in the order of risk; there has to be one."""
    return min(names, key=ORDER.__getitem__)


def guilty_classes(fail_on: Iterable[str]) -> frozenset[str]:
    """Return the classes that a list of class names and risk words stands for.

    A risk word stands for the classes of that risk only: `[critical, high]` names two. `none` is an empty list.

    Raises:
        RouteError: a word is neither.
    """
    chosen: set[str] = set()
    for word in fail_on:
        if word in CLASSES:
            chosen.add(word)
        elif word in RISKS:
            chosen.update(name for name, (risk, _meaning) in CLASSES.items() if risk == word)
        elif word != "none":
            known = ", ".join([*RISKS, *CLASSES])
            raise RouteError(f'fail_on: "{word}" is neither a class of change nor a risk; there are: {known}')
    return frozenset(chosen)
