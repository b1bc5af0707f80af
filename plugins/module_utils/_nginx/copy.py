# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last resort where namespaces are denied: `nginx -t` on a copy of the tree with its paths rewritten."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import typing as t

from .._namespaces.mounts import Completed
from .instance import Instance, NginxError, environment
from .processes import pid_path

_TEXT_LIMIT = 4 << 20  # bytes; nothing larger is a configuration file


def run_on_copy(instance: Instance, tree: str, option: str, timeout: float) -> t.Tuple[Completed, t.List[str]]:
    """Run nginx's test on a copy; paths in its output read as if it had run in place.

    Returns:
        How it ended, and the limits of such a test.

    Raises:
        NginxError: the tree cannot be read, or nginx cannot be run.
    """
    folder = tempfile.mkdtemp(prefix="failsafe-nginx-")
    try:
        copier = _Copier(instance.config_dir, tree, os.path.join(folder, "conf"))
        try:
            copier.copy()
        except OSError as error:
            raise NginxError(f"{tree} cannot be copied for its test: {error}") from error
        pid_file = pid_path(copier.text, instance)
        had_pid = os.path.lexists(pid_file)
        done = _run(instance.argv(option, conf=os.path.join(copier.target, instance.main)), timeout)
        if not had_pid:
            # An empty pid file makes `nginx -s reload` and init scripts fail (ngx_create_pidfile under -t).
            with contextlib.suppress(OSError):
                if os.lstat(pid_file).st_size == 0:
                    os.unlink(pid_file)
        back = os.fsencode(copier.target), os.fsencode(instance.config_dir)
        limits = [
            f"copy: nginx -t ran on a copy with {instance.config_dir} rewritten; paths made of variables were not",
            "copy: as any nginx -t it may have created log files and temporary folders and changed their owner",
            *copier.limits,
        ]
        return done._replace(stdout=done.stdout.replace(*back), stderr=done.stderr.replace(*back)), limits
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Copier:
    """A copy of a tree, with the config folder's path rewritten in text files and links."""

    def __init__(self, config_dir: str, tree: str, target: str) -> None:
        self.tree = tree
        self.target = target
        self.limits: t.List[str] = []
        self.text = b""
        self._path = re.compile(rb"(?<![\w./-])" + re.escape(os.fsencode(config_dir)) + rb"(?=[/\s;\"'{}*]|$)")
        self._new = os.fsencode(target)

    def copy(self) -> None:
        for folder, folders, files in os.walk(self.tree, onerror=_raise):
            below = os.path.relpath(folder, self.tree)
            here = os.path.normpath(os.path.join(self.target, below))
            os.mkdir(here, 0o700)
            for name in [*folders, *files]:
                self._entry(os.path.join(folder, name), os.path.join(here, name), os.path.join(below, name))

    def _entry(self, source: str, target: str, shown: str) -> None:
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            link = os.fsencode(os.readlink(source))
            if link.startswith(b"../") and not os.path.realpath(source).startswith(
                os.path.realpath(self.tree) + os.sep
            ):
                self.limits.append(f"copy: the link {shown} leaves the config folder and was not followed there")
            os.symlink(self._path.sub(lambda _found: self._new, link), target)
        elif stat.S_ISREG(mode):
            with open(source, "rb") as file:
                data = file.read(_TEXT_LIMIT)
                rest = file.read(1)
            if rest or b"\0" in data:
                shutil.copyfile(source, target)
            else:
                data = self._path.sub(lambda _found: self._new, data)
                self.text += data + b"\n"
                with open(target, "wb") as file:
                    file.write(data)


def _raise(error: OSError) -> t.NoReturn:
    raise error


def _run(argv: t.List[str], timeout: float) -> Completed:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd="/",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return Completed(-9, error.stdout or b"", error.stderr or b"", timed_out=True)
    except OSError as error:
        raise NginxError(f"{argv[0]} cannot be run: {error}") from error
    return Completed(done.returncode, done.stdout, done.stderr)
