# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role awx, applied with awx.awx's own modules to an API in memory."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables
from ansible_collections.failsafe.nginx.tests.unit.roles.awx.awx_api import Awx, Server

ROOT: t.Final = Path(__file__).parents[4]
SETTINGS: t.Final = {
    "awx_project_url": "https://git.example.com/nginx-fleet.git",
    "awx_execution_environment_image": "registry.example.com/failsafe-nginx:1",
    "awx_inventory_file": "inventory/hosts.yml",
    "awx_webhook_url": "https://hooks.example.com/nginx",
    "awx_sites": [{"name": "fra", "limit": "site_fra"}, {"name": "sgp", "limit": "site_sgp", "instance_group": "sgp"}],
}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Awx, list[list[str]]]:
    """The API after the role was applied, and the writes of the first and of the second time."""
    folder = tmp_path_factory.mktemp("awx")
    awx = Awx()
    awx.create("instance_groups", {"name": "sgp"})
    awx.writes.clear()
    writes = []
    with Server(awx) as server:
        for _turn in range(2):
            done = apply(folder, server.url)
            assert done.returncode == 0, done.stdout + done.stderr
            writes.append(list(awx.writes))
            awx.writes.clear()
    return awx, writes


def apply(folder: Path, url: str, **settings: t.Any) -> subprocess.CompletedProcess[str]:
    playbook = folder / "play.yml"
    tasks = [{"name": "Apply", "ansible.builtin.import_role": {"name": "failsafe.nginx.awx"}}]
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            json.dumps({**SETTINGS, "ansible_python_interpreter": sys.executable, **settings}),
            playbook,
        ],
        cwd=folder,
        env={**os.environ, "CONTROLLER_HOST": url, "CONTROLLER_OAUTH_TOKEN": "token", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_job_is_there_and_none_may_run_twice_or_in_slices(applied: tuple[Awx, t.Any]) -> None:
    templates = applied[0].named("job_templates")
    assert set(templates) == {f"Nginx: {name}" for name in ("lint", "plan", "deploy", "rollback", "status", "drift")}
    for template in templates.values():
        assert template["allow_simultaneous"] is False
        assert template["job_slice_count"] == 1
        assert template["ask_limit_on_launch"] is True
    assert {name for name, template in templates.items() if template["job_type"] == "check"} == {
        "Nginx: plan",
        "Nginx: drift",
    }


def test_only_the_plan_leaves_what_stops_to_who_approves_it(applied: tuple[Awx, t.Any]) -> None:
    told = {name: each.get("extra_vars") for name, each in applied[0].named("job_templates").items()}
    plan = told.pop("Nginx: plan")
    assert json.loads(plan) == {"nginx_deploy_plan_for_approval": True}
    assert not any(told.values())


def test_surveys_ask_for_variables_that_the_playbooks_have(applied: tuple[Awx, t.Any]) -> None:
    awx = applied[0]
    for template in awx.named("job_templates").values():
        survey = awx.related[template["related"]["survey_spec"]]
        for question in survey["spec"]:
            assert question["variable"] in variables.specs(), question
            variables.read(question["variable"], question["default"])
            assert question["type"] in {"text", "textarea", "multiplechoice"}
            if question["type"] == "multiplechoice":
                assert question["default"] in question["choices"]


def test_the_workflow_goes_from_lint_to_the_last_site(applied: tuple[Awx, t.Any]) -> None:
    awx = applied[0]
    nodes = awx.named("workflow_job_template_nodes")
    names = {node["id"]: name for name, node in nodes.items()}

    def after(node: str, edge: str) -> list[str]:
        return [names[number] for number in awx.related.get(f"{nodes[node]['url']}{edge}_nodes/", [])]

    way, node = ["lint"], "lint"
    while following := after(node, "success"):
        (node,) = following
        way.append(node)
    assert way == ["lint", "plan", "approve", "canary", "fleet fra", "fleet sgp"]
    assert [after(node, "failure") for node in way] == [[], [], [], ["rollback"], ["rollback"], ["rollback"]]
    assert nodes["canary"]["limit"] == "canary"
    for node in ("canary", "fleet fra", "fleet sgp"):
        assert nodes[node]["extra_data"] == {"nginx_deploy_require_approval": True}
    assert nodes["fleet sgp"]["limit"] == "site_sgp"
    groups = awx.related[f"{nodes['fleet sgp']['url']}instance_groups/"]
    assert groups == [awx.named("instance_groups")["sgp"]["id"]]


def test_applying_twice_changes_nothing_but_what_awx_cannot_compare(applied: tuple[Awx, t.Any]) -> None:
    first, second = applied[1]
    assert len(first) > 30
    # An approval template has no identifier to compare the node's with (awx.awx, workflow_job_template).
    assert second == ["PATCH workflow_approval_templates Nginx: approve the plan"]


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Awx, str]:
    """The API and what was printed, for a fleet that is one site, with Slack."""
    awx = Awx()
    with Server(awx) as server:
        done = apply(
            tmp_path_factory.mktemp("awx"),
            server.url,
            awx_sites=[],
            awx_project_url="PROJECT_URL",
            awx_execution_environment_image="REGISTRY/failsafe-nginx:1",
            awx_webhook_url="WEBHOOK_URL",
            awx_slack_token="SLACK_TOKEN",
            awx_slack_channels=["#ops"],
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return awx, done.stdout + done.stderr


def test_without_sites_there_is_one_fleet_node(one_site: tuple[Awx, str]) -> None:
    nodes = one_site[0].named("workflow_job_template_nodes")
    assert set(nodes) == {"lint", "plan", "approve", "canary", "fleet", "rollback"}
    assert nodes["fleet"].get("limit", "") == ""


def test_a_notification_s_token_is_not_printed(one_site: tuple[Awx, str]) -> None:
    awx, printed = one_site
    assert "Nginx: Slack" in awx.named("notification_templates")
    assert "SLACK_TOKEN" not in printed


def test_infra_aap_configuration_describes_the_same_objects(one_site: tuple[Awx, str]) -> None:
    awx = one_site[0]
    described = yaml.safe_load((ROOT / "examples/awx/aap_configuration.yml").read_text())
    assert set(described) == {*AAP_KINDS, "nginx_template"}
    for key, kind in AAP_KINDS.items():
        made = {name: fields_of(awx, kind, item) for name, item in awx.named(kind).items()}
        told = {item["name"]: fields_told(item) for item in described[key]}
        assert told.keys() == made.keys()
        for name, fields in told.items():
            assert {field: made[name].get(field) for field in fields} == fields, name
    (workflow,) = described["controller_workflows"]
    assert nodes_told(workflow) == nodes_made(awx)


#: infra.aap_configuration's lists, and the collection of the API that their items end in.
AAP_KINDS: t.Final = {
    "controller_execution_environments": "execution_environments",
    "controller_projects": "projects",
    "controller_inventories": "inventories",
    "controller_groups": "groups",
    "controller_inventory_sources": "inventory_sources",
    "controller_notifications": "notification_templates",
    "controller_templates": "job_templates",
    "controller_workflows": "workflow_job_templates",
    "controller_schedules": "schedules",
}
_EDGES: t.Final = ("success_nodes", "failure_nodes", "always_nodes")
#: What the modules use and the API never sees.
_MODULE_ONLY: t.Final = {"preserve_existing_hosts", "preserve_existing_children", "simplified_workflow_nodes"}


def fields_told(item: dict[str, t.Any]) -> dict[str, t.Any]:
    fields = {name: value for name, value in item.items() if name not in _MODULE_ONLY}
    fields.update({name: sorted(value) for name, value in fields.items() if name.startswith("notification_templates_")})
    if item.get("unified_job_template") or item.get("source_project"):
        fields.pop("organization", None)  # only to find what they name
    return fields


def fields_of(awx: Awx, kind: str, item: dict[str, t.Any]) -> dict[str, t.Any]:
    """An object with names in the place of numbers, and what hangs on it."""
    names = {each["id"]: each.get("name") for items in awx.objects.values() for each in items.values()}
    fields = dict(item)
    for field in ("organization", "project", "inventory", "execution_environment", "default_environment",
                  "source_project", "unified_job_template"):  # fmt: skip
        if field in fields:
            fields[field] = names[fields[field]]
    for event in ("started", "success", "error", "approvals"):
        field = f"notification_templates_{event}"
        fields[field] = sorted(names[number] for number in awx.related.get(f"{item['url']}{field}/", []))
    if kind == "job_templates":
        # The API has the variables of a template as text.
        fields["extra_vars"] = json.loads(fields.get("extra_vars") or "{}")
        fields["survey_spec"] = awx.related[item["related"]["survey_spec"]]
    return fields


def nodes_told(workflow: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        node["identifier"]: {
            "template": node.get("unified_job_template") or node["approval_node"]["name"],
            "limit": node.get("limit", ""),
            "extra_data": node.get("extra_data", {}),
            **{edge: node.get(edge, []) for edge in _EDGES},
        }
        for node in workflow["simplified_workflow_nodes"]
    }


def nodes_made(awx: Awx) -> dict[str, t.Any]:
    names = {each["id"]: each.get("name") for items in awx.objects.values() for each in items.values()}
    nodes = awx.named("workflow_job_template_nodes")
    identifiers = {node["id"]: name for name, node in nodes.items()}
    return {
        name: {
            "template": names[node["unified_job_template"]],
            "limit": node.get("limit", ""),
            "extra_data": node.get("extra_data", {}),
            **{edge: [identifiers[n] for n in awx.related.get(f"{node['url']}{edge}/", [])] for edge in _EDGES},
        }
        for name, node in nodes.items()
    }


def test_the_project_sets_pipelining() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "examples/awx/project/ansible.cfg")
    assert settings.getboolean("connection", "pipelining") is True
    assert settings["inventory"]["host_pattern_mismatch"] == "error"
