# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One nginx: its binary, build and command line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import typing as t

#: Where distributions and the source build put nginx, beyond what root's PATH has under `become`.
SEARCH = ("/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin", "/usr/local/openresty/nginx/sbin")
_BUILD_TIMEOUT = 10.0
_MODULE = re.compile(r"_module$|^--with-(?:mail|stream)$")


class NginxError(Exception):
    """The host's nginx is missing, cannot be run, or is in a state that this collection does not handle."""


class Build(t.NamedTuple):
    """The answer of `nginx -V`. Paths are absolute, or `stderr`."""

    name: str  # "nginx", "openresty", ...
    version: str  # "1.22.1"
    version_info: t.Tuple[int, ...]
    prefix: str
    conf_path: str
    conf_name: str  # conf_path as configured, maybe relative to the prefix
    pid_path: str
    error_log_path: str
    modules_path: str
    arguments: t.Tuple[str, ...]
    static_modules: t.Tuple[str, ...]
    dynamic_modules: t.Tuple[str, ...]


def environment() -> t.Dict[str, str]:
    """Return the environment for every nginx that is run.

    `NGINX` lists listening sockets to inherit from an old master (ngx_add_inherited_sockets in src/core/nginx.c): with
    one left over from a caller, nginx would take unrelated descriptors for its sockets.
    """
    env = dict(os.environ)
    env.pop("NGINX", None)
    return env


class Instance:
    """One nginx on this host, named by its configuration folder.

    Args:
        config_dir: the folder that holds the main file; made absolute.
        main: the main file, below `config_dir`.
        binary: path or name of nginx; without it the usual places are searched.
        prefix: the argument of `-p`; without it the compiled-in prefix holds.
        globals_: the argument of `-g`.

    Raises:
        NginxError: no nginx was found, or it is not executable.
    """

    def __init__(
        self,
        config_dir: str,
        *,
        main: str = "nginx.conf",
        binary: t.Optional[str] = None,
        prefix: t.Optional[str] = None,
        globals_: t.Optional[str] = None,
    ) -> None:
        self.config_dir = os.path.abspath(config_dir)
        self.main = main
        self.binary = find_binary(binary)
        self.prefix = os.path.abspath(prefix) if prefix else None
        self.globals_ = globals_
        self._build: t.Optional[Build] = None

    @property
    def conf(self) -> str:
        """Return the main configuration file's absolute path."""
        return os.path.join(self.config_dir, self.main)

    def argv(self, *extra: str, conf: t.Optional[str] = None) -> t.List[str]:
        """Return the command line: binary, `-c`, `-p` and `-g` if set, then `extra`."""
        argv = [self.binary, "-c", conf or self.conf]
        if self.prefix:
            # A prefix without the slash at its end makes old nginx glue names to it (ngx_process_options adds it
            # since 0.8); harmless everywhere.
            argv += ["-p", self.prefix.rstrip("/") + "/"]
        if self.globals_:
            argv += ["-g", self.globals_]
        return argv + list(extra)

    def build(self) -> Build:
        """Return the build of this nginx; read once.

        Raises:
            NginxError: `nginx -V` cannot be run or its answer is not nginx's.
        """
        if self._build is None:
            self._build = read_build(self.binary)
        return self._build

    def at(self, *, binary: str, prefix: t.Optional[str], globals_: t.Optional[str]) -> Instance:
        """Return the same configuration under another binary, prefix and globals."""
        return Instance(self.config_dir, main=self.main, binary=binary, prefix=prefix, globals_=globals_)


def find_binary(binary: t.Optional[str]) -> str:
    """Return the absolute path of an executable nginx.

    Raises:
        NginxError: there is none.
    """
    if binary and os.sep in binary:
        path = os.path.abspath(binary)
        if not os.path.exists(path):
            raise NginxError(f"no nginx at {path}: install it there or correct the binary's path")
        if os.path.isdir(path) or not os.access(path, os.X_OK):
            raise NginxError(f"{path} is not an executable file: correct the binary's path or its mode")
        return path
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), *SEARCH])
    found = shutil.which(binary or "nginx", path=folders)
    if not found:
        raise NginxError(
            f"no nginx found: {binary or 'nginx'} is neither on PATH nor in {', '.join(SEARCH)};"
            " install nginx or name its binary"
        )
    return os.path.abspath(found)


def read_build(binary: str) -> Build:
    """Run `binary -V` and read its answer; see `Instance.build`."""
    try:
        done = subprocess.run(
            [binary, "-V"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            timeout=_BUILD_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NginxError(f"{binary} -V cannot be run: {error}") from error
    return parse_build(binary, os.fsdecode(done.stdout))


def parse_build(binary: str, text: str) -> Build:
    """Read the answer of `nginx -V`.

    The defaults of options that the build does not name are those of nginx's auto/init and auto/options.

    Raises:
        NginxError: `text` is not what nginx prints.
    """
    version = re.search(r"^\S+ version: (\w+)/(\d+(?:\.\d+)*)", text, re.MULTILINE)
    if not version:
        raise NginxError(f"{binary} -V does not answer as nginx does: {text.strip()[:200] or 'no output'}")
    line = re.search(r"^configure arguments:(.*)$", text, re.MULTILINE)
    try:
        arguments = tuple(shlex.split(line.group(1))) if line else ()
    except ValueError:
        arguments = tuple(line.group(1).split()) if line else ()
    options = dict(argument[2:].partition("=")[::2] for argument in arguments if argument.startswith("--"))
    prefix = options.get("prefix") or "/usr/local/nginx"

    def path(option: str, default: str) -> str:
        value = options.get(option) or default
        return value if value == "stderr" else os.path.join(prefix, value)

    static, dynamic = _modules(arguments)
    return Build(
        name=version.group(1),
        version=version.group(2),
        version_info=tuple(int(part) for part in version.group(2).split(".")),
        prefix=prefix,
        conf_path=path("conf-path", "conf/nginx.conf"),
        conf_name=options.get("conf-path") or "conf/nginx.conf",
        pid_path=path("pid-path", "logs/nginx.pid"),
        error_log_path=path("error-log-path", "logs/error.log"),
        modules_path=path("modules-path", "modules"),
        arguments=arguments,
        static_modules=static,
        dynamic_modules=dynamic,
    )


def _modules(arguments: t.Iterable[str]) -> t.Tuple[t.Tuple[str, ...], t.Tuple[str, ...]]:
    static: t.List[str] = []
    dynamic: t.List[str] = []
    for argument in arguments:
        option, _sep, value = argument.partition("=")
        if option == "--add-module":
            static.append(os.path.basename(value.rstrip("/")))
        elif option == "--add-dynamic-module":
            dynamic.append(os.path.basename(value.rstrip("/")))
        elif option.startswith("--with-") and _MODULE.search(option):
            (dynamic if value == "dynamic" else static).append(option[len("--with-") :])
    return tuple(static), tuple(dynamic)
