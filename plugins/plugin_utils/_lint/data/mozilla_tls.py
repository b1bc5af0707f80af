# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Mozilla's guideline "Server Side TLS", version 6.0 of May 2026: https://ssl-config.mozilla.org/.

It has two profiles: `modern` (TLS 1.3 only) and `intermediate` (TLS 1.2 as well).
"""

from __future__ import annotations

import typing as t

VERSION: t.Final = "6.0"
DATE: t.Final = "2026-05"
#: The words with which messages name the guideline.
GUIDELINE: t.Final = f"Mozilla's guideline {VERSION} of {DATE}"
#: The TLS 1.2 ciphers of the intermediate profile, by OpenSSL's names. TLS 1.3 has its own and needs no list.
INTERMEDIATE_CIPHERS: t.Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
#: Seconds of Strict-Transport-Security in both profiles: two years.
HSTS_MAX_AGE: t.Final = 63072000
