# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Hold the input of every format: the findings of one run, the linted texts, and their paths for other tools."""

from __future__ import annotations

import posixpath
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._lexer import tokens
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.edits import Editor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import gate

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

Outcome = t.Literal["clean", "findings", "unreadable"]
#: Characters of a directive that its fingerprint reads.
_LONG: t.Final = 4096


@dataclass(frozen=True)
class LintReport:
    """The findings of one run. Their paths are below the linted folder; `base` is that folder's path for other tools."""

    findings: Sequence[Finding]
    texts: Mapping[str, str] = field(default_factory=dict)
    fail_on: str = "error"
    #: The linted folder relative to the working folder of other tools (a repository's root); empty where they are equal.
    base: str = ""
    #: Files outside of the linted folder: path in findings -> path for other tools.
    names: Mapping[str, str] = field(default_factory=dict)

    def path(self, file: str) -> str:
        """Return the path of a file for other tools: relative with `/`, or absolute for a dump."""
        return self.names.get(file) or posixpath.normpath(posixpath.join(self.base, file))

    def line(self, file: str, line: int) -> str:
        """Return one line of the source, empty where it is not known."""
        if file not in self._lines:
            self._lines[file] = self.texts.get(file, "").split("\n")
        lines = self._lines[file]
        return lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""

    def guilty(self) -> list[bool]:
        """Return for each finding whether the run fails because of it."""
        return [bool(gate([finding.as_dict()], self.fail_on)) for finding in self.findings]

    def fingerprints(self) -> Iterator[str]:
        """Yield a digest for each finding that stays when lines move: of its rule, path, directive and number among equals."""
        seen: Counter[tuple[str, str, str]] = Counter()
        import hashlib  # noqa: PLC0415 - it loads OpenSSL, which two formats need

        editor = Editor(self.texts)
        for finding in self.findings:
            key = (finding.rule, self.path(finding.file), self._normal(editor, finding))
            digest = hashlib.sha256("\0".join([*key, str(seen[key])]).encode("utf-8", "replace"))
            seen[key] += 1
            yield digest.hexdigest()[:32]

    def _normal(self, editor: Editor, finding: Finding) -> str:
        """Return the directive at a finding's place without its layout, or the words of the line."""
        if not self.line(finding.file, finding.line):
            return ""
        start = editor.offset(finding.file, finding.line, finding.column)
        words: list[str] = []
        for token in tokens(self.texts[finding.file][start : start + _LONG]):
            if token.kind in ("end", "error", "lua"):
                break
            words.append(token.raw)
            if token.kind == "comment":
                break
        return " ".join(words)

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        return {}


def outcome(findings: Iterable[Finding], fail_on: str = "error") -> Outcome:
    """Return how a run ended.

    Returns:
        `unreadable` where a part of the configuration was not read. `findings` where some are of `fail_on` or worse; with
        `never`, where there are any. Else `clean`.

    Raises:
        LintError: `fail_on` is no severity and not `never`.
    """
    found = list(findings)
    if any(registry.rule(finding.rule).unreadable for finding in found):
        return "unreadable"
    limit = "advice" if fail_on == "never" else fail_on
    return "findings" if gate((finding.as_dict() for finding in found), limit) else "clean"
