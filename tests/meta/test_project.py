# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the project promises about its own files."""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from project import ROOT, documents, files, names, read_yaml, sent_along

LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
HEADER = f"""\
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# {LICENCE}
"""
#: Host code is copied with every execution, so it says the same in two lines.
SHORT_HEADER = f"""\
# Copyright (c) 2026, failsafe.nginx contributors
# {LICENCE}
"""
MODULES = files("plugins/modules/*.py")
LONGEST = 450
#: Bytes of module_utils that a module may pack. docs/decisions/0006-bytes-of-host-code.md has the reason for each change of
#: a bound, and what the bytes cost.
HEAVIEST = {
    "nginx_bisect": 299_000,
    "nginx_diff": 75_000,
    "nginx_health": 102_000,
    "nginx_lint": 0,
    "nginx_release": 389_000,
    "nginx_release_info": 133_000,
    "nginx_rollout_options": 0,
    "nginx_rollout_plan": 0,
    "nginx_rollout_record": 0,
    "nginx_route_check": 290_000,
}
BOUNDS = "docs/decisions/0006-bytes-of-host-code.md"
#: Bytes that a module may lie below its bound.
SLACK = 4_000


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_script(path: Path) -> bool:
    return not path.suffix and path.read_bytes()[:2] == b"#!"


@pytest.mark.parametrize("path", files("*.py", "*.sh", "tools/*", ".ci/*"), ids=name)
def test_code_begins_with_its_licence(path: Path) -> None:
    if path.suffix in (".py", ".sh") or is_script(path):
        text = re.sub(r"\A#!.*\n", "", path.read_text())
        header = SHORT_HEADER if name(path).startswith("plugins/module_utils/") else HEADER
        assert text.startswith(header) or (path.name == "__init__.py" and not text)


@pytest.mark.parametrize(
    "path", files("*.yml", "*.yaml", "*.toml", "*.cfg", "*.in", "Makefile", ".yamllint", ".ansible-lint"), ids=name
)
def test_other_sources_name_their_licence(path: Path) -> None:
    if "fixtures" not in path.parts:
        assert LICENCE in "\n".join(path.read_text().splitlines()[:3])


@pytest.mark.parametrize("path", files("plugins/*.py"), ids=name)
def test_no_file_is_too_long_to_read(path: Path) -> None:
    documented = sum((node.end_lineno or 0) - node.lineno + 1 for node in documents(path).values())
    assert len(path.read_text().splitlines()) - documented <= LONGEST


def test_every_module_is_in_the_action_group() -> None:
    assert set(read_yaml("meta/runtime.yml")["action_groups"]["nginx"]) == {path.stem for path in MODULES}


def test_every_action_is_documented_by_a_module() -> None:
    assert names("action") <= {path.stem for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_is_documented(path: Path) -> None:
    found = documents(path)
    assert set(found) == {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    documentation = yaml.safe_load(str(found["DOCUMENTATION"].value))
    attributes = set(documentation.get("attributes", {}))
    assert {"check_mode", "diff_mode", "platform"} <= attributes
    assert yaml.safe_load(str(found["EXAMPLES"].value))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_takes_little_along(path: Path) -> None:
    sent = sent_along(path)
    size, bound = sum(file.stat().st_size for file in sent), HEAVIEST[path.stem]
    assert size <= bound, f"{size} bytes: take less along, or raise the bound with its reason in {BOUNDS}"
    assert size >= bound - SLACK, f"{size} bytes: lower the bound here and in {BOUNDS}"
    assert all("module_utils" in file.parts for file in sent if file.name != "__init__.py"), (
        "the host gets host code only"
    )


def test_each_change_of_a_bound_has_its_reason() -> None:
    lines = [line.strip("|").split("|") for line in (ROOT / BOUNDS).read_text().splitlines() if line.startswith("|")]
    modules, _rule, *rows = [
        [cell.strip(" `") for cell in line] for line in lines[[row[0] for row in lines].index(" why ") :]
    ]
    assert all(row[0] for row in rows)
    last = dict(zip(modules[1:], rows[-1][1:], strict=True))
    assert last == {module: str(bound // 1000) for module, bound in HEAVIEST.items() if bound}


def test_the_walk_over_imports_finds_what_is_behind_another_file() -> None:
    release = next(path for path in MODULES if path.stem == "nginx_release")
    rooms = {file.parent.name for file in sent_along(release)}
    assert {"_release", "_nginx", "_namespaces", "_health"} <= rooms


def specs() -> dict[str, t.Any]:
    return dict(read_yaml("roles/nginx_deploy/meta/argument_specs.yml")["argument_specs"])


def test_the_roles_defaults_are_its_options() -> None:
    options = specs()["main"]["options"]
    optional = {key: option.get("default") for key, option in options.items() if not option.get("required")}
    assert read_yaml("roles/nginx_deploy/defaults/main.yml") == optional


@pytest.mark.parametrize("entry", sorted(specs()))
def test_the_roles_entry_points_take_the_same_options(entry: str) -> None:
    whole = specs()["main"]["options"]
    options = specs()[entry]["options"]
    assert set(options) <= set(whole)
    for key, option in options.items():
        assert {**option, "required": True} == {**whole[key], "required": True}


def test_every_entry_point_of_the_role_is_a_task_file() -> None:
    tasks = {path.stem for path in files("roles/nginx_deploy/tasks/*.yml")}
    assert set(specs()) <= tasks


@pytest.mark.parametrize("path", files("molecule/*/molecule.yml"), ids=name)
def test_every_scenario_asks_as_a_client_does(path: Path) -> None:
    assert {"converge.yml"} <= {file.name for file in path.parent.iterdir()}
    assert "fetch(host" in (path.parent / f"test_{path.parent.name}.py").read_text()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_integration_target_asks_check_mode_too(path: Path) -> None:
    tasks = files(f"tests/integration/targets/{path.stem}/tasks/*.yml")
    assert any("check_mode: true" in file.read_text() for file in tasks)


def test_every_module_has_an_integration_target() -> None:
    targets = {path.parents[1].name for path in files("tests/integration/targets/*/tasks/main.yml")}
    assert {path.stem for path in MODULES} <= targets


@pytest.mark.parametrize("path", files("*.py", "*.yml", "*.md", "tools/*"), ids=name)
def test_nothing_says_that_it_is_unfinished(path: Path) -> None:
    assert not re.search(r"\b(TO" + "DO|FIX" + "ME|X" + r"XX)\b", path.read_text(errors="replace"))


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("examples/ci/github/nginx.yml", ["vendor.github-workflows"]),
        ("examples/ci/gitlab/.gitlab-ci.yml", ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_ci_examples_are_what_the_services_take(path: str, options: list[str]) -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", *options, ROOT / path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
