# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's needs on this machine: nginx, openssl and the checkout's virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .fleet import ROOT
from .host import DemoError

#: Command -> the package that has it, on Debian and Ubuntu.
PACKAGES = {"nginx": "nginx-light", "openssl": "openssl"}

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
ANSIBLE_PLAYBOOK = VENV / "bin" / "ansible-playbook"
#: The last thing that `make setup` makes.
COLLECTIONS = VENV / "collections"


def make_ready() -> None:
    """Install what is missing where that is possible.

    Raises:
        DemoError: something is missing that the user has to install; the message says what.

    """
    # An ordinary user's PATH lacks the folders that Debian's nginx lies in.
    os.environ["PATH"] += os.pathsep + os.pathsep.join(["/usr/local/sbin", "/usr/sbin", "/sbin"])
    missing = [command for command in PACKAGES if shutil.which(command) is None]
    if missing:
        _install(missing)
    if not COLLECTIONS.exists():
        print("Setting up .venv, once ...", flush=True)
        _run(["make", "-C", str(ROOT), "--no-print-directory", "setup"])


def go_on_in_the_environment() -> None:
    """Start this program again with .venv's Python, which has what the rest of it imports."""
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606  no shell is meant


def _install(commands: list[str]) -> None:
    packages = [PACKAGES[command] for command in commands]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise DemoError(
            f"not installed: {', '.join(commands)}. On Debian and Ubuntu: sudo apt-get install {' '.join(packages)}"
            f" (root may run the demo without that). Elsewhere the packages are called {' and '.join(commands)}."
            " No service has to run."
        )
    print(f"Installing {' and '.join(packages)} ...", flush=True)
    _run([str(ROOT / "tools" / "install-packages"), *packages])


def _run(command: list[str]) -> None:
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        raise DemoError(f"{' '.join(command)}: exit status {status}")
