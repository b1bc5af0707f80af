# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""List the addresses of public resolvers, as their operators publish them (2026-11)."""

from __future__ import annotations

import typing as t

#: Google, Cloudflare, Quad9, OpenDNS, AdGuard, Level 3.
PUBLIC: t.Final = frozenset(
    {
        *("8.8.8.8", "8.8.4.4", "[2001:4860:4860::8888]", "[2001:4860:4860::8844]"),
        *("1.1.1.1", "1.0.0.1", "[2606:4700:4700::1111]", "[2606:4700:4700::1001]"),
        *("9.9.9.9", "149.112.112.112", "[2620:fe::fe]", "[2620:fe::9]"),
        *("208.67.222.222", "208.67.220.220", "94.140.14.14", "94.140.15.15", "4.2.2.1", "4.2.2.2"),
    }
)


def is_public(address: str) -> bool:
    """Return whether an argument of `resolver` is a public one, with or without a port."""
    bare = address.rpartition("]")[0] + "]" if address.startswith("[") else address.partition(":")[0]
    return bare.lower() in PUBLIC
