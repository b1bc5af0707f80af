# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace get-pip.py in ansible-test's virtual environments, so that no script is downloaded and run.

The arguments are get-pip.py's: requirements such as `pip==24.2`, pip's options, and two options of its own that
leave setuptools or wheel out, which is what happens here anyway when they are not asked for.
"""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    """Install the pip that Python brings, and with it what was asked for."""
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *arguments], check=True)


if __name__ == "__main__":
    main()
