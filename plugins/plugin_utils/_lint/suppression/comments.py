# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Suppress findings by `# failsafe:ignore RULE reason` comments: on the line before, or at the end of the line."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry

from .faults import SuppressionFault, is_suppressible

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Comment, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.edits import Editor, Fix
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

_COMMENT: t.Final = re.compile(r"^\s*failsafe:ignore\b[:\s]*(?P<rule>\S*)\s*(?P<reason>.*)$", re.DOTALL)
_USAGE: t.Final = "write `# failsafe:ignore RULE why this is right here`"


@dataclass
class _Suppression:
    """A valid comment, and the line whose findings it suppresses."""

    rule: str
    file: str
    line: int
    place: Place
    used: bool = False


class CommentSuppressions:
    """The comments of one configuration, and which of them were of use.

    Args:
        comments: all comments of the configuration.
        silent: ids of rules that do not run: comments about them cannot be unused.
        editor: makes the fixes that delete unused comments; None where a part of the configuration is not known.
    """

    def __init__(self, comments: Iterable[Comment], silent: Collection[str], editor: Editor | None) -> None:
        self.invalid: list[SuppressionFault] = []
        self.expired: list[SuppressionFault] = []
        self._silent = silent
        self._editor = editor
        #: By rule, file and line.
        self._suppressions: dict[tuple[str, str, int], list[_Suppression]] = {}
        self._read(list(comments))

    def keep(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings that no comment suppresses."""
        for finding in findings:
            matching = self._suppressions.get((finding.rule, finding.file, finding.line))
            if not matching:
                yield finding
            for suppression in matching or ():
                suppression.used = True

    def unused(self) -> Iterator[SuppressionFault]:
        """Yield the comments that suppressed nothing, once all findings were seen."""
        for suppression in (each for group in self._suppressions.values() for each in group):
            if not suppression.used and suppression.rule not in self._silent:
                message = f"nothing to suppress: {suppression.rule} finds nothing at line {suppression.line}"
                yield SuppressionFault(suppression.place, f"{message}, delete this comment", self._removal(suppression))

    def _read(self, comments: list[Comment]) -> None:
        own_lines = {(comment.place.file, comment.place.line) for comment in comments if comment.own_line}
        for comment in comments:
            match = _COMMENT.match(comment.text)
            if match is None:
                continue
            rule, line = match["rule"], comment.place.line
            refusal = _refusal(rule, match["reason"])
            if refusal:
                self.invalid.append(SuppressionFault(comment.place, refusal))
                continue
            if comment.own_line:
                while (comment.place.file, line) in own_lines:
                    line += 1
            suppression = _Suppression(rule, comment.place.file, line, comment.place)
            self._suppressions.setdefault((rule, suppression.file, line), []).append(suppression)

    def _removal(self, suppression: _Suppression) -> Fix | None:
        if self._editor is None:
            return None
        text = self._editor.texts[suppression.file]
        start = self._editor.offset(suppression.file, suppression.place.line, suppression.place.column)
        end = text.find("\n", start)
        return self._editor.remove_range(suppression.file, start, end if end >= 0 else len(text))


def _refusal(rule: str, reason: str) -> str:
    if not rule:
        return f"no rule named: {_USAGE}"
    if rule not in registry.MODULES:
        return f'unknown rule "{rule}": {_USAGE}'
    if not is_suppressible(rule):
        return f"{rule} cannot be suppressed"
    return "" if reason.strip() else f"no reason given for ignoring {rule}: {_USAGE}"
