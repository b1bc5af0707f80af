# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo needs of this machine: nginx, openssl and the checkout's virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet import ROOT, DemoError, run_quietly

#: Command -> the package that has it, on Debian and Ubuntu.
PACKAGES = {"nginx": "nginx-light", "openssl": "openssl"}

VENV = ROOT / ".venv"
_POLICY = Path("/usr/sbin/policy-rc.d")


def make_ready() -> None:
    """Install what is missing where that is possible.

    Raises:
        DemoError: something is missing that has to be installed by the user; the message says what.

    """
    # /usr/sbin is not on an ordinary user's PATH in Debian.
    os.environ["PATH"] += os.pathsep + os.pathsep.join(["/usr/sbin", "/sbin"])
    missing = [command for command in PACKAGES if shutil.which(command) is None]
    if missing:
        _install(missing)
    if not (VENV / "bin" / "ansible-playbook").exists():
        print("Setting up .venv, once (make setup) ...", flush=True)
        run_quietly(["make", "-C", str(ROOT), "setup"])


def _install(commands: list[str]) -> None:
    packages = [PACKAGES[command] for command in commands]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise DemoError(
            f"{' and '.join(commands)} not found. Install {' and '.join(packages)} (Debian, Ubuntu: apt-get install"
            f" {' '.join(packages)}; elsewhere the package is called {' and '.join(commands)}), or run this as root on"
            " Debian or Ubuntu. The service need not run."
        )
    print(f"Installing {' and '.join(packages)} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", "-q", *command], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise DemoError(f"apt-get {' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        if "nginx" in commands:
            run_quietly(["update-rc.d", "nginx", "disable"])


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Packages that are installed in this block do not start their services (policy-rc.d of invoke-rc.d(8))."""
    if _POLICY.exists():
        # Somebody has a policy: it stays in force.
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    try:
        _POLICY.chmod(0o755)
        yield
    finally:
        _POLICY.unlink()
