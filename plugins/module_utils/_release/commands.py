# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Run commands of the host."""

from __future__ import annotations

import os
import subprocess
import typing as t

_TIMEOUT = 30  # seconds


def run(argv: t.Sequence[str]) -> tuple[str, str]:
    """Run a command and return its standard output and the failure, empty if there was none."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH") or os.defpath, "LC_ALL": "C.UTF-8"},
            cwd="/",
            timeout=_TIMEOUT,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "", str(error)
    printed = done.stderr.decode("utf-8", "backslashreplace").strip()
    failure = "" if done.returncode == 0 else printed or f"{argv[0]} ended with status {done.returncode}"
    return done.stdout.decode("utf-8", "backslashreplace"), failure
