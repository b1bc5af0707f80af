# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The engine as one file for people on the host: `failsafe-nginx.pyz` in the store."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import typing as t
import zipfile

from .host import ARCHIVE as NAME

if t.TYPE_CHECKING:
    from .disk import Folder

_ROOMS = __name__.rpartition("._release.")[0]
# What waits for the end of a lease loads nothing else: it may wait for long on a small host.
_MAIN = f"""\
import sys
if sys.argv[1:2] == ["watch"]:
    from {_ROOMS}._release.watch import main
    sys.exit(main(sys.argv[2:]))
from {_ROOMS}._release.cli import main
sys.exit(main())
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same sources give the same bytes


def _sources() -> dict[str, str]:
    from . import cli, watch  # noqa: F401, PLC0415 - they import the engine; loading it brings it into the archive

    files = {"__main__.py": _MAIN}
    for name in sorted(sys.modules):
        if not name.startswith(_ROOMS + "._"):
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            continue
        package = spec.submodule_search_locations is not None
        path = name.replace(".", "/") + ("/__init__.py" if package else ".py")
        # Ansible's payload is a zip on sys.path: only its importer can read the sources.
        files[path] = t.cast("t.Any", spec.loader).get_source(name) or ""
    for path in list(files):
        for depth in range(1, path.count("/") + 1):
            files.setdefault("/".join(path.split("/")[:depth]) + "/__init__.py", "")
    return files


def build() -> bytes:
    """The archive, from the modules that this process runs (in Ansible's payload nothing else is there)."""
    data = io.BytesIO()
    data.write(f"#!{sys.executable or '/usr/bin/python3'} -I\n".encode())
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        for path, source in sorted(_sources().items()):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), source, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def write(folder: Folder) -> None:
    """Put the archive into the store unless it is there already."""
    data = build()
    with contextlib.suppress(OSError):
        if os.path.getsize(os.path.join(folder.path, NAME)) == len(data) and folder.read(NAME) == data:
            return
    folder.put(NAME, data, 0o700)
