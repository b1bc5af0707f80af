# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The sources of both sides of a comparison: what nginx reads of each, and how the host gets the folder.

A source is `live` or a release on the host; a folder, a file or the output of `nginx -T` on the controller; or a source
folder that is rendered for the host. The host's own nginx reads what lies on the host. Paths below the configuration folder
are relative in all of them.
"""

from __future__ import annotations

import os
import re
import stat
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial

from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import encode_bytes
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    load_dump,
    load_files,
    load_path,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._dump import split
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Comment, Directive, Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import DEFAULT_EXCLUDE

from .errors import PlanError

LIVE: t.Final = "live"
_RELEASE: t.Final = re.compile(r"r-[0-9a-f]{12}")
#: More than any configuration has: a folder given by mistake is not read to its end.
_MOST_BYTES: t.Final = 64 << 20
_MOST_TOLD: t.Final = 3


@dataclass(frozen=True)
class ConfigSource:
    """One side of a comparison.

    Attributes:
        label: the side as the user named it.
        spec: how the host finds or makes the folder.
        config: None until the host was asked.
        files: the configuration files below the configuration folder, by relative path.
        secrets: values that no output may show.
        elsewhere: configuration files that nginx reads from outside the folder, by absolute path.
        outside: `file:line: reason` of included files that `config` lacks, because they lie outside, as on the host.
    """

    label: str
    spec: FolderSpec
    config: Config | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    elsewhere: Mapping[str, bytes] = field(default_factory=dict)
    outside: tuple[str, ...] = ()

    @property
    def loaded(self) -> Config:
        """Return the configuration.

        Raises:
            PlanError: the host was not asked.
        """
        if self.config is None:
            raise PlanError(f"{self.label} was not read")
        return self.config

    def advice(self, config_dir: str) -> str:
        """Return what to do if nginx refuses this side because a file lies outside; empty where none does."""
        if not self.outside:
            return ""
        lacks = "; ".join(self.outside[:_MOST_TOLD])
        return (
            f" ({lacks}). What lies outside {config_dir} is taken from the machine that the task runs on: let the task run on"
            " a host that has these files, or install them there first"
        )

    def with_dump(self, dump: bytes, config_dir: str) -> ConfigSource:
        """Return this side as nginx read it.

        Raises:
            ConfigError: `dump` is no output of `nginx -T`.
        """
        files = split(dump)
        root = config_dir.rstrip("/") + "/"
        inside = {path.removeprefix(root): data for path, data in files.items() if path.startswith(root)}
        elsewhere = {path: data for path, data in files.items() if not path.startswith(root)}
        return replace(self, config=relative(load_dump(dump), root), files=inside, elsewhere=elsewhere, outside=())


def changed_files(before: ConfigSource, after: ConfigSource, staged: Sequence[str] | None = None) -> list[str] | None:
    """Return the paths below the folder of files that differ, that one side lacks, or whose other content only the host knows.

    Certificates and keys are such files: `nginx -T` does not print them. Where the host has both folders, staging tells
    which files differ.

    Args:
        before: the one side.
        after: the other one.
        staged: what staging found to differ, None where this was not staged.

    Returns:
        None where only the host knows the files of both sides.
    """
    if before.spec == after.spec:
        return []
    if before.spec.entries is None and after.spec.entries is None:
        return None if staged is None else sorted(staged)
    contents = [
        {
            **{path: encode_bytes(data) for path, data in side.files.items()},
            **{entry.path: entry.content for entry in side.spec.entries or () if entry.kind != "directory"},
        }
        for side in (before, after)
    ]
    old, new = contents
    return sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def source(name: str, *, config_dir: str, main: str, bases: Iterable[str], exclude: Iterable[str] = ()) -> ConfigSource:
    """Return the source that an option names: `live`, a release's id, or a path on the controller.

    Raises:
        PlanError: there is no such file, or it cannot be the configuration.
        ConfigError: it cannot be loaded.
    """
    if name == LIVE:
        return ConfigSource(LIVE, FolderSpec("live"))
    if _RELEASE.fullmatch(name):
        return ConfigSource(name, FolderSpec("release", id=name))
    path = _find(name, bases)
    if os.path.isdir(path):
        return _folder(name, path, config_dir, main, tuple(exclude) or DEFAULT_EXCLUDE)
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise PlanError(f"{name} is larger than any configuration ({_MOST_BYTES >> 20} MiB)")
    try:
        split(data)
    except ConfigError:
        config, outside = _whole(partial(load_files, {main: data}, config_dir=config_dir, main=main), alone=True)
        spec = _spec([FolderEntry(main, "file", None, encode_bytes(data))])
        return ConfigSource(name, spec, config, {main: data}, outside=outside)
    made = ConfigSource(name, _spec([])).with_dump(data, config_dir)
    if main not in made.files:
        raise PlanError(
            f"{name} is the dump of a configuration that is not in {config_dir}, or its main file is not {main};"
            " say where it is with config_dir and main"
        )
    entries = [FolderEntry(path, "file", None, encode_bytes(data)) for path, data in made.files.items()]
    return replace(made, spec=_spec(entries))


def rendered(label: str, candidate: Candidate) -> ConfigSource:
    """Return a rendered source, which lies over what is not managed on the host."""
    entries = [
        FolderEntry(
            entry.path, entry.type, entry.mode, entry.target if entry.type == "link" else encode_bytes(entry.content)
        )
        for entry in candidate.entries
    ]
    return ConfigSource(label, _spec(entries, over="owned"), secrets=candidate.secrets)


def relative(config: Config, root: str) -> Config:
    """Return the configuration with places below `root` (which ends in a slash) relative to it."""

    def shown(path: str) -> str:
        return path.removeprefix(root)

    def place(old: Place) -> Place:
        return Place(shown(old.file), old.line, old.column)

    _shorten(config.root, root)
    config.texts = {shown(path): text for path, text in config.texts.items()}
    config.problems = [
        replace(each, place=place(each.place), related=tuple((why, place(where)) for why, where in each.related))
        for each in config.problems
    ]
    config.comments = [Comment(each.text, place(each.place), each.own_line) for each in config.comments]
    return config


def _shorten(directives: Iterable[Directive], root: str) -> None:
    for directive in directives:
        directive.file = directive.file.removeprefix(root)
        _shorten(directive.block or (), root)
        _shorten(directive.include or (), root)


def _find(name: str, bases: Iterable[str]) -> str:
    expanded = os.path.expanduser(name)
    for base in bases:
        path = os.path.join(base, expanded)
        if os.path.exists(path):
            return path
    raise PlanError(
        f"{name!r} is neither live nor a release (r- and twelve hex digits), and no file or folder on the controller"
    )


def _folder(label: str, path: str, config_dir: str, main: str, exclude: tuple[str, ...]) -> ConfigSource:
    config, outside = _whole(partial(load_path, path, config_dir=config_dir, main=main))
    entries: list[FolderEntry] = []
    files: dict[str, bytes] = {}
    size = 0
    for name, kind, full in _walk(path, exclude):
        if kind == "link":
            entries.append(FolderEntry(name, kind, None, os.readlink(full)))
        elif kind == "directory":
            entries.append(FolderEntry(name, kind, None, None))
        if kind != "directory" and os.path.isfile(full):
            with open(full, "rb") as file:
                data = file.read()
            size += len(data)
            if size > _MOST_BYTES:
                raise PlanError(f"{path} holds more than any configuration ({_MOST_BYTES >> 20} MiB)")
            if kind == "file":
                entries.append(FolderEntry(name, kind, stat.S_IMODE(os.stat(full).st_mode), encode_bytes(data)))
            if name in config.texts:
                files[name] = data
    return ConfigSource(label, _spec(entries), config, files, outside=outside)


def _whole(load: t.Callable[..., Config], *, alone: bool = False) -> tuple[Config, tuple[str, ...]]:
    """Return a configuration as far as it lies on the controller, and what it includes from outside."""
    config = load()
    missing = [
        problem for problem in config.problems if problem.elsewhere or (alone and problem.kind == "include-missing")
    ]
    if not missing or any(problem.kind == "include-missing" for problem in config.problems if problem not in missing):
        return config, ()
    # Includes from outside are files that the host has. nginx would refuse what the folder itself lacks.
    config = load(partial=True)
    config.problems = [problem for problem in config.problems if not problem.elsewhere]
    return config, tuple(f"{problem.place}: {problem.message}" for problem in missing)


def _walk(folder: str, exclude: tuple[str, ...]) -> Iterable[tuple[str, str, str]]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not any(fnmatch(name, pattern) for pattern in exclude))
        for name in sorted([*folders, *names]):
            full = os.path.join(place, name)
            if any(fnmatch(name, pattern) for pattern in exclude):
                continue
            mode = os.lstat(full).st_mode
            kind = "link" if stat.S_ISLNK(mode) else "directory" if stat.S_ISDIR(mode) else "file"
            if stat.S_ISREG(mode) or kind != "file":
                yield os.path.relpath(full, folder), kind, full


def _spec(entries: list[FolderEntry], *, over: str | None = None) -> FolderSpec:
    return FolderSpec("files", entries=entries, over=over)
