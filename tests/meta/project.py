# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The project's files, as data."""

from __future__ import annotations

import ast
import subprocess
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.failsafe.nginx."


def files(*patterns: str) -> list[Path]:
    """List the files that git tracks or would track, below the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120).stdout.split(
        "\0"
    )
    return sorted({ROOT / name for name in listed if name and (ROOT / name).is_file()})


def names(folder: str) -> set[str]:
    """Name the plugins of a folder."""
    return {path.stem for path in (ROOT / "plugins" / folder).glob("*.py")}


def read_yaml(path: str) -> t.Any:
    """Read a YAML file of the project."""
    return yaml.safe_load((ROOT / path).read_text())


def documents(path: Path) -> dict[str, ast.Constant]:
    """Find DOCUMENTATION, EXAMPLES and RETURN of a plugin."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str()) as text):
                found[name] = text
    return {name: found[name] for name in ("DOCUMENTATION", "EXAMPLES", "RETURN") if name in found}


def sent_along(path: Path, seen: set[Path] | None = None) -> set[Path]:
    """Collect the collection's files that Ansible packs into a module, as its dependency finder does: every import."""
    seen = set() if seen is None else seen
    for node in ast.walk(ast.parse(path.read_text())):
        for target in _imported(path, node):
            for file in _files_of(target):
                if file not in seen:
                    seen.add(file)
                    sent_along(file, seen)
    return seen


def _imported(path: Path, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
        base = COLLECTION + ".".join([*package, *filter(None, [node.module])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _files_of(target: str) -> list[Path]:
    """List a module's file and the __init__ files on the way to it."""
    if not target.startswith(COLLECTION + "plugins."):
        return []
    path = ROOT.joinpath(*target[len(COLLECTION) :].split("."))
    on_the_way = [parent / "__init__.py" for parent in (path, *path.parents) if ROOT / "plugins" in parent.parents]
    return [file for file in (path.with_suffix(".py"), *on_the_way) if file.is_file()]
