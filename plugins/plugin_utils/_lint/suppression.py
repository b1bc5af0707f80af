# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""`# failsafe:ignore RULE reason` comments: on the line before, or at the end of the line."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Comment, Place

    from .finding import Finding
    from .fixes import Editor, Fix

INVALID: t.Final = Rule("suppression-invalid", "warning", "A failsafe:ignore comment that does nothing")
UNUSED: t.Final = Rule("suppression-unused", "warning", "A failsafe:ignore comment without a finding to suppress")
RULES: t.Final = (INVALID, UNUSED)
_COMMENT: t.Final = re.compile(r"^\s*failsafe:ignore\b[:\s]*(?P<rule>\S*)\s*(?P<reason>.*)$", re.DOTALL)


@dataclass
class Suppression:
    """One valid comment: the rule, and the line that it speaks of."""

    rule: str
    file: str
    line: int
    place: Place
    used: bool = False


def apply(
    findings: Iterable[Finding],
    comments: Iterable[Comment],
    rules: Mapping[str, Rule],
    ignored: Collection[str],
    editor: Editor | None,
) -> Iterator[Finding]:
    """The findings that no comment suppresses, and findings on the comments themselves."""
    suppressions: dict[tuple[str, str, int], list[Suppression]] = {}
    for item in _parse(list(comments), rules):
        if isinstance(item, Suppression):
            suppressions.setdefault((item.rule, item.file, item.line), []).append(item)
        else:
            yield item
    for finding in findings:
        matching = suppressions.get((finding.rule, finding.file, finding.line))
        if not matching:
            yield finding
        for suppression in matching or ():
            suppression.used = True
    for suppression in (each for group in suppressions.values() for each in group):
        if not suppression.used and suppression.rule not in ignored:
            message = f"nothing to suppress: {suppression.rule} finds nothing at line {suppression.line}"
            yield UNUSED.at(suppression.place, f"{message}, delete this comment", fix=_removed(suppression, editor))


def _removed(suppression: Suppression, editor: Editor | None) -> Fix | None:
    if editor is None:
        return None
    start = editor.offset(suppression.file, suppression.place.line, suppression.place.column)
    end = editor.texts[suppression.file].find("\n", start)
    return editor.remove_range(suppression.file, start, end if end >= 0 else len(editor.texts[suppression.file]))


def _parse(comments: list[Comment], rules: Mapping[str, Rule]) -> Iterator[Suppression | Finding]:
    own_lines = {(comment.place.file, comment.place.line) for comment in comments if comment.own_line}
    for comment in comments:
        match = _COMMENT.match(comment.text)
        if match is None:
            continue
        reason = _refusal(match["rule"], match["reason"], rules)
        if reason:
            yield INVALID.at(comment.place, reason)
            continue
        line = comment.place.line
        if comment.own_line:
            while (comment.place.file, line) in own_lines:
                line += 1
        yield Suppression(match["rule"], comment.place.file, line, comment.place)


def _refusal(rule: str, reason: str, rules: Mapping[str, Rule]) -> str:
    usage = "write `# failsafe:ignore RULE why this is right here`"
    if not rule:
        return f"no rule named: {usage}"
    if rule not in rules:
        return f'unknown rule "{rule}": {usage}'
    if rules[rule].unreadable or rules[rule] in RULES:
        return f"{rule} cannot be suppressed"
    return "" if reason.strip() else f"no reason given for ignoring {rule}: {usage}"
