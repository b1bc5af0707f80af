# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The one exception of the release engine."""

from __future__ import annotations

import typing as t


class ReleaseError(Exception):
    """A step of a release was refused or failed; the message says what, where and what to do.

    `code` is stable and meant for programs; `details` is merged into the module's result.
    """

    def __init__(self, message: str, code: str = "failed", **details: t.Any) -> None:
        super().__init__(message)
        self.code = code
        self.details = details
