# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules say that nginx refuses to load, given to a real nginx."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data.directives import ONCE

pytestmark = pytest.mark.nginx
FIXTURES = Path(__file__).parent / "fixtures"
BINARY = shutil.which("nginx") or "/usr/sbin/nginx"
REFUSALS = {
    "duplicate-directive": r'"\w+" directive is duplicate',
    "duplicate-location": r'duplicate location "',
    "duplicate-default-server": r"a duplicate default server for",
    "duplicate-listen": r"a duplicate listen|duplicate \"[^\"]+\" address and port pair",
    "duplicate-upstream": r'duplicate upstream "',
    "misplaced-location": r"cannot be inside|is outside location|can be on the server level only",
    "proxy-pass-uri-forbidden": r'"proxy_pass" cannot have URI part',
    "undefined-name": r"unknown log format|zero size shared memory zone|zone \"\w+\" is unknown",
    "unknown-variable": r'unknown "\w+" variable',
}
#: Arguments of all kinds: one of them suits each directive.
ARGUMENTS = (
    "on",
    "1",
    "1k",
    "1s",
    "/tmp/x",
    "a",
    "1 1k",
    "127.0.0.1:1",
    "http://127.0.0.1:1",
    "/x /y",
    "a b",
    "off",
    "",
)
AROUND = {
    "main": "{} events {{}}",
    "events": "events {{ {} }}",
    "http": "events {{}} http {{ {} }}",
    "server": "events {{}} http {{ server {{ {} }} }}",
    "location": "events {{}} http {{ server {{ location / {{ {} }} }} }}",
    "upstream": "events {{}} http {{ upstream u {{ server 127.0.0.1; {} }} }}",
}


def complaint(folder: Path, text: str) -> str:
    """What `nginx -t` says when it refuses a configuration; empty when it does not."""
    (folder / "logs").mkdir(exist_ok=True)
    text = text.replace("/var/log/nginx", f"{folder}/logs").replace("/var/cache/nginx", f"{folder}/cache")
    (folder / "nginx.conf").write_text(text)
    command = [BINARY, "-t", "-q", "-p", str(folder), "-e", "/dev/null", "-c", str(folder / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stderr if done.returncode else ""


def whole(path: Path) -> str:
    text = (path / "nginx.conf" if path.is_dir() else path).read_text()
    return (
        text if re.search(r"^(events|worker_processes)\b", text, re.MULTILINE) else f"events {{}}\nhttp {{\n{text}}}\n"
    )


def cases(kind: str) -> list[Path]:
    """Fixtures for `http`: Debian's nginx has no `stream` of its own, and an old one no QUIC (asked of 1.26.3 once)."""
    paths = [path for rule in REFUSALS for path in sorted((FIXTURES / rule / kind).iterdir())]
    return [path for path in paths if not path.stem.startswith(("stream", "quic"))]


def place(folder: Path, path: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, folder, dirs_exist_ok=True)


@pytest.mark.parametrize("path", cases("fire"), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_nginx_refuses_what_fires(path: Path, tmp_path: Path) -> None:
    place(tmp_path, path)
    assert re.search(REFUSALS[path.parts[-3]], complaint(tmp_path, whole(path)))


@pytest.mark.parametrize("path", cases("silent"), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_nginx_loads_what_stays_silent(path: Path, tmp_path: Path) -> None:
    place(tmp_path, path)
    assert complaint(tmp_path, whole(path)) == ""


def test_an_upstream_needs_servers(tmp_path: Path) -> None:
    said = complaint(tmp_path, whole(FIXTURES / "upstream-down" / "fire" / "empty.conf"))
    assert "no servers are inside upstream" in said


def test_directives_stand_once(tmp_path: Path) -> None:
    tried = 0
    wrong = []
    for name, blocks in ONCE.items():
        around = AROUND[min(blocks)]
        for arguments in ARGUMENTS:
            line = f"{name} {arguments};"
            said = complaint(tmp_path, around.format(line))
            if "unknown directive" in said:
                break  # of a module that this nginx is built without
            if said:
                continue
            tried += 1
            if "is duplicate" not in complaint(tmp_path, around.format(f"{line} {line}")):
                wrong.append(line)
            break
    assert not wrong
    assert tried > len(ONCE) / 2
