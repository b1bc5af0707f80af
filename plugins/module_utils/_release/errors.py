# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exception of the release engine."""

from __future__ import annotations


class ReleaseError(Exception):
    """A step of a release was refused or failed.

    Attributes:
        code: a stable word for programs.
        details: JSON that becomes part of the module's result.
    """

    def __init__(self, message: str, code: str = "failed", **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.details: dict[str, object] = details
