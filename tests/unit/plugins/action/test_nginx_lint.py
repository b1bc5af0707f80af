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
from ansible.parsing.vault import VaultLib, VaultSecret

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
            [*command, "play.yml"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
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
    assert rules(result) == []
    assert result["summary"]["error"] == result["summary"]["warning"] == 0


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
    assert rules(result) == ["redirect-loop"]
    assert rules(run({"path": folder, "ignore": ["redirect-loop"]})) == []


def test_unreadable_input_fails_always(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    result = run({"path": str(tree(BROKEN)), "fail_on": "never"})
    assert result["failed"]
    assert "syntax-error" in result["msg"]


def test_templates_get_the_hosts_variables(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    tree(LOOP, "nginx.conf.j2")
    assert rules(run({"src": "site"}, name="b.test")) == []
    result = run({"src": "site"})
    assert rules(result) == ["redirect-loop"]
    assert "(from " in result["msg"]


def test_a_dump(run: t.Callable[..., dict[str, t.Any]]) -> None:
    dump = "# configuration file /etc/nginx/nginx.conf:\n" + LOOP.replace("{{ name | default('a.test') }}", "a.test")
    result = run({"dump": dump})
    assert {finding["file"] for finding in result["findings"]} == {"/etc/nginx/nginx.conf"}
    assert rules(result) == ["redirect-loop"]


def test_how_it_ended(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    tree(GOOD)
    assert run({"path": "site"})["outcome"] == "clean"
    tree(LOOP.replace("{{ name | default('a.test') }}", "a.test"))
    assert run({"path": "site", "fail_on": "never"})["outcome"] == "findings"
    tree(BROKEN)
    assert run({"path": "site"})["outcome"] == "unreadable"


def test_suppressions(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path], tmp_path: Path) -> None:
    entries = "suppressions: [{rule: redirect-loop, path: nginx.conf, reason: known}]"
    text = LOOP.replace("{{ name | default('a.test') }}", "a.test")
    folder = tree(text)
    (tmp_path / "mine.yml").write_text(entries)
    assert rules(run({"path": "site", "suppressions": "mine.yml"})) == []
    dump = f"# configuration file /etc/nginx/nginx.conf:\n{text}"
    assert rules(run({"dump": dump, "suppressions": "mine.yml"})) == []
    (folder / ".failsafe-lint.yml").write_text(entries)
    assert rules(run({"path": "site"})) == []
    assert rules(run({"src": "site"})) == []
    (folder / ".failsafe-lint.yml").write_text(entries.replace("rule:", "role:"))
    result = run({"path": "site"})
    assert result["failed"]
    assert "suppression-invalid" in {finding["rule"] for finding in result["findings"]}


def rules(result: dict[str, t.Any]) -> list[str]:
    """What errors and suppressions say; what else is told about these trees is not under test here."""
    names = [each["rule"] for each in result["findings"]]
    return [name for name in names if name.startswith(("redirect-loop", "suppression", "syntax"))]


def test_a_report(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path], tmp_path: Path) -> None:
    tree(LOOP, "nginx.conf.j2")
    assert run({"src": "site", "report": {"path": "lint.sarif"}}, check=True)["failed"]
    results = json.loads((tmp_path / "lint.sarif").read_text())["runs"][0]["results"]
    places = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results}
    assert places == {"site/nginx.conf.j2"}
    assert "cannot be written" in run({"src": "site", "report": {"path": "no/such/lint.xml", "format": "junit"}})["msg"]


def test_a_report_holds_no_secrets(
    run: t.Callable[..., dict[str, t.Any]],
    tree: t.Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "password").write_text("x")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    vault = VaultLib([("default", VaultSecret(b"x"))])
    secret = {"__ansible_vault": vault.encrypt(b"hunter2hunter2").decode()}
    text = LOOP.replace("/; }", "/{{ secret }}; add_header X {{ secret }}; }")
    tree(text, "nginx.conf.j2")
    for name in ("text", "json", "junit"):
        result = run({"src": "site", "report": {"path": "out", "format": name}}, secret=secret)
        assert "redirect-loop" in rules(result), result
        assert "hunter2" not in (tmp_path / "out").read_text()
        assert "********" in (tmp_path / "out").read_text()


def test_fixes(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    text = "# failsafe:ignore redirect-loop gone\n" + GOOD
    path = tree(text) / "nginx.conf"
    result = run({"path": "site", "fix": True}, check=True)
    assert (result["changed"], result["fixed"]) == (True, ["nginx.conf"])
    assert result["diff"][0]["before"] == text
    assert result["diff"][0]["after"] == GOOD
    assert path.read_text() == text
    assert run({"path": "site", "fix": True})["changed"] is True
    assert path.read_text() == GOOD
    result = run({"path": "site", "fix": True})
    assert (result["changed"], result["fixed"], result["diff"]) == (False, [], [])


def test_the_version_of_the_target(run: t.Callable[..., dict[str, t.Any]], tree: t.Callable[..., Path]) -> None:
    tree(GOOD)
    assert not run({"path": "site", "nginx_version": "1.24.0", "modules": ["http_ssl_module"]})["failed"]
    assert "no version" in run({"path": "site", "nginx_version": "new"})["msg"]


def test_a_rules_page(run: t.Callable[..., dict[str, t.Any]]) -> None:
    assert run({"explain": "redirect-loop"})["page"].startswith("# redirect-loop\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "path, dump, src"),
        ({"path": "a", "dump": "b"}, "mutually exclusive"),
        ({"path": "nowhere"}, "nowhere"),
        ({"dump": "no dump"}, "nginx -T"),
        ({"dump": 7}, "nginx -T"),
        ({"src": "nowhere"}, "nowhere"),
        ({"src": "nowhere", "explain": "redirect-loop"}, "mutually exclusive"),
        ({"explain": "no-rule"}, "no-rule"),
        ({"dump": "x", "fix": True}, "whole folder"),
        ({"path": "play.yml", "fix": True}, "whole folder"),
        ({"dump": "x", "suppressions": "none.yml"}, "none.yml cannot be read"),
        ({"dump": "x", "report": {"format": "sarif"}}, "path"),
        ({"path": "/etc", "fail_on": "sometimes"}, "sometimes"),
        ({"dump": "# configuration file /n.conf:\n", "ignore": ["syntax-error"]}, "cannot be ignored"),
    ],
)
def test_what_cannot_be_linted(run: t.Callable[..., dict[str, t.Any]], options: dict[str, t.Any], message: str) -> None:
    result = run(options)
    assert result["failed"]
    assert message in result["msg"]
