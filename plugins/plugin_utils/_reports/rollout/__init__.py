# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report of a rollout, made of its record and the journals of its hosts: events, releases served, next steps."""

from __future__ import annotations

from .assembly import build
from .errors import ReportError
from .files import publish
from .formats import FORMATS, render

__all__ = ("FORMATS", "ReportError", "build", "publish", "render")
