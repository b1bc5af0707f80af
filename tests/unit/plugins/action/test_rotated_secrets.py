# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret that is replaced: neither it nor the one before it is in what a comparison tells, though both explain a change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

pytestmark = [pytest.mark.nginx, pytest.mark.root]

ROOT = Path(__file__).resolve().parents[4]
OLD, NEW, FILED = "0ld-t0ken-of-the-api", "n3w-t0ken-of-the-api", "f1led-t0ken-of-the-api"
SITE = """\
events {{}}
http {{
    server {{
        listen 127.0.0.1:8080;
        server_name www.example.com;
        location / {{ return 302 /{token}/; }}
        location /api/ {{ include filed.conf; }}
    }}
}}
"""
WITH = [
    {"nginx_diff": {}},
    {"nginx_route_check": {}},
    {"nginx_bisect": {"request": {"url": "http://www.example.com:8080/api/a"}}},
]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Workers run as another user: pytest's own folders are private.
    folder = Path(tempfile.mkdtemp(prefix="failsafe-secrets-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def files(folder: Path) -> None:
    vault = VaultLib([("default", VaultSecret(b"password"))])
    for name in ("etc", "src", "collections/ansible_collections/failsafe"):
        (folder / name).mkdir(parents=True)
    (folder / "collections/ansible_collections/failsafe/nginx").symlink_to(ROOT)
    (folder / "etc/nginx.conf").write_text(SITE.format(token=OLD))
    (folder / "etc/filed.conf").write_text("return 204;\n")
    (folder / "src/nginx.conf.j2").write_text(SITE.format(token="{{ token }}"))
    (folder / "src/filed.conf").write_bytes(vault.encrypt(f"return 302 /{FILED};\n"))
    (folder / "password").write_text("password")
    (folder / "secrets.yml").write_bytes(vault.encrypt(f"token: {NEW}\n"))


def play(folder: Path) -> list[dict[str, t.Any]]:
    sides = {"before": "live", "src": str(folder / "src"), "config_dir": str(folder / "etc")}
    tasks: list[dict[str, t.Any]] = [
        {f"failsafe.nginx.{name}": {**sides, **options}, "ignore_errors": True, "diff": True}
        for task in WITH
        for name, options in task.items()
    ]
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return [{"hosts": "all", "gather_facts": False, "vars": local, "vars_files": ["secrets.yml"], "tasks": tasks}]


def test_no_token_is_seen_and_the_change_is_explained(folder: Path) -> None:
    files(folder)
    (folder / "play.yml").write_text(json.dumps(play(folder)))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "PATH": os.environ["PATH"] + ":/usr/sbin",
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-vv", "-i", "localhost,"]
    command += ["--vault-password-file", str(folder / "password"), "play.yml"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert told.count("return 302 /********") >= len(WITH), told
    assert [token for token in (OLD, NEW, FILED) if token in told] == []
