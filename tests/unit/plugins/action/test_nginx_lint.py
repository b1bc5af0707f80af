# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action as ansible-playbook runs it: it needs no host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
GOOD = "events {}\nhttp { server_tokens off; server { listen 80; server_name a.test; return 204; } }\n"
LOOP = GOOD.replace("return 204", "return 301 http://{{ name | default('a.test') }}/")
BROKEN = "events {}\nhttp { server { listen 80 }\n"


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("collections")
    (path / "ansible_collections" / "failsafe").mkdir(parents=True)
    (path / "ansible_collections" / "failsafe" / "nginx").symlink_to(ROOT)
    return path


@pytest.fixture
def run(tmp_path: Path, collections: Path) -> t.Callable[..., dict[str, t.Any]]:
    def run_task(options: dict[str, t.Any], *, check: bool = False, **variables: t.Any) -> dict[str, t.Any]:
        task = {"failsafe.nginx.nginx_lint": options, "register": "lint", "ignore_errors": True}
        result = tmp_path / "result.json"
        dump = {
            "ansible.builtin.copy": {"content": "{{ lint | to_json }}", "dest": str(result)},
            "delegate_to": "localhost",
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "check_mode": False,
        }
        play = {"hosts": "all", "gather_facts": False, "vars": variables, "tasks": [task, dump]}
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "no.such.host.invalid,"]
        command += ["--check"] if check else []
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_LOCALHOST_WARNING": "0"}
        done = subprocess.run(
            [*command, "play.yml"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert result.exists(), done.stdout + done.stderr
        return t.cast("dict[str, t.Any]", json.loads(result.read_text()))

    return run_task


@pytest.fixture
def tree(tmp_path: Path) -> t.Callable[[str], Path]:
    def make(text: str, name: str = "nginx.conf") -> Path:
        folder = tmp_path / "site"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return folder

    return make


def test_a_good_folder(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    tree(GOOD)
    result = run({"path": "site"}, check=True)
    assert not result["failed"]
    assert result["changed"] is False
    assert result["findings"] == []
    assert result["summary"] == {"error": 0, "warning": 0, "advice": 0}


def test_a_loop_fails_with_the_chain(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    result = run({"path": str(tree(LOOP.replace("{{ name | default('a.test') }}", "a.test")))})
    assert result["failed"]
    assert "error redirect-loop nginx.conf:2" in result["msg"]
    assert "GET http://a.test/ -> 301 http://a.test/" in result["msg"]
    assert result["summary"]["error"] == 1


def test_never_and_ignore(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    folder = str(tree(LOOP.replace("{{ name | default('a.test') }}", "a.test")))
    result = run({"path": folder, "fail_on": "never"})
    assert not result["failed"]
    assert len(result["findings"]) == 1
    assert run({"path": folder, "ignore": ["redirect-loop"]})["findings"] == []


def test_unreadable_input_fails_always(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    result = run({"path": str(tree(BROKEN)), "fail_on": "never"})
    assert result["failed"]
    assert "syntax-error" in result["msg"]


def test_templates_get_the_hosts_variables(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    tree(LOOP, "nginx.conf.j2")
    assert run({"src": "site"}, name="b.test")["findings"] == []
    result = run({"src": "site"})
    assert [finding["rule"] for finding in result["findings"]] == ["redirect-loop"]
    assert "(from " in result["msg"]


def test_a_dump(run: t.Callable[..., dict[str, t.Any]]) -> None:
    dump = "# configuration file /etc/nginx/nginx.conf:\n" + LOOP.replace("{{ name | default('a.test') }}", "a.test")
    result = run({"dump": dump})
    assert result["findings"][0]["file"] == "/etc/nginx/nginx.conf"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "path, dump, src"),
        ({"path": "a", "dump": "b"}, "mutually exclusive"),
        ({"path": "nowhere"}, "nowhere"),
        ({"dump": "no dump"}, "nginx -T"),
        ({"dump": 7}, "nginx -T"),
        ({"src": "nowhere"}, "nowhere"),
        ({"path": "/etc", "fail_on": "sometimes"}, "sometimes"),
        ({"dump": "# configuration file /n.conf:\n", "ignore": ["syntax-error"]}, "cannot be ignored"),
    ],
)
def test_what_cannot_be_linted(run: t.Callable[..., dict[str, t.Any]], options: dict[str, t.Any], message: str) -> None:
    result = run(options)
    assert result["failed"]
    assert message in result["msg"]
