# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action as ansible-playbook runs it: folders and dumps need no host, live configurations are read by its nginx."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import RISKS

ROOT = Path(__file__).resolve().parents[4]
SITE = "events {}\nhttp {\n  server {\n    listen 8099;\n    server_name a.test;\n    return 204;\n  }\n}\n"
Run = t.Callable[..., list[dict[str, t.Any]]]


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("collections")
    (path / "ansible_collections" / "failsafe").mkdir(parents=True)
    (path / "ansible_collections" / "failsafe" / "nginx").symlink_to(ROOT)
    return path


@pytest.fixture
def run(tmp_path: Path, collections: Path) -> Run:
    """Run one task for each set of options; `host` is where, an invalid name unless the test needs this machine."""

    def run_tasks(
        tasks: list[dict[str, t.Any]], *flags: str, host: str = "no.such.host.invalid", **variables: t.Any
    ) -> list[dict[str, t.Any]]:
        result = tmp_path / "result.json"
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        steps: list[dict[str, t.Any]] = [
            {"failsafe.nginx.nginx_diff": options, "register": f"found{number}", "ignore_errors": True}
            for number, options in enumerate(tasks)
        ]
        names = ", ".join(f"found{number}" for number in range(len(tasks)))
        dump = {
            "ansible.builtin.copy": {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(result)},
            "delegate_to": "localhost",
            "vars": local,
            "check_mode": False,
            "diff": False,
        }
        known = {**variables, **(local if host == "localhost" else {})}
        play = {"hosts": "all", "gather_facts": False, "vars": known, "tasks": [*steps, dump]}
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", f"{host},", *flags, "play.yml"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_LOCALHOST_WARNING": "0"}
        environment["PATH"] += ":/usr/sbin"
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert result.exists(), done.stdout + done.stderr
        found = t.cast("list[dict[str, t.Any]]", json.loads(result.read_text()))
        result.unlink()
        return [{**each, "output": done.stdout} for each in found]

    return run_tasks


def write(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def test_two_folders_without_a_host(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "old", {"nginx.conf": SITE})
    write(tmp_path / "new", {"nginx.conf": SITE.replace("204", "404")})
    (found,) = run([{"before": "old", "after": "new"}], "--check")
    assert not found["failed"]
    assert not found["changed"]
    assert [change["line"] for change in found["changes"]] == ["server a.test: return 204 -> 404"]
    assert found["changes"][0]["after"] == {"file": "nginx.conf", "line": 6}
    assert found["summary"]["risks"] == {"routing": 1}
    assert "text_diff" not in found
    # Without --diff nothing is shown.
    assert "return 204 -> 404" not in found["output"]


def test_diff_mode_shows_the_summary_first(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "old", {"nginx.conf": SITE})
    write(tmp_path / "new", {"nginx.conf": f"# note\n{SITE}"})
    found, same = run([{"before": "old", "after": "new"}, {"before": "old", "after": "old"}], "--check", "--diff")
    assert found["changed"]
    assert "0 to add, 0 to change, 0 to remove; 0 moved; 1 file cosmetic only" in found["output"]
    assert not same["changed"]


def test_a_dump_a_file_and_a_folder_are_one_configuration(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "folder", {"nginx.conf": SITE})
    (tmp_path / "dump").write_text(f"# configuration file /etc/nginx/nginx.conf:\n{SITE}\n")
    (tmp_path / "alone.conf").write_text(SITE)
    for found in run([{"before": "folder", "after": other, "fail_on": "cosmetic"} for other in ("dump", "alone.conf")]):
        assert found["changes"] == found["cosmetic_files"] == []
        assert not found["failed"]


def test_a_class_or_a_worse_one_fails(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "old", {"nginx.conf": SITE})
    write(tmp_path / "new", {"nginx.conf": SITE.replace("http {", "http { gzip on;")})
    classes = (*RISKS, "never")
    results = run([{"before": "old", "after": "new", "fail_on": each} for each in classes])
    for fail_on, found in zip(classes, results, strict=True):
        assert found["failed"] == (fail_on in ("tuning", "cosmetic"))
        assert len(found["changes"]) == 1
        assert ("tuning nginx.conf:2: http: + gzip on" in found["msg"]) == found["failed"]


#: Options, and words of the message.
IMPOSSIBLE = [
    ({"before": "old", "after": "broken"}, ["after cannot be read", 'nginx.conf:2: directive "listen"']),
    ({"before": "broken", "after": "old"}, ["before cannot be read", 'nginx.conf:2: directive "listen"']),
    ({"before": "old", "after": "nowhere"}, ["nowhere", "neither live nor a release"]),
    ({"before": "old", "after": "templates"}, ["holds templates", "a.conf.j2", "src"]),
    ({"before": "old", "after": ""}, ["after is empty"]),
    ({"before": "old"}, ["one of the following is required: after, src"]),
    ({"before": "old", "after": "old", "src": "old"}, ["mutually exclusive: after|src"]),
    ({"before": "old", "after": "old", "fail_on": "dangerous"}, ["fail_on", "dangerous"]),
    ({"before": "old", "after": "empty"}, ["empty", "nginx.conf"]),
]


def test_what_cannot_be_compared_fails(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "old", {"nginx.conf": SITE})
    write(tmp_path / "broken", {"nginx.conf": "events {}\nhttp { server { listen 80 } }\n"})
    write(tmp_path / "templates", {"nginx.conf": SITE, "conf.d/a.conf.j2": ""})
    write(tmp_path / "empty", {"other.conf": ""})
    for (options, words), found in zip(IMPOSSIBLE, run([options for options, _words in IMPOSSIBLE]), strict=True):
        assert found["failed"], options
        assert "changes" not in found
        for word in words:
            assert word in found["msg"]


def test_secrets_and_what_they_replace_are_not_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("x")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    vault = VaultLib([("default", VaultSecret(b"x"))])
    secret = {"__ansible_vault": vault.encrypt(b"hunter2hunter2").decode()}
    text = SITE.replace("return 204;", "proxy_set_header Authorization SECRET;\n    proxy_pass http://10.0.0.1;")
    write(tmp_path / "old", {"nginx.conf": text.replace("SECRET", "swordfish")})
    write(tmp_path / "new", {"nginx.conf": text.replace("SECRET", "hunter2hunter2")})
    options = {"before": "old", "after": "new", "text_diff": True, "fail_on": "cosmetic"}
    (found,) = run([options], "--diff", secret=secret)
    assert found["changes"][0]["line"] == "server a.test: proxy_set_header Authorization ******** -> ********"
    shown = json.dumps(found)
    assert "hunter2" not in shown
    assert "swordfish" not in shown


@pytest.mark.nginx
@pytest.mark.root
def test_the_live_configuration_and_a_source(run: Run, tmp_path: Path) -> None:
    live = write(tmp_path / "live", {"nginx.conf": SITE, "left.alone": "x"})
    write(tmp_path / "site", {"nginx.conf.j2": SITE.replace("204", "{{ code }}")})
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "live").iterdir()}
    options = {"config_dir": live, "store": str(tmp_path / "store")}
    found, same = run(
        [{"src": "site", **options}, {"before": "live/nginx.conf", "after": "live", **options}],
        "--check",
        host="localhost",
        code=404,
    )
    assert [change["line"] for change in found["changes"]] == ["server a.test: return 204 -> 404"]
    assert found["changes"][0]["before"] == {"file": "nginx.conf", "line": 6}
    assert same["changes"] == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "live").iterdir()} == before
    assert not (tmp_path / "store").exists()


@pytest.mark.nginx
@pytest.mark.root
def test_what_the_hosts_nginx_refuses(run: Run, tmp_path: Path) -> None:
    live = write(tmp_path / "live", {"nginx.conf": SITE.replace("return", "retrun")})
    write(tmp_path / "new", {"nginx.conf": SITE})
    options = {"config_dir": live, "store": str(tmp_path / "store")}
    found, absent = run(
        [{"after": "new", **options}, {"after": "new", **options, "config_dir": f"{live}/no"}], host="localhost"
    )
    assert found["failed"]
    assert "changes" not in found
    assert f"{live}/nginx.conf:6" in found["msg"]
    assert 'unknown directive "retrun"' in found["msg"]
    assert absent["failed"]
    assert f"{live}/no" in absent["msg"]


def test_the_module_says_what_the_action_takes() -> None:
    from ansible_collections.failsafe.nginx.plugins.action.nginx_diff import ARGUMENT_SPEC  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.modules.nginx_diff import argument_spec  # noqa: PLC0415

    module = argument_spec()
    assert set(module) == {*ARGUMENT_SPEC, "_payload"}
    for name, spec in ARGUMENT_SPEC.items():
        assert spec.get("default") == module[name].get("default")
        assert spec.get("choices") == module[name].get("choices")
        assert spec.get("type", "str") == module[name].get("type", "str")
