# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The suppressions of a configuration: its comments, then the entries of its project file."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context, shared
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.comments import CommentSuppressions

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.entries import EntrySuppressions


@shared
def suppressions(context: Context) -> list[CommentSuppressions | EntrySuppressions]:
    """Read the suppressions, in the order in which they take findings."""
    config = context.config
    # A comment is surely unused only where the whole configuration is known.
    editor = None if config.partial else context.editor
    found: list[CommentSuppressions | EntrySuppressions] = [
        CommentSuppressions(config.comments, context.silent, editor)
    ]
    if context.project is not None:
        from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.entries import (  # noqa: PLC0415
            EntrySuppressions,
        )

        entries = EntrySuppressions(context.project, config.texts, context.silent, partial=config.partial)
        found.append(entries)
    return found
