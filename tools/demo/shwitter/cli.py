# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's command line, its work folder, and the promise that nothing of it is left behind."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import typing as t
from pathlib import Path

from .fleet import Fleet, run_quietly
from .host import DemoError
from .machine import go_on_in_the_environment, make_ready


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0 only where every claim held."""
    parser = argparse.ArgumentParser(
        prog="tools/demo/run", description="The outage, replayed on five nginx instances on this machine."
    )
    parser.add_argument("--verbose", action="store_true", help="show all of ansible-playbook's output")
    parser.add_argument(
        "--keep", action="store_true", help="keep the work folder (the processes are stopped all the same)"
    )
    parser.add_argument("--brief", action="store_true", help="leave out the outage as it was, and the fix in the end")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        make_ready()
        go_on_in_the_environment()
        return _in_a_work_folder(verbose=options.verbose, keep=options.keep, brief=options.brief)
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130


def _in_a_work_folder(*, verbose: bool, keep: bool, brief: bool) -> int:
    from .playbook import Playbooks  # noqa: PLC0415  needs what make_ready installs
    from .story import Story  # noqa: PLC0415  the same

    work = Path(tempfile.mkdtemp(prefix="failsafe-demo-"))
    log = work / "ansible.log"
    try:
        fleet = Fleet(work)
        print(f"Five instances of {_nginx_version()} on this machine, below {work}")
        Story(fleet, Playbooks(log, fleet.variables(), verbose=verbose)).tell(brief=brief)
    except DemoError:
        if log.exists() and not verbose:
            print(f"\n{log.read_text()}", file=sys.stderr)
        raise
    finally:
        if keep:
            print(f"\nkept: {work}")
        else:
            shutil.rmtree(work)
    return 0


def _nginx_version() -> str:
    return run_quietly(["nginx", "-v"]).strip().rpartition(" ")[2]


def _interrupt(*_: t.Any) -> None:
    raise KeyboardInterrupt
