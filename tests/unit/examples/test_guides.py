# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guides tell people to type is there."""

from __future__ import annotations

import argparse
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.failsafe.nginx.plugins.module_utils._release import cli
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ROOT / "examples/awx/project"


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = [action for action in cli._parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found.choices)


def test_the_first_site_is_the_example_projects() -> None:
    assert blocks("first-deploy", "nginx")[0] == (PROJECT / "site/conf.d/www.conf").read_text()
    told = [yaml.safe_load(text) for text in blocks("first-deploy", "yaml")]
    checks = yaml.safe_load((PROJECT / "inventory/group_vars/web.yml").read_text())
    assert [
        {name: rows for name, rows in given.items() if name in checks} for given in told if "nginx_deploy_src" in given
    ] == [checks]


def test_the_first_sites_loop_is_one() -> None:
    good, loop = blocks("first-deploy", "nginx")
    old = re.search(r"^    location /old/ \{.*?^    \}\n", good, re.MULTILINE | re.DOTALL)
    assert old
    found = {}
    for text in (good, good.replace(old[0], loop)):
        main = b"events {}\nhttp { include conf.d/*.conf; }\n"
        config = load_files({"nginx.conf": main, "conf.d/www.conf": text.encode()}, config_dir="/etc/nginx")
        found[text == good] = [finding.rule for finding in lint(config) if finding.severity == "error"]
    assert found == {True: [], False: ["rewrite-cycle"]}


def typed() -> t.Iterator[list[str]]:
    for block in blocks("recovery", "console"):
        for line in re.findall(r"^# failsafe-nginx (.*)$", block, re.MULTILINE):
            yield line.split()


def test_at_night_every_command_is_one_of_the_hosts() -> None:
    parser = cli._parser()
    lines = list(typed())
    assert {line[0] for line in lines} >= {"status", "rollback", "recover", "unlock"}
    for line in lines:
        assert parser.parse_args(line).command == line[0]


@pytest.mark.parametrize("name", sorted(set(commands()) - {"expire"}))
def test_at_night_every_command_of_the_host_is_told(name: str) -> None:
    rows = re.findall(r"^\| `([a-z]+)[^|]*\|", page("recovery"), re.MULTILINE)
    assert name in rows


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.stem)
def test_every_playbook_that_a_guide_runs_is_there(path: Path) -> None:
    named = set(
        re.findall(r"^\$ (?:.*\s)?ansible-playbook.*? failsafe\.nginx\.([a-z_]+)", path.read_text(), re.MULTILINE)
    )
    assert named <= {file.stem for file in (ROOT / "playbooks").glob("*.yml")}


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]), ids=lambda path: path.stem
)
def test_every_variable_that_a_page_names_is_one(path: Path) -> None:
    known = set()
    for role in (ROOT / "roles").iterdir():
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
        known |= {name for spec in specs.values() for name in spec["options"]}
    sources = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "plugins/plugin_utils/_rollout").glob("*.py")]
    known |= {name for file in sources for name in re.findall(r"nginx_deploy_[a-z_]+", file.read_text())}
    known |= {"nginx_deploy_preflight"}  # a tag
    assert set(re.findall(r"\bnginx_deploy_[a-z_]+[a-z]\b", path.read_text())) <= known
