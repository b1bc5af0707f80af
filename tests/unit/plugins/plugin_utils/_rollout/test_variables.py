# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.launch import Launch

ROOT: t.Final = Path(__file__).parents[5]
FILES: t.Final = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles/nginx_deploy").rglob("*.yml")]
#: Names that are tags, not variables.
TAGS: t.Final = {"nginx_deploy_preflight", "nginx_deploy_rollout"}


def faults(*, needed: tuple[str, ...] = (), **hosts: dict[str, t.Any]) -> str:
    return "\n".join(variables.faults(hosts, needed=needed))


def test_every_name_that_playbooks_and_role_read_is_known() -> None:
    read = {name for path in FILES for name in re.findall(r"(?<![\w.])nginx_deploy_\w+", path.read_text())}
    assert read - TAGS <= set(variables.specs())


ROLE: t.Final = sorted((ROOT / "roles/nginx_deploy").glob("[thv]*/*.yml"))
#: Keywords whose values are expressions without braces.
CONDITIONS: t.Final = ("when", "failed_when", "changed_when", "until")
#: A variable of a user in a template, with the filter that reads it.
READ: t.Final = re.compile(
    r"(?<![\w.'])nginx_deploy_(\w+)(?: \| failsafe\.nginx\.deploy_option\('nginx_deploy_(\w+)'\))?"
)


def templates(value: t.Any, key: str = "") -> t.Iterator[str]:
    """Yield the expressions of a task file or a file of variables."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from templates(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from templates(item, key)
    elif isinstance(value, str):
        yield from [value] if key in CONDITIONS else re.findall(r"\{\{(.*?)\}\}", value, re.DOTALL)


def reads(path: Path) -> list[tuple[str, str]]:
    """Return the users' variables that a file's expressions name, and those that the filter is told there."""
    return [found for text in templates(yaml.safe_load(path.read_text())) for found in READ.findall(text)]


@pytest.mark.parametrize("path", ROLE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_role_reads_every_variable_as_it_was_meant(path: Path) -> None:
    assert [found for found in reads(path) if found[0] != found[1]] == []


def test_the_role_reads_every_variable_that_it_describes() -> None:
    read = {name for path in ROLE for name, _told in reads(path)}
    assert {f"nginx_deploy_{name}" for name in read} == set(variables.specs()) - set(variables.RUN)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nginx_deploy_serail", "nginx_deploy_serial"),
        ("nginx_deploy_check", "nginx_deploy_checks"),
        ("nginx_deploy_health_time_out", "nginx_deploy_health_timeout"),
        ("nginx_deploy_SRC", "nginx_deploy_src"),
        ("nginx_deploy_zzzzzzzz", None),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name: str, near: str | None) -> None:
    said = faults(web1={name: 1})
    assert said.startswith(f"There is no variable {name}")
    assert ("did you mean" in said) == (near is not None)
    assert near is None or near in said


def test_a_fault_is_told_once_with_the_hosts_that_have_it() -> None:
    wrong = {"nginx_deploy_keep": "ten"}
    hosts = {f"web{number}": wrong for number in range(1, 9)}
    assert faults(**hosts).count("nginx_deploy_keep") == 1
    assert "(on" not in faults(**hosts)
    assert faults(**hosts, db1={}).endswith("(on web1, web2, web3, web4, web5 and 3 more)")


def test_a_template_is_judged_where_it_is_used() -> None:
    assert not faults(web1={"nginx_deploy_keep": "{{ many }}", "nginx_deploy_serial": "{{ 1 }}"})


def test_names_of_other_variables_are_not_checked() -> None:
    assert not faults(web1={"__nginx_deploy_run": 1, "nginx_port": 1, "my_nginx_deploy_x": 1})


@pytest.mark.parametrize("value", [{}, {"nginx_deploy_src": None}, {"nginx_deploy_src": " "}])
def test_a_source_that_is_not_set_is_one_sentence(value: dict[str, t.Any]) -> None:
    said = faults(needed=("nginx_deploy_src",), web1=value, web2={"nginx_deploy_src": "site"})
    assert "nginx_deploy_src is not set: it names the folder to deploy" in said
    assert said.endswith("(on web1)")
    assert "\n" not in said


AWX: t.Final = {
    "awx_job_id": 42,
    "awx_job_template_name": "Nginx: deploy",
    "awx_job_launch_type": "workflow",
    "awx_user_name": "alice",
    "awx_user_email": "alice@example.com",
    "awx_workflow_job_id": 41,
    "awx_workflow_job_name": "Nginx: rollout",
    "awx_project_revision": "3f1c2ab",
    "awx_webhook_payload": {"secret": "hunter2"},
}


def test_a_launch_by_awx_is_told_in_short_texts() -> None:
    assert Launch.from_variables(AWX).to_json() == {
        "job": "42",
        "template": "Nginx: deploy",
        "type": "workflow",
        "user": "alice",
        "workflow_job": "41",
        "workflow": "Nginx: rollout",
        "revision": "3f1c2ab",
    }
    assert Launch.from_variables({}).to_json() == {}
    assert Launch.from_variables({"tower_job_id": 7, "awx_user_name": None}).to_json() == {"job": "7"}


def test_a_launch_is_bounded_and_printable() -> None:
    told = Launch.from_variables({"awx_user_name": "a\x1b[2J\n" + "b" * 1000, "awx_job_template_name": 83}).to_json()
    assert len(told["user"]) < 210
    assert told["user"].isprintable()
    assert told["template"] == "83 (read as a number, boolean or date)"


@pytest.mark.parametrize(
    ("changed", "is_slice"),
    [
        ({}, False),
        ({"awx_workflow_job_name": "Nginx: deploy"}, True),
        ({"awx_workflow_job_name": "Nginx: deploy", "awx_job_launch_type": "manual"}, False),
        ({"awx_workflow_job_name": None, "awx_job_template_name": None}, False),
        ({"awx_workflow_job_name": 83, "awx_job_template_name": 83}, True),
    ],
)
def test_a_slice_is_known_by_the_name_of_its_workflow(changed: dict[str, t.Any], is_slice: bool) -> None:  # noqa: FBT001 - a column
    assert bool(Launch.from_variables({**AWX, **changed}).sliced_template) is is_slice
