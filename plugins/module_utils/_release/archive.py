# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the engine as one file for use on the host: `failsafe-nginx.pyz` in the store."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import marshal
import sys
import typing as t
import zipfile

from .._common.json_text import parse_json
from .disk import Folder
from .errors import ReleaseError
from .settings import ARCHIVE

_SUM = "failsafe-nginx.sum"
_ROOMS = __name__.rpartition("._release.")[0]
# The watcher of a lease loads nothing else: it may wait for long on a small host.
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
    # They import the engine and belong into the archive. A static import would be a circle: the engine writes the archive.
    # modules/nginx_release.py imports both, so that they are on the host.
    for name in ("cli", "watch"):
        importlib.import_module(f"{_ROOMS}._release.{name}")
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


def build(sources: t.Mapping[str, str]) -> bytes:
    """Return the archive, with sources and compiled files; another Python than this one uses the sources."""
    data = io.BytesIO()
    data.write(f"#!{sys.executable or '/usr/bin/python3'} -I\n".encode())
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        for path, source in sorted(sources.items()):
            for name, content in ((path, source.encode("utf-8")), (path + "c", _compiled(path, source))):
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _compiled(path: str, source: str) -> bytes:
    # PEP 552: unchecked, because an archive's entries have no time to compare.
    text = source.encode("utf-8")
    code = compile(text, f"{ARCHIVE}/{path}", "exec", dont_inherit=True)
    return (
        importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(text) + marshal.dumps(code)
    )


def write(folder: Folder) -> None:
    """Write the archive into the store, unless the same one is there undamaged."""
    sources = _sources()
    made_of = hashlib.sha256(json.dumps([sys.executable, sys.version, sorted(sources.items())]).encode()).hexdigest()
    with contextlib.suppress(ReleaseError, ValueError):
        if folder.entry(ARCHIVE) is not None and folder.entry(_SUM) is not None:
            known = parse_json(folder.read(_SUM))
            if known == {"of": made_of, "is": hashlib.sha256(folder.read(ARCHIVE)).hexdigest()}:
                return
    data = build(sources)
    folder.put(ARCHIVE, data, 0o700)
    folder.put(_SUM, json.dumps({"of": made_of, "is": hashlib.sha256(data).hexdigest()}).encode("ascii"))
