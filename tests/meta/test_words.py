# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prose is plain: words that made readers stop, measured on this project's own text, occur nowhere."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from imports import name_of
from project import files

#: Words that a reader takes for a riddle: name the person, the process or the file.
BANNED = re.compile(r"\b(nobody|somebody|everybody|anybody|whoever|whomever|whom|ours)\b", re.IGNORECASE)
#: A first line says what a function does, in the imperative.
CROOKED = re.compile(r"^(What|Who|Whether|Where|By what|How|Everything)\b")
#: Code that tests quote, and the released changelog, keep their words.
PROSE = (
    "plugins/*.py",
    "tools/*",
    "roles/*",
    "playbooks/*",
    "docs/*.md",
    "examples/*",
    "molecule/*",
    "*.md",
    "tests/*.py",
)
EXEMPT = {"tests/meta/test_words.py", "LICENSE", "CHANGELOG.md"}


def prose() -> list[Path]:
    found = files(*PROSE)
    return [
        path
        for path in found
        if name_of(path) not in EXEMPT
        and "fixtures" not in path.parts
        and path.suffix in {".py", ".md", ".yml", ".yaml", ".j2", ".sh", ""}
    ]


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Give what a person reads in a file: all of a page, the docstrings, comments and messages of code."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text(errors="replace").splitlines(), 1)
        return
    yield from docstrings(path)
    yield from comments(path)
    if not name_of(path).startswith("tests/"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield node.lineno, node.value


def test_banned_words_occur_nowhere() -> None:
    found = [
        f"{name_of(path)}:{number}: {text.strip()[:120]}"
        for path in prose()
        for number, text in sentences(path)
        if BANNED.search(text)
    ]
    assert found == []


def test_docstrings_say_what_is_done() -> None:
    found = [
        f"{name_of(path)}:{line}: {text[:60]}"
        for path in files("plugins/*.py", "tools/*.py")
        for line, text in docstrings(path)
        if CROOKED.search(text)
    ]
    assert found == []


def test_explanations_name_what_acts() -> None:
    """No docstring and no comment says "who": name the person, the process or the file."""
    found = [
        f"{name_of(path)}:{line}: {text[:80]}"
        for path in files("plugins/*.py", "tools/*.py")
        for line, text in (*docstrings(path), *comments(path))
        if re.search(r"\bwho\b", text)
    ]
    assert found == []
