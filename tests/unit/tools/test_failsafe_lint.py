# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `failsafe-lint`: from the checkout, and as pip installs it where there is no Ansible."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import typing as t
import venv
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
GOOD = "events {}\nhttp { server { listen 80; server_name a.test; location / { root /srv; } } }\n"
LOOP = "events {}\nhttp { server { listen 80; server_name a.test; return 301 http://a.test/; } }\n"
COMMENT = "# failsafe:ignore redirect-loop gone"
Run = t.Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_command(*arguments: str, text: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "failsafe_lint", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tools")},
            input=text,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run_command


@pytest.fixture
def site(tmp_path: Path) -> t.Callable[..., Path]:
    def make(main: str, **files: str) -> Path:
        for name, text in {"nginx.conf": main, **files}.items():
            path = tmp_path / "nginx" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "nginx"

    return make


def test_a_folder_a_file_and_their_exit_codes(run: Run, site: t.Callable[..., Path]) -> None:
    site(GOOD)
    assert "0 errors" in run("nginx").stdout
    site(LOOP)
    assert run("nginx", code=1).stdout.startswith("nginx/nginx.conf:2:48: error: GET http://a.test/")
    assert run("nginx/nginx.conf", code=1).stdout.startswith("nginx/nginx.conf:2:48: error: ")
    run("nginx", "--fail-on", "never", code=0)
    run("nginx", "--ignore", "redirect-loop", code=0)
    site(LOOP + "}")
    run("nginx", "--fail-on", "never", code=2)


def test_json_has_the_shape_of_the_module(run: Run, site: t.Callable[..., Path]) -> None:
    site(LOOP)
    data = json.loads(run("nginx", "--format", "json", code=1).stdout)
    assert sorted(data) == ["findings", "outcome", "summary"]
    keys = ["column", "file", "line", "message", "related", "rule", "severity"]
    assert [sorted(each) for each in data["findings"]] == [keys] * len(data["findings"])
    run("nginx", "--format", "sarif", "--output", "lint.sarif", code=1)
    results = json.loads((site(LOOP).parent / "lint.sarif").read_text())["runs"][0]["results"]
    uris = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results}
    assert uris == {"nginx/nginx.conf"}


def test_stdin_a_snippet_and_a_dump(run: Run) -> None:
    assert run("-", text=LOOP, code=1).stdout.startswith("stdin:2:48: error")
    server = "listen 80; server_name a.test; worker_processes 2;"
    assert "wrong-context" in run("-", "--context", "http,server", text=server, code=2).stdout
    assert "wrong-context" in run("-", "--context", "main", text="server { listen 80; }", code=2).stdout
    run("-", "--context", "http", text="server { listen 80; }")
    run("-", text="include a.conf;", code=2)
    run("-", "--partial", text="include a.conf;")
    dump = f"# configuration file /etc/nginx/nginx.conf:\n{LOOP}"
    assert run("-", "--dump", text=dump, code=1).stdout.startswith("/etc/nginx/nginx.conf:2:48: error")
    run("-", "--dump", text=LOOP, code=2)


def test_another_main_file_and_folder(run: Run, site: t.Callable[..., Path]) -> None:
    folder = site("include /etc/nginx/a.conf;", **{"a.conf": LOOP, "x.conf": GOOD})
    run(str(folder), code=2)
    assert "a.conf:2:48" in run(str(folder), "--config-dir", "/etc/nginx", code=1).stdout
    run(str(folder), "--main", "x.conf")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 4, "say what to lint"),
        (["a", "b"], 4, "unrecognized arguments: b"),
        (["nginx", "--format", "yaml"], 4, "invalid choice"),
        (["nginx", "--ignore", "no-rule"], 4, 'no rule "no-rule"'),
        (["nginx", "--ignore", "syntax-error"], 4, "cannot be ignored"),
        (["nginx", "--nginx-version", "new"], 4, '"new" is no version'),
        (["nginx", "--context", "http"], 4, "--context is for a single file"),
        (["-", "--context", "htpp"], 4, "write one of: main, http"),
        (["-", "--fix"], 4, "the whole folder"),
        (["nginx", "--suppressions", "none.yml"], 4, "none.yml cannot be read"),
        (["nginx", "--suppressions", "/dev/null"], 4, "no regular file"),
        (["nginx", "--output", "no/such/folder"], 4, "cannot be written"),
        (["--explain", "no-rule"], 4, 'no rule "no-rule"'),
        (["nowhere"], 2, '"nowhere" cannot be read'),
        (["--dump", "nowhere"], 2, '"nowhere" cannot be read'),
        (["nginx", "--main", "other.conf"], 2, "no main file"),
    ],
)
def test_what_goes_wrong(run: Run, site: t.Callable[..., Path], arguments: list[str], code: int, message: str) -> None:
    site(GOOD)
    done = run(*arguments, code=code, text="")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(GOOD)
    script = (
        "import sys, failsafe_lint; sys.argv = ['failsafe-lint', '.']; sys.argv[1:1] = ['--version']\n"
        "try: failsafe_lint.main()\nexcept SystemExit: pass\n"
        "del sys.argv[1]; from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import cli\n"
        "cli.LintRun.relint = lambda *a, **k: 1 / 0\nsys.exit(cli.main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr
    assert "this is a bug, please report it" in done.stderr


def test_the_project_file(run: Run, site: t.Callable[..., Path]) -> None:
    entry = "  - {rule: redirect-loop, path: nginx.conf, reason: known}\n"
    folder = site(LOOP, **{".failsafe-lint.yml": "suppressions:\n" + entry})
    run("nginx")
    run("nginx/nginx.conf")
    other = folder.parent / "other.yml"
    other.write_text("suppressions:\n" + entry + "  - {rule: redirect-loop, path: x, reason: known}\n")
    done = run("nginx", "--suppressions", "other.yml", "--fail-on", "warning", code=1)
    assert f"{other}:3:5: warning: nothing to suppress: no file that nginx reads matches x" in done.stdout
    run("nginx/nginx.conf", "--suppressions", "other.yml", "--fail-on", "warning")


def test_fixes_are_shown_then_made(run: Run, site: t.Callable[..., Path]) -> None:
    text = GOOD.replace("http", f"{COMMENT}\nhttp")
    path = site(text) / "nginx.conf"
    expected = f"--- a/nginx/nginx.conf\n+++ b/nginx/nginx.conf\n@@ -1,3 +1,2 @@\n events {{}}\n-{COMMENT}\n"
    shown = run("nginx", "--diff", "--fail-on", "warning", code=1).stdout
    assert shown.startswith(expected)
    assert "suppression-unused" in shown
    assert path.read_text() == text
    done = run("nginx", "--fix", "--diff", "--format", "json", "--fail-on", "warning")
    assert done.stderr.startswith(expected)
    assert json.loads(done.stdout)["summary"]["warning"] == 0
    assert path.read_text() == GOOD


def test_a_rules_page(run: Run) -> None:
    assert run("--explain", "redirect-loop").stdout == (ROOT / "docs" / "rules" / "redirect-loop.md").read_text()


def test_output_that_nobody_reads(site: t.Callable[..., Path]) -> None:
    folder = site(LOOP)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    command = f'"{sys.executable}" -m failsafe_lint "{folder}" | true'
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, text=True, capture_output=True, check=False, timeout=120
    )
    assert done.stderr == ""


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    metadata = (ROOT / "plugins" / "plugin_utils" / "_lint" / "metadata.py").read_text()
    assert project["version"] == galaxy["version"] == re.findall(r'VERSION: t.Final = "(.+)"', metadata)[0]
    assert galaxy["repository"] in metadata


def test_the_pre_commit_hook_names_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] in project["scripts"]
    assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("python", False, True)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What git tracks or would, as it is now, and a fresh environment with nothing but the package built from it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("venv")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, text=True, capture_output=True, check=True, timeout=60).stdout.splitlines()
    for name in names:
        if name.startswith(("plugins/", "docs/", "tools/", "pyproject.toml", "LICENSE")) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    venv.create(target)
    command = [sys.executable, "-m", "pip", "--python", str(target / "bin" / "python"), "install", str(source)]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return source, target


@pytest.fixture(scope="session")
def installed(built: tuple[Path, Path]) -> Path:
    return built[1]


def test_as_pip_installs_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(LOOP)
    command = [str(installed / "bin" / "failsafe-lint"), "--format", "json", "."]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "redirect-loop" in {finding["rule"] for finding in json.loads(done.stdout)["findings"]}
    script = (
        "import sys, failsafe_lint\nsys.argv = ['', '.']\nfailsafe_lint.main()\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'ansible']"
    )
    subprocess.run(
        [str(installed / "bin" / "python"), "-c", script], cwd=tmp_path, check=True, capture_output=True, timeout=120
    )


def test_the_installed_package_is_whole(built: tuple[Path, Path]) -> None:
    source, installed = built
    (there,) = installed.glob("lib/python*/site-packages/failsafe_lint/_collection")
    rooms = [f"plugins/plugin_utils/{name}" for name in ("_config", "_lint", "_markup", "_regex", "_routing")]
    for room in ("plugins/module_utils/_common", *rooms):
        wanted = {str(path.relative_to(source)) for path in (source / room).rglob("*.py")}
        assert wanted
        assert wanted == {str(path.relative_to(there)) for path in (there / room).rglob("*.py")}
    pages = {path.name for path in (source / "docs" / "rules").glob("*.md")}
    assert pages == {path.name for path in (there / "docs" / "rules").iterdir() if path.suffix == ".md"}
    assert not (there.parent.parent / "ansible_collections").exists()
