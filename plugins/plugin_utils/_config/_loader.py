# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The three ways in: a folder or file on disk, a set of files in memory, the output of `nginx -T`."""

from __future__ import annotations

import os
import posixpath
import stat
import typing as t

from ._build import Builder
from ._dump import split
from ._files import DiskSource, MemorySource, ReadError, Source, below
from ._lexer import shorten
from ._snippets import load_snippet, load_snippets, parse_context, unread
from .gc_paused import collector_paused
from .model import Config, ConfigError


@collector_paused()
def load_path(
    path: str | os.PathLike[str],
    *,
    config_dir: str | None = None,
    main: str = "nginx.conf",
    partial: bool = False,
    context: str | None = None,
    replaced: t.Mapping[str, bytes] | None = None,
) -> Config:
    """Load a folder or a single file on disk.

    Args:
        path: A configuration folder, its main file, or a snippet whose context is then guessed from its directives.
        config_dir: The absolute path that the folder has (or will have) on the host: absolute includes below it
            are looked up in the folder. Default: where the folder is.
        main: The main file below the folder; relative includes start from its folder.
        partial: Files that includes name but the folder lacks live on the host and are no problem.
        context: The blocks around a single file, such as `http,server`. Default: guessed.
        replaced: What to read instead of what is on disk, by shown path.

    Judged in place (`config_dir` not given, `partial` not set), the folder is what nginx on this machine would read:
    absolute includes and links may lead anywhere, as they do in Debian's `modules-enabled/`. Else the folder stands
    for one on a host: what an absolute include names outside `config_dir` is unknown here (a problem unless
    `partial`), and a link that leaves the folder is a problem, never followed. For a snippet, relative includes start
    from the nearest folder above it that holds `main`, else from its own folder.

    Raises:
        ConfigError: `path` is missing or unreadable, the folder has no main file (unless `partial`), is empty,
            or crossplane is not installed.
    """
    given = os.fspath(path)
    mode = _mode(given)
    if stat.S_ISDIR(mode):
        folder, name = given, main
    elif stat.S_ISREG(mode):
        folder, name = _around(given, main)
    else:
        raise ConfigError(f'"{given}" is neither a folder nor a regular file')
    inside = _absolute(config_dir) if config_dir else os.path.realpath(folder)
    source = DiskSource(folder, inside, outside=config_dir is None and not partial, replaced=replaced)
    if stat.S_ISREG(mode):
        alone = name != main and not _exists(source, posixpath.join(inside, main))
        base = posixpath.dirname(f"{inside}/{name}") if alone else inside
        return _snippet(source, base, posixpath.join(inside, name), partial=partial, context=context)
    if context is not None:
        raise ConfigError(f'"{given}" is a folder: only a single file can have a context')
    return _load(source, inside, main, partial=partial, what=f'"{given}"')


@collector_paused()
def load_files(
    files: t.Mapping[str, bytes],
    *,
    config_dir: str,
    main: str = "nginx.conf",
    partial: bool = False,
) -> Config:
    """Load a set of files held in memory, by their paths below `config_dir` (`{"conf.d/a.conf": b"..."}`).

    Raises:
        ConfigError: No files, a path that leaves `config_dir`, no main file (unless `partial`), no crossplane.
    """
    inside = _absolute(config_dir)
    absolute: dict[str, bytes] = {}
    for name, content in files.items():
        joined = posixpath.normpath(posixpath.join(inside, name))
        if name.startswith("/") or not below(joined, inside):
            raise ConfigError(f'"{shorten(name, 200)}" is not a path below {inside}')
        absolute[joined] = content
    return _load(MemorySource(absolute, inside), inside, main, partial=partial, what="the set of files")


@collector_paused()
def load_text(
    data: bytes,
    *,
    name: str = "stdin",
    config_dir: str = "/etc/nginx",
    partial: bool = False,
    context: str | None = None,
) -> Config:
    """Load one file that is on no disk, such as an editor's buffer; `context` as for `load_path`.

    Raises:
        ConfigError: There is no such context, or crossplane is not installed.
    """
    inside = _absolute(config_dir)
    path = posixpath.join(inside, name)
    return _snippet(MemorySource({path: data}, inside), inside, path, partial=partial, context=context)


def config_folder(path: str | os.PathLike[str], main: str = "nginx.conf") -> str:
    """Return the folder that the paths of a configuration loaded by `load_path` start from.

    Raises:
        ConfigError: `path` is missing or unreadable.
    """
    given = os.fspath(path)
    return given if stat.S_ISDIR(_mode(given)) else _around(given, main)[0]


@collector_paused()
def load_dump(data: bytes, *, main: str | None = None) -> Config:
    """Load what `nginx -T` printed. Places show the absolute paths of the dump.

    Args:
        data: The dump; lines before the first file (nginx's own messages) are skipped.
        main: The absolute path of the main file. Default: the dump's first file, which is nginx's main file.

    Raises:
        ConfigError: This is no dump, it lacks `main`, or crossplane is not installed.
    """
    files = split(data)
    path = main or next(iter(files))
    if path not in files:
        raise ConfigError(f'the dump holds no file "{shorten(path, 200)}", its main file is "{next(iter(files))}"')
    builder = Builder(MemorySource(files, None), posixpath.dirname(path), partial=False)
    return builder.config(builder.load(path))


def _load(source: Source, config_dir: str, main: str, *, partial: bool, what: str) -> Config:
    path = posixpath.normpath(posixpath.join(config_dir, main))
    if not below(path, config_dir):
        raise ConfigError(f'the main file "{shorten(main, 200)}" is not below {config_dir}')
    builder = Builder(source, posixpath.dirname(path), partial=partial)
    try:
        if _exists(source, path):
            config = builder.config(builder.load(path))
            if not partial:
                config.unread = unread(builder, config_dir)
            return config
        if not source.files():
            raise ConfigError(f"{what} holds no files")
        if not partial:
            raise ConfigError(
                f'{what} has no main file "{shorten(main, 200)}": name the right one, or load it as partial'
            )
        return builder.config(load_snippets(builder, config_dir))
    except ReadError as error:
        raise ConfigError(f"{what} cannot be read: {error}") from error


def _snippet(source: Source, base: str, path: str, *, partial: bool, context: str | None) -> Config:
    builder = Builder(source, base, partial=partial)
    given = None if context is None else parse_context(context)
    return builder.config(load_snippet(builder, path, given))


def _exists(source: Source, path: str) -> bool:
    """Tell whether something is there, readable or not."""
    return posixpath.basename(path) in source.names(posixpath.dirname(path))


def _around(path: str, main: str) -> tuple[str, str]:
    """Return the configuration folder that a single file belongs to, and the file's path below it."""
    own = os.path.dirname(os.path.abspath(path))
    folder = own
    while not os.path.lexists(os.path.join(folder, main)):
        above = os.path.dirname(folder)
        if above == folder:
            return own, os.path.basename(path)
        folder = above
    return folder, os.path.relpath(os.path.abspath(path), folder)


def _absolute(config_dir: str) -> str:
    if not config_dir.startswith("/"):
        raise ConfigError(f'config_dir must be an absolute path, not "{shorten(config_dir, 200)}"')
    return "/" + posixpath.normpath(config_dir).lstrip("/")


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name is not valid"
        raise ConfigError(f'"{shorten(path, 200)}" cannot be read: {reason}') from error
