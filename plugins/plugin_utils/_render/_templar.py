# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rendering a source folder with Ansible's templar, and reading values from Ansible's vault."""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ansible.errors import AnsibleError
from ansible.parsing.vault import is_encrypted
from jinja2 import Environment, TemplateError, nodes

from .candidate import Candidate, Rendered, holds_private_key, words_of
from .source import DEFAULT_EXCLUDE, RenderError, SourceEntry, scan_source

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19 trusts every string of a plugin

    def trust_as_template(value: str) -> str:
        """Return the value unchanged."""
        return value


#: Inline vaulted values, as ansible-core calls them before and from 2.19 on.
_VAULTED_TYPES = ("AnsibleVaultEncryptedUnicode", "EncryptedString")

#: Variables that repeat the others, or all hosts' variables: reading them again would only cost time.
_REPEATING = frozenset({"hostvars", "vars", "groups", "environment"})

_NEW_FILE_EXECUTABLE = 0o755

#: Jinja2's "'x' is undefined" and "object of type 'y' has no attribute 'x'".
_UNDEFINED = re.compile(r"(?:'(?P<first>\w+)' is undefined|has no attribute '(?P<second>\w+)')")

#: The extensions that Ansible's templates may use.
_EXTENSIONS = ("jinja2.ext.do", "jinja2.ext.loopcontrols")


def render_source(
    src: str,
    *,
    templar: t.Any,
    loader: t.Any,
    task_vars: Mapping[str, t.Any],
    exclude: Sequence[str] = DEFAULT_EXCLUDE,
) -> Candidate:
    """Render a source folder with one host's variables.

    Raises:
        RenderError: the folder cannot be read, a template fails, or a vaulted file cannot be decrypted.
    """
    entries = scan_source(src, exclude=exclude)
    templates = _Templates(os.path.realpath(src), templar, task_vars)
    rendered = tuple(_render(entry, templates, loader) for entry in entries)
    words = {word for entry in rendered if entry.secret for word in words_of(entry.content)}
    return Candidate(
        entries=rendered,
        secrets=tuple(sorted({*vaulted_values(task_vars, loader), *words})),
        sources={entry.path: entry.source for entry in entries},
    )


def _render(entry: SourceEntry, templates: _Templates, loader: t.Any) -> Rendered:
    if entry.type == "directory":
        return Rendered(entry.path, "directory")
    if entry.type == "link":
        # A link to a template has to point to what the template becomes.
        target = entry.target or ""
        return Rendered(entry.path, "link", target=target.removesuffix(".j2"))
    content, vaulted = _read(entry.source, loader)
    if entry.template:
        content = templates.render(entry, content)
    return Rendered(
        entry.path,
        "file",
        content=content,
        mode=_NEW_FILE_EXECUTABLE if entry.executable else None,
        secret=vaulted or holds_private_key(content),
    )


def _read(path: str, loader: t.Any) -> tuple[bytes, bool]:
    """Return the bytes of a file, decrypted if need be, and whether they were encrypted."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
        if not is_encrypted(data):
            return data, False
        real = loader.get_real_file(path)
        try:
            with open(real, "rb") as stream:
                return stream.read(), True
        finally:
            loader.cleanup_tmp_file(real)
    except OSError as error:
        raise RenderError(f"{path}: cannot read: {error.strerror}.") from error
    except AnsibleError as error:
        raise RenderError(f"{path}: cannot decrypt: {error.message}") from error


class _Templates:
    """Renders the templates of one host. Making a templar's environment is slow, so each host has one."""

    def __init__(self, root: str, templar: t.Any, task_vars: Mapping[str, t.Any]) -> None:
        variables = dict(task_vars)
        variables.setdefault("ansible_managed", "Ansible managed")
        self._root = root
        self._templar = templar.copy_with_new_env(searchpath=[root], available_variables=variables)

    def render(self, entry: SourceEntry, content: bytes) -> bytes:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise RenderError(f"{entry.source}:{line}: a template has to be UTF-8.") from error
        try:
            result = self._templar.template(
                trust_as_template(text),
                preserve_trailing_newlines=True,
                escape_backslashes=False,
                overrides={"trim_blocks": True, "lstrip_blocks": False},
            )
        except Exception as error:  # before ansible-core 2.19 errors of a template arrive unwrapped
            guilty = _line(text, error)
            where = entry.source if guilty is None else f"{entry.source}:{guilty}"
            message = str(getattr(error, "message", error)).strip()
            raise RenderError(f"{where}: cannot render the template: {message}") from error
        return str(result).encode("utf-8")


def _line(text: str, error: BaseException) -> int | None:
    """Return the line of a template that an error is about, if Jinja2 or the template's syntax tree tells it."""
    cause: BaseException | None = error
    while cause is not None:
        line = getattr(cause, "lineno", None)
        if isinstance(line, int):
            return line
        cause = cause.__cause__ or cause.__context__
    # Jinja2 notices an undefined variable when it prints it, without its line: look for its name.
    missing = _UNDEFINED.search(str(error))
    if missing is None:
        return None
    try:
        tree = Environment(autoescape=True, extensions=_EXTENSIONS).parse(text)
    except TemplateError:
        return None
    name = missing["first"] or missing["second"]
    lines = [node.lineno for node in tree.find_all(nodes.Name) if node.name == name]
    lines += [node.lineno for node in tree.find_all(nodes.Getattr) if node.attr == name]
    return min(lines, default=None)


def vaulted_values(task_vars: Mapping[str, t.Any], loader: t.Any) -> Iterator[str]:
    """Yield every value from Ansible Vault: inline vaulted variables and all values of vaulted files."""
    for name, value in task_vars.items():
        if name not in _REPEATING:
            yield from _strings(value, only_vaulted=True)
    # Values of whole vaulted files carry no mark; the loader keeps the files that it has read.
    for path, data in dict(getattr(loader, "_FILE_CACHE", {})).items():
        if _is_vaulted_file(path):
            yield from _strings(data, only_vaulted=False)


def _is_vaulted_file(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return bool(is_encrypted(stream.read(64)))
    except OSError:
        return False


def _strings(value: t.Any, *, only_vaulted: bool) -> Iterator[str]:
    if type(value).__name__ in _VAULTED_TYPES:
        try:
            yield str(value)
        except AnsibleError as error:
            raise RenderError(f"a vaulted variable cannot be decrypted: {error.message}") from error
    elif isinstance(value, str):
        if not only_vaulted:
            yield str(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item, only_vaulted=only_vaulted)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item, only_vaulted=only_vaulted)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not only_vaulted:
        yield str(value)
