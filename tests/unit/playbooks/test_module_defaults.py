# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's module_defaults: each of its tasks gets them, and neither they nor a user's cross the border of the role."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml
from scripted_fleet import ROOT, Deploy

MODULES: t.Final = ("nginx_release", "nginx_release_info", "nginx_route_check", "nginx_bisect")

INSTANCE: t.Final = {"config_dir": "/srv/nginx", "main": "main.conf", "store": "/srv/store"}
RELEASE: t.Final = {**INSTANCE, "service": "angie", "service_manager": "none", "metadata": {"ticket": "OPS-1"}}
#: The gate is checked when a release is staged, too.
GATE: t.Final = {"health_interval": 0.5, "health_successes": 4, "health_timeout": 5}
RELOAD: t.Final = {**RELEASE, "reload_timeout": 3, **GATE}

#: What the play of a user sets.
OF_GROUP: t.Final = {"config_dir": "/group", "main": "group.conf"}
OF_MODULE: t.Final = {"store": "/play", "binary": "/play/nginx", "config_dir": "/play"}

#: The calls to a host whose gate fails, and the options that come from defaults.
CALLS: t.Final = [
    ("staged", {**RELEASE, **GATE}),
    ("nginx_route_check", INSTANCE),
    ("nginx_release_info", {**OF_GROUP, **OF_MODULE}),
    ("activated", RELEASE),
    ("gated", RELOAD),
    ("rolled_back", RELOAD),
    ("nginx_release_info", {**OF_GROUP, **OF_MODULE}),
    ("nginx_bisect", INSTANCE),
]


def play(hook: str) -> dict[str, t.Any]:
    """Return a user's play with defaults of its own that runs the role with two hooks."""
    values = {**RELOAD, "drain_tasks": hook, "failure_tasks": hook}
    return {
        "name": "Deploy",
        "hosts": "all",
        "gather_facts": False,
        "module_defaults": {
            "group/failsafe.nginx.instance": OF_GROUP,
            **{f"failsafe.nginx.{name}": OF_MODULE for name in MODULES},
        },
        "vars": {f"nginx_deploy_{name}": value for name, value in values.items()},
        "tasks": [{"name": "Deploy", "ansible.builtin.import_role": {"name": "failsafe.nginx.nginx_deploy"}}],
    }


@pytest.mark.matrix("module_defaults of the role and of a user's play")
def test_defaults_of_the_role_and_of_a_play_stay_apart(deploy: Deploy) -> None:
    hook, playbook = deploy.work / "hook.yml", deploy.work / "play.yml"
    hook.write_text(json.dumps([{"name": "Read", "failsafe.nginx.nginx_release_info": {}}]))
    playbook.write_text(json.dumps([play(str(hook))]))
    script = {
        "staged": {"plan": {"key": "k", "before": "a", "after": "b"}},
        "gated": {"failed": True, "msg": "gate", "gate": {"ok": False, "failed": [{"name": "front page"}]}},
    }
    run = deploy({"web1": script}, playbook=str(playbook))
    assert run.rc == 2, run.output
    told = [json.loads(line) for line in deploy.log.with_name("calls.log.options").read_text().splitlines()]
    of_defaults = {*RELOAD, *OF_GROUP, *OF_MODULE, "prefix", "rollout"}
    given = [
        (call["step"], {name: value for name, value in call["options"].items() if name in of_defaults}) for call in told
    ]
    assert [(step, as_text(options)) for step, options in given] == [
        (step, as_text(options)) for step, options in CALLS
    ]


def as_text(options: dict[str, t.Any]) -> dict[str, str]:
    """Return options as text, because templates make text of numbers before ansible-core 2.19."""
    return {name: str(value) for name, value in options.items()}


def test_defaults_of_the_role_belong_to_single_tasks() -> None:
    """Defaults of a block or a play would reach the tasks that users include."""
    for path in [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles/nginx_deploy").glob("[th]*/*.yml")]:
        for task in tasks(yaml.safe_load(path.read_text())):
            for name in task.get("module_defaults", {}):
                assert name in task, f"{path.name}: {task['name']}"


def tasks(items: list[dict[str, t.Any]]) -> t.Iterator[dict[str, t.Any]]:
    """Yield plays, blocks and tasks, at any depth."""
    for item in items:
        yield item
        for name in ("tasks", "block", "rescue", "always"):
            yield from tasks(item.get(name, []))


def test_the_narrow_group_is_the_modules_that_take_an_instance() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    assert set(groups["instance"]) == {
        path.stem
        for path in (ROOT / "plugins/modules").glob("*.py")
        if "failsafe.nginx.release.instance" in path.read_text()
    }
