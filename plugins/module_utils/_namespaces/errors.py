# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The error of everything that is built of namespaces."""

from __future__ import annotations


class SandboxError(Exception):
    """A private world or mount namespace could not be made. The message names the step and the system's reason.

    Attributes:
        kind: `unavailable` (the system denies it), `refused` (nginx did not start with this tree; the message is nginx's
            own) or `failed` (the world broke or took too long; nothing is known about the tree).
    """

    def __init__(self, message: str, kind: str = "unavailable") -> None:
        super().__init__(message)
        self.kind = kind
