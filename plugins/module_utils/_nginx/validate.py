# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test of a tree by nginx itself, at its final path, without touching the host."""

from __future__ import annotations

import os
import re
import typing as t

from .._namespaces.mounts import Completed, run_in_private_mounts
from .._namespaces.namespaces import SandboxError
from .copy import run_on_copy
from .instance import Instance, NginxError, environment
from .processes import find_master, open_logs

#: How a validation can be done, the best first.
METHODS = ("namespace", "userns", "copy")
#: nginx's own words, with or without the time and pid that a log line has: ngx_log_error_core, ngx_log_stderr.
_LINE = re.compile(
    r"^(?:nginx: |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )\[(\w+)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)$", re.MULTILINE
)
_PLACE = re.compile(r" in (/.+):(\d+)$")
#: What only our own mounts cause: a file system that had to be shown read-only, an id that the namespace lacks.
_ARTIFACT = re.compile(r"\((?:30: Read-only file system|75: Value too large)|chown\(.*failed \(22:")
#: What another round with that name prepared can do: a huge file (28), a folder of another owner (75).
_PREPARABLE = re.compile(r'"(/[^"]+)" failed \((28|75):')
_ROUNDS = 12


class Validation(t.NamedTuple):
    """nginx's verdict on a tree.

    `message` holds nginx's own words, `file` and `line` the place that it named. `limits` says what this validation
    could not do or what it may have touched; empty for the best method. `dump` is what `nginx -T` wrote, None where it was
    not asked for or nginx refused the tree.
    """

    ok: bool
    method: str
    message: str
    file: t.Optional[str]
    line: t.Optional[int]
    warnings: t.Tuple[str, ...]
    limits: t.Tuple[str, ...]
    dump: t.Optional[bytes]


def validate(
    instance: Instance,
    tree: str,
    *,
    dump: bool = False,
    timeout: float = 30.0,
    methods: t.Sequence[str] = METHODS,
) -> Validation:
    """Run `nginx -t` where `tree` stands in place of `instance.config_dir`.

    The test runs with the binary, prefix and globals of the running master if there is one, since that is what a reload
    uses. The network stays the host's: nginx resolves upstream names and needs its listen addresses while it tests, so a
    network namespace would refuse what is right. Like any `nginx -t` it therefore binds new ports for a moment.

    Args:
        instance: the nginx to run.
        tree: the folder to test.
        dump: run `nginx -T`: `dump` then holds all that nginx read.
        timeout: seconds for one run of nginx.
        methods: which of `METHODS` may be used. What is denied by the system is found by trying.

    Raises:
        NginxError: there is no tree, no nginx, or none of `methods` is possible here.
    """
    if not os.path.isdir(tree):
        raise NginxError(f"no folder {tree} to validate")
    master = find_master(instance)
    runner = master.instance(instance) if master else instance
    limits: t.List[str] = []
    for method in methods:
        try:
            if method == "copy":
                done, more = run_on_copy(runner, tree, "-T" if dump else "-t", timeout)
                limits += more
            else:
                logs = open_logs(master) if master else []
                done = _in_namespace(runner, tree, "-T" if dump else "-t", timeout, user=method == "userns", logs=logs)
        except SandboxError as error:
            limits.append(f"{method}: {error}")
            continue
        return _judge(done, method, limits, timeout, dump=dump)
    raise NginxError(f"{tree} cannot be validated here: {'; '.join(limits)}")


def _in_namespace(
    runner: Instance, tree: str, option: str, timeout: float, *, user: bool, logs: t.Sequence[str]
) -> Completed:
    emptied = list(logs)
    folders = [runner.prefix or runner.build().prefix]
    for _unused in range(_ROUNDS):
        done = run_in_private_mounts(
            [(tree, runner.config_dir)],
            runner.argv(option),
            env=environment(),
            timeout=timeout,
            user=user,
            emptied=emptied,
            folders=folders,
        )
        text = _text(done.stderr)
        found = _PREPARABLE.search(text)
        if not found or found.group(1) in emptied or os.path.dirname(found.group(1)) in folders:
            break
        if found.group(2) == "28":
            emptied.append(found.group(1))
        else:
            folders.append(os.path.dirname(found.group(1)))
    if done.returncode and _ARTIFACT.search(text):
        raise SandboxError(f"nginx met what only the private mounts cause: {'; '.join(_messages(text)[0])}")
    return done


def _judge(done: Completed, method: str, limits: t.Sequence[str], timeout: float, *, dump: bool) -> Validation:
    ok = done.returncode == 0 and not done.timed_out
    text = _text(done.stderr)
    errors, warnings = _messages(text)
    message = ""
    if done.timed_out:
        message = f"nginx did not finish its test within {timeout:g} s; a name that does not resolve takes this long"
    elif not ok:
        lines = [line for line in text.strip().splitlines() if line]
        message = "; ".join(errors) or (lines[-1] if lines else f"nginx ended with status {done.returncode}")
    place = next((found for found in map(_PLACE.search, errors) if found), None)
    return Validation(
        ok=ok,
        method=method,
        message=message,
        file=place.group(1) if place and not ok else None,
        line=int(place.group(2)) if place and not ok else None,
        warnings=tuple(warnings if not ok else [*warnings, *errors]),
        limits=tuple(limits),
        dump=done.stdout if ok and dump else None,
    )


def _messages(text: str) -> t.Tuple[t.List[str], t.List[str]]:
    # nginx's errors and warnings, each once: a build that logs to stderr says some of them twice.
    errors: t.Dict[str, None] = {}
    warnings: t.Dict[str, None] = {}
    for level, words in _LINE.findall(text):
        if level in ("emerg", "alert", "crit", "error"):
            errors[words] = None
        elif level == "warn":
            warnings[words] = None
    return list(errors), list(warnings)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace")
