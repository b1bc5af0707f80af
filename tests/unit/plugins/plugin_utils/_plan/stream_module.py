# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stream module of Debian's nginx, unpacked: installing it would enable it for every nginx of the machine."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "libnginx-mod-stream"
_INSTALLED = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
_CACHE = Path(tempfile.gettempdir()) / "failsafe-nginx-tests"


def stream_module() -> bytes | None:
    """Return the module's file; None where neither the machine nor its package archive has it."""
    if _INSTALLED.exists():
        return _INSTALLED.read_bytes()
    unpacked = _CACHE / "stream" / str(_INSTALLED).lstrip("/")
    if not unpacked.exists() and not _unpack():
        return None
    return unpacked.read_bytes()


def _unpack() -> bool:
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        return False
    _CACHE.mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=_CACHE))
    try:
        get = [apt, "download", "-q", PACKAGE]
        if subprocess.run(get, cwd=place, check=False, capture_output=True, timeout=120).returncode:
            return False
        package = next(place.glob("*.deb"))
        subprocess.run([dpkg, "-x", package, place / "tree"], check=True, capture_output=True, timeout=60)
        with contextlib.suppress(OSError):  # another run was faster
            (place / "tree").rename(_CACHE / "stream")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return True
