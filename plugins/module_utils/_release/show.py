# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What may be shown of a change: diffs without secrets."""

from __future__ import annotations

import difflib
import re
import typing as t

from .candidate import Tree
from .entry import Entry
from .errors import ReleaseError
from .switch import Changes

HIDDEN = "********"
_SHORTEST = 4  # replacing every "80" or "on" would hide the configuration and protect nothing
_SHORTEST_LINE = 16
_LARGEST = 256 * 1024
_LINES = 60  # of one file's drift
_LISTED = 20  # of one list in a line of the journal
_LONGEST_TEXT = 500
_MOST_LINES = 50  # of the journal
_QUOTED = re.compile(r'"([^"\n]{4,})"')
_WORD = re.compile(
    r"[^\s;{}\"']{8,}"
)  # of a configuration; what is shorter is hidden only where it is all that is quoted
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")

Reader = t.Callable[[Entry], bytes]


class Redactor:
    """Replaces every secret value in whatever is shown."""

    def __init__(self, secrets: t.Iterable[str] = ()) -> None:
        values = [secret.strip() for secret in secrets]
        words = {value for value in values if len(value) >= _SHORTEST}
        # A filter such as indent may have moved the lines of a value apart.
        words.update(
            line.strip() for value in values for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE
        )
        pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        self._pattern = re.compile(pattern) if pattern else None

    def __call__(self, value: t.Any) -> t.Any:
        """The same plain data without the secrets; what is packed for the action plugin (`_name`) stays readable."""
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, dict):
            return {key: item if key.startswith("_") else self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        return value

    def _clean(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


class Elider(Redactor):
    """Hides what nginx quotes out of files that hold secret values, where nobody tells the values.

    `texts` gives the contents of these files once it is needed; where it raises `ReleaseError`, every quotation is hidden.
    """

    def __init__(self, texts: t.Callable[[], t.Iterable[str]]) -> None:
        super().__init__()
        self._texts = texts
        self._known: list[str] | None = None
        self._words: set[str] = set()
        self._blind = False

    def _clean(self, text: str) -> str:
        return _QUOTED.sub(self._quotation, text)

    def _quotation(self, found: t.Match[str]) -> str:
        if self._known is None:
            try:
                self._known = list(self._texts())
            except ReleaseError:
                self._known = []
                self._blind = True
            self._words = {word for known in self._known for word in _WORD.findall(known)}
        said = found.group(1)
        told = self._blind or any(said in known for known in self._known)
        return f'"{HIDDEN}"' if told or any(word in said for word in self._words) else found.group()


def diff(plan: Changes, before: tuple[Tree, Reader], after: tuple[Tree, Reader]) -> list[dict[str, str]]:
    """The changes as Ansible shows them; a folder shows only where it comes or goes with a mode of its own."""
    rows = []
    for path in sorted(plan.added + plan.changed + plan.removed):
        old, new = before[0].get(path), after[0].get(path)
        secret = any(entry is not None and entry.secret for entry in (old, new))
        rows.append(
            {
                "before_header": _header(path, old, new),
                "after_header": _header(path, new, old),
                "before": _text(old, before[1], secret=secret),
                "after": _text(new, after[1], secret=secret),
            }
        )
    return rows


def journal(lines: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The last lines of a journal for the controller: without its own metadata; a long list is its length, a long text is cut."""
    return [{key: _brief(value) for key, value in line.items() if key != "metadata"} for line in lines[-_MOST_LINES:]]


def _brief(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "..."
    if isinstance(value, (list, tuple)):
        return [_brief(item) for item in value] if len(value) <= _LISTED else len(value)
    return {key: _brief(item) for key, item in value.items()} if isinstance(value, dict) else value


def secrecy(known: Tree, tree: Tree) -> Tree:
    """A tree, in which what is secret in a known one stays so."""
    hidden = {path: known[path] for path in tree if path in known and (known[path].secret or known[path].guarded)}
    return {**tree, **{path: tree[path]._replace(secret=e.secret, guarded=e.guarded) for path, e in hidden.items()}}


def summaries(
    paths: t.Iterable[str], before: tuple[Tree, Reader], after: tuple[Tree, Reader]
) -> list[dict[str, t.Any]]:
    """What became of these paths: `path, change, added, removed` (numbers of lines) and `diff` (unified, cut short)."""
    rows = []
    for path in paths:
        old, new = before[0].get(path), after[0].get(path)
        hidden = any(entry is not None and (entry.secret or entry.guarded) for entry in (old, new))
        was, is_ = _text(old, before[1], secret=hidden), _text(new, after[1], secret=hidden)
        lines = list(difflib.unified_diff(was.splitlines(), is_.splitlines(), path, path, n=1, lineterm=""))
        counted = {
            name: sum(line[0] == sign for line in lines[2:]) for name, sign in (("added", "+"), ("removed", "-"))
        }
        if len(lines) > _LINES:
            lines[_LINES:] = [f"(and {len(lines) - _LINES} more lines)"]
        rows.append({"path": path, "change": _change(old, new), **counted, "diff": "\n".join(lines)})
    return rows


def _change(old: Entry | None, new: Entry | None) -> str:
    if old is None or new is None:
        return "added" if old is None else "removed"
    if old.type != new.type:
        return "replaced"
    return "mode" if old.digest == new.digest else "modified"


def _header(path: str, entry: Entry | None, other: Entry | None) -> str:
    if entry is None or other is None or (entry[2:5] == other[2:5]):
        return path
    return f"{path} (mode {entry.mode:04o}, owner {entry.uid}:{entry.gid})"


def _text(entry: Entry | None, read: Reader, *, secret: bool) -> str:
    if entry is None:
        return ""
    if entry.type != "file":
        return f"{entry.type}{' to ' + entry.digest if entry.digest else ''}\n"
    fingerprint = f"(not shown: {entry.size} bytes, sha256 {entry.digest[:12]})\n"
    if secret or entry.size > _LARGEST:
        return fingerprint
    data = read(entry)
    if b"\0" in data or _PRIVATE_KEY.search(data):
        return fingerprint
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return fingerprint
