# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Make edits that repair a finding: ranges of the original text, so that comments and layout stay as they are."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from itertools import accumulate

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._lexer import tokens

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive


@dataclass(frozen=True, order=True)
class Edit:
    """Characters `start` to `end` of a file's text (`Config.texts`) become `replacement`."""

    file: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True)
class Fix:
    """Edits that belong together: all of them are made or none."""

    edits: tuple[Edit, ...]

    def __add__(self, other: Fix) -> Fix:
        return Fix((*self.edits, *other.edits))


class Editor:
    """Make fixes for directives. A file is indexed when its first fix is made."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self._lines: dict[str, list[int]] = {}

    def offset(self, file: str, line: int, column: int = 1) -> int:
        """Return the position of a place (1-based line and column) in its file's text."""
        if file not in self._lines:
            lengths = (len(each) + 1 for each in self.texts[file].split("\n"))
            self._lines[file] = list(accumulate(lengths, initial=0))
        return self._lines[file][line - 1] + column - 1

    def words(self, directive: Directive) -> list[tuple[int, int]]:
        """Return start and end of the directive's name, of each argument as written, and of the `;` or `{` after them."""
        start = self.offset(directive.file, directive.line, directive.column)
        spans: list[tuple[int, int]] = []
        # Most directives are short; a longer one is read a second time, as a whole.
        for limit in (_GLANCE, len(self.texts[directive.file])):
            spans = _spans(self.texts[directive.file], start, start + limit)
            if spans and self.texts[directive.file][slice(*spans[-1])] in (";", "{"):
                break
        return spans

    def replace_word(self, directive: Directive, index: int, replacement: str) -> Fix:
        """Replace one word as written; 0 is the directive's name, 1 its first argument."""
        start, end = self.words(directive)[index]
        return Fix((Edit(directive.file, start, end, replacement),))

    def append(self, directive: Directive, index: int, text: str) -> Fix:
        """Put text at the end of one argument, inside of its quotes."""
        start, end = self.words(directive)[index]
        end -= self.texts[directive.file][start] in "\"'" and end - start > 1
        return Fix((Edit(directive.file, end, end, text),))

    def append_word(self, directive: Directive, index: int, word: str) -> Fix:
        """Put a word behind one argument."""
        _start, end = self.words(directive)[index]
        return Fix((Edit(directive.file, end, end, f" {word}"),))

    def remove_word(self, directive: Directive, index: int) -> Fix:
        """Remove one argument and the space before it."""
        spans = self.words(directive)
        return Fix((Edit(directive.file, spans[index - 1][1], spans[index][1], ""),))

    def remove(self, directive: Directive) -> Fix:
        """Remove a simple directive, and its line where nothing else stands there."""
        spans = self.words(directive)
        return self.remove_range(directive.file, spans[0][0], spans[-1][1])

    def remove_range(self, file: str, start: int, end: int) -> Fix:
        """Remove characters, and the line break behind them where nothing else stands on their lines."""
        text = self.texts[file]
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", end) + 1 or len(text)
        if not text[line_start:start].strip() and not text[end:line_end].strip():
            return Fix((Edit(file, line_start, line_end, ""),))
        before = len(text[line_start:start].rstrip(" \t"))
        # The text before it stays; the space between goes where nothing follows.
        if before and not text[end:line_end].strip():
            start = line_start + before
        return Fix((Edit(file, start, end, ""),))


_GLANCE: t.Final = 4096


def _spans(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    starts = [start]
    part = text[start:stop]
    starts += [start + position + 1 for position, char in enumerate(part) if char == "\n"]
    for token in tokens(part):
        if token.kind in ("error", "lua"):
            break
        if token.kind == "comment":
            continue
        begin = starts[token.line - 1] + token.column - 1
        spans.append((begin, begin + len(token.raw)))
        if token.kind == "end":
            break
    return spans
