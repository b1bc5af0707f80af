# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The error of this room, and the failure of a host's module."""

from __future__ import annotations


class PlanError(Exception):
    """A side of a comparison cannot be read, or a private world cannot be had.

    Attributes:
        kind: `source` (a side is missing or cannot be read), `refused` (nginx does not start with a side),
            `unavailable` (this host cannot build a private world), or another kind of `SandboxError`.
    """

    def __init__(self, message: str, kind: str = "source") -> None:
        super().__init__(message)
        self.kind = kind


class HostError(Exception):
    """The module failed on the host, or the host is unreachable.

    Attributes:
        result: the module's result, which becomes the task's.
    """

    def __init__(self, result: dict[str, object]) -> None:
        super().__init__(str(result.get("msg")))
        self.result = result
