# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Run `failsafe-lint`: the same rules without Ansible, for a shell, an editor, pre-commit and CI."""

from __future__ import annotations

import argparse
import os
import sys
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    config_folder,
    load_dump,
    load_path,
    load_text,
    parse_context,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from . import metadata
from .errors import LintError
from .formats import FORMATS, LintReport, outcome, render, write
from .lint_run import LintRun
from .suppression.project import NAME as PROJECT_FILE
from .target import Target
from .text import FAIL_ON, gate

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


CLEAN: t.Final = 0
FINDINGS: t.Final = 1
UNREADABLE: t.Final = 2
INTERNAL_ERROR: t.Final = 3
USAGE: t.Final = 4
#: What shells say of a program that SIGPIPE ended.
_BROKEN_PIPE: t.Final = 141

_EPILOG: t.Final = """\
exit codes:
  0  nothing at --fail-on or worse
  1  findings at --fail-on or worse
  2  something could not be read, so nothing is known to be fine
  3  a bug of this program
  4  wrong usage

Suppress a finding with a comment before or behind its line: # failsafe:ignore RULE why this is right here
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> t.NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        options = _parser().parse_args(argv)
        return _run(options)
    except (ConfigError, RouteError) as error:
        sys.stderr.write(f"{metadata.NAME}: {error}\n")
        return UNREADABLE
    except LintError as error:
        sys.stderr.write(f"{metadata.NAME}: {error}\n")
        return USAGE
    except BrokenPipeError:
        # The reader of the output closed it. Without this, Python would write a second error when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception:  # noqa: BLE001 - a bug is reported as one
        import traceback  # noqa: PLC0415 - as above

        traceback.print_exc()
        sys.stderr.write(
            f"{metadata.NAME} {metadata.VERSION}: this is a bug, please report it with the lines above: {metadata.HOME}\n"
        )
        return INTERNAL_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=metadata.NAME,
        description="Find what is wrong with an nginx configuration before a server sees it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("path", metavar="PATH", nargs="?", help="a configuration folder, its main file, a snippet, or - for stdin")
    add("--format", choices=FORMATS, default="text", help="of the report (default: text)")
    add("--output", metavar="FILE", help="write the report there, not to stdout")
    add("--fail-on", choices=FAIL_ON, default="error", help="the lowest severity for exit code 1 (default: error)")
    add("--ignore", metavar="RULE", action="append", default=[], help="leave a rule out; can be given several times")
    add("--suppressions", metavar="FILE", help=f"a project file (default: {PROJECT_FILE} in the folder)")
    add("--context", help="the blocks around a snippet, such as http,server (default: guessed)")
    add("--nginx-version", metavar="X", help="the nginx that it is for: rules about other versions are left out")
    add("--modules", metavar="NAMES", help="the modules of that nginx, with commas, named as in nginx -V")
    add("--config-dir", metavar="D", help="the path that the folder has on its server, such as /etc/nginx")
    add("--main", metavar="F", help="the main file below the folder (default: nginx.conf)")
    add("--partial", action="store_true", help="included files may be missing: they are on the server")
    add("--dump", action="store_true", help="PATH is the output of nginx -T")
    add("--fix", action="store_true", help="repair what can be repaired for certain, in place")
    add("--diff", action="store_true", help="show what --fix would change, or changes")
    add("--explain", metavar="RULE", help="print a rule's page")
    add("--version", action="version", version=f"%(prog)s {metadata.VERSION}")
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.explain:
        _print(metadata.page(options.explain))
        return CLEAN
    _check(options)
    run = _lint_run(options)
    findings, texts = run.relint({})
    if options.fix or options.diff:
        from . import fixing  # noqa: PLC0415 - a lint without fixes needs none of it

        plan = fixing.plan(run.relint)
        if options.diff:
            shown = "".join(each.diff(LintReport((), base=run.base).path(each.file)) for each in plan.repairs)
            _print(shown, sys.stdout if options.format == "text" else sys.stderr)
        if options.fix:
            fixing.write(run.folder or "", plan.repairs)
            findings, texts = plan.findings, plan.texts
    report = LintReport(findings, texts, fail_on=options.fail_on, base=run.base)
    _deliver(render(options.format, report), options.output)
    if outcome(findings, options.fail_on) == "unreadable":
        return UNREADABLE
    return FINDINGS if gate((finding.as_dict() for finding in findings), options.fail_on) else CLEAN


def _check(options: argparse.Namespace) -> None:
    """Check what argparse cannot.

    Raises:
        LintError: the options do not go together.
    """
    if options.path is None:
        msg = "say what to lint: a folder, a file, or - for stdin (see --help)"
        raise LintError(msg)
    if options.context is not None:
        try:
            parse_context(options.context)
        except ConfigError as error:
            raise LintError(str(error)) from error
        if options.dump or os.path.isdir(options.path):
            msg = "--context is for a single file: a folder and a dump have their own"
            raise LintError(msg)
    if (options.fix or options.diff) and (options.dump or not os.path.isdir(options.path)):
        msg = "--fix and --diff need the whole folder: a part does not show what the rest uses"
        raise LintError(msg)


def _lint_run(options: argparse.Namespace) -> LintRun:
    single = options.dump or options.path == "-"
    return LintRun(
        lambda replaced: _load(options, replaced),
        Target.of(options.nginx_version, options.modules.split(",") if options.modules else None),
        folder=None if single else config_folder(options.path, options.main or "nginx.conf"),
        suppressions=options.suppressions,
        config_dir=options.config_dir or "/etc/nginx",
        whole=options.dump or (not single and os.path.isdir(options.path)),
        ignore=options.ignore,
    )


def _load(options: argparse.Namespace, replaced: Mapping[str, bytes]) -> Config:
    if options.dump:
        return load_dump(_read(options.path), main=options.main)
    if options.path == "-":
        folder = options.config_dir or "/etc/nginx"
        return load_text(_read("-"), config_dir=folder, partial=options.partial, context=options.context)
    return load_path(
        options.path,
        config_dir=options.config_dir,
        main=options.main or "nginx.conf",
        partial=options.partial,
        context=options.context,
        replaced=replaced,
    )


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        msg = f'"{path}" cannot be read: {error.strerror or error}'
        raise ConfigError(msg) from error


def _deliver(text: str, path: str | None) -> None:
    if path is None:
        _print(text)
        return
    try:
        write(path, text)
    except OSError as error:
        msg = f"the report cannot be written to {path}: {error.strerror or error}"
        raise LintError(msg) from error


def _print(text: str, stream: t.TextIO | None = None) -> None:
    """Print UTF-8, whatever the locale is: other tools read these reports."""
    target = stream or sys.stdout
    target.flush()
    target.buffer.write(text.encode("utf-8", "replace"))
    target.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
