# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two folders on the controller, compared by a user that is not root there: as a CI job does it before a merge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.nginx, pytest.mark.root]

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534
#: A user without a right but to read the checkout and the Python of these tests, wherever they lie.
AS_NOBODY = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all,+dac_read_search",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
]  # fmt: skip

OLD = """\
events {}
http {
    server {
        listen 80;
        server_name www.example.com;
        location / { return 200 "old\\n"; }
        location /api/ {
            proxy_pass http://app.internal:8080;
        }
        location /admin/ { deny all; }
    }
}
"""

PLAY = """\
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/failsafe.nginx.nginx:
      before: {work}/old
      after: {work}/new
  tasks:
    - failsafe.nginx.nginx_route_check:
        after: {work}/old
        report: {{json: {work}/same.json}}
    - failsafe.nginx.nginx_route_check:
        report: {{json: {work}/new.json, html: {work}/new.html}}
      register: checked
      ignore_errors: true
    - failsafe.nginx.nginx_bisect:
        request: {{url: "http://www.example.com/api/profile"}}
      register: found
    - ansible.builtin.copy:
        content: "{{{{ {{'checked': checked, 'found': found}} | to_json }}}}"
        dest: {work}/results.json
        mode: "0600"
"""


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder of that user, with two configurations, and not below pytest's own, which are root's alone."""
    tmp_path = Path(tempfile.mkdtemp(prefix="failsafe-nobody-"))
    new = OLD.replace("proxy_pass", "rewrite ^/api/profile /api/profile_list last;\n            proxy_pass")
    for name, text in {"old": OLD, "new": new.replace('"old', '"new')}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "nginx.conf").write_text(text)
    (tmp_path / "play.yml").write_text(PLAY.format(work=tmp_path))
    (tmp_path / "ansible.cfg").touch()
    collections = tmp_path / "collections" / "ansible_collections" / "failsafe"
    collections.mkdir(parents=True)
    (collections / "nginx").symlink_to(ROOT)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_route_check_and_bisect_need_no_root_on_the_controller(work: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(work), "TMPDIR": str(work), "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(work / "collections"), "ANSIBLE_HOME": str(work / "home"),
        "ANSIBLE_PIPELINING": "true", "ANSIBLE_REMOTE_TEMP": str(work / "remote"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    program = [sys.executable, Path(sys.executable).with_name("ansible-playbook")]
    inventory = "localhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3"
    (work / "hosts").write_text(inventory)
    done = subprocess.run(
        [*AS_NOBODY, *program, "-i", work / "hosts", work / "play.yml"],
        capture_output=True, text=True, env=environment, cwd=work, check=False, timeout=300,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    results = json.loads((work / "results.json").read_text())
    checked, found = results["checked"], results["found"]
    assert (checked["verified"], checked["failed"]) == (True, True), told
    assert "error-introduced" in [each["class"] for each in checked["changes"]]
    assert checked["lines"] == ["nginx.conf:8 + rewrite ^/api/profile /api/profile_list last"]
    assert found["lines"] == checked["lines"]
    assert found["searches"][0]["complement"] == "pass"
    assert json.loads((work / "same.json").read_text())["changes"] == []
    assert (work / "new.html").stat().st_uid == NOBODY
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if os.fsencode(work) in content(path)]


def content(path: Path) -> bytes:
    """What is in a file of a process, nothing once it has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
