# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""List nginx's security advisories that depend on directives: https://nginx.org/en/security_advisories.html.

Advisories about memory safety of a module count only where the configuration uses it. Those of before 2017 are left out.
"""

from __future__ import annotations

import typing as t

#: The month up to which the list is complete.
DATE: t.Final = "2026-07"


class Advisory(t.NamedTuple):
    """A vulnerability of the versions from `since` to before `fixed`.

    `branch` is the first repaired release of the stable branch (1.30.4); later ones of that branch are repaired too.
    """

    cve: str
    what: str
    since: str
    fixed: str
    branch: str
    directives: tuple[str, ...]


#: CVE-2026-42945 ("nginx Rift") needs a certain shape of rewrites; the rule `known-vulnerability` looks for it.
RIFT: t.Final = Advisory(
    "CVE-2026-42945", "heap buffer overflow in ngx_http_rewrite_module", "0.6.27", "1.31.0", "1.30.1", ("rewrite",)
)
ADVISORIES: t.Final = (
    Advisory("CVE-2026-60005", "memory disclosure in ngx_http_slice_module", "1.15.8", "1.31.3", "1.30.4", ("slice",)),
    Advisory("CVE-2026-56434", "use after free in ngx_http_ssi_module", "0.8.11", "1.31.3", "1.30.4", ("ssi",)),
    Advisory(
        "CVE-2026-42055", "buffer overflow in ngx_http_grpc_module", "1.13.10", "1.31.2", "1.30.3", ("grpc_pass",)
    ),
    Advisory(
        "CVE-2025-23419",
        "TLS session reuse around client certificates",
        "1.11.4",
        "1.27.4",
        "1.26.3",
        ("ssl_verify_client",),
    ),
    Advisory("CVE-2024-7347", "buffer overread in ngx_http_mp4_module", "1.5.13", "1.27.1", "1.26.2", ("mp4",)),
    Advisory("CVE-2022-41741", "memory corruption in ngx_http_mp4_module", "1.1.3", "1.23.2", "1.22.1", ("mp4",)),
    Advisory("CVE-2021-23017", "memory corruption in the resolver", "0.6.18", "1.21.0", "1.20.1", ("resolver",)),
    Advisory("CVE-2018-16845", "memory disclosure in ngx_http_mp4_module", "1.1.3", "1.15.6", "1.14.1", ("mp4",)),
    Advisory(
        "CVE-2017-7529",
        "integer overflow with cached answers",
        "0.5.6",
        "1.13.3",
        "1.12.1",
        ("proxy_cache", "fastcgi_cache"),
    ),
)
