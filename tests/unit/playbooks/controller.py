# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a job the way AWX runs it: a private data folder with AWX's own files, ansible-runner, a stream of events."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import ansible_runner
import yaml

Event = dict[str, t.Any]


class _Strings(yaml.SafeDumper):
    """Return what AWX makes of variables that a survey or the job's launch has set (awx/main/utils/safe_yaml.py)."""

    def represent_data(self, data: t.Any) -> yaml.Node:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def extra_vars(variables: dict[str, t.Any]) -> str:
    """The text of env/extravars: one document of one pair for each, every string marked."""
    return "".join(
        yaml.dump({name: value}, Dumper=_Strings, default_flow_style=False) for name, value in variables.items()
    )


@dataclass
class Job:
    """How a job ended, what it printed, and its events."""

    status: str
    rc: int
    stdout: str
    events: list[Event]
    #: Everything that the job left: the events' files, the output, the facts.
    artifacts: Path

    @property
    def text(self) -> str:
        """What it printed, on one line and without colours."""
        return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", self.stdout))

    def of(self, kind: str) -> list[Event]:
        """The data of the events of a kind."""
        return [event["event_data"] for event in self.events if event["event"] == kind]

    def results(self) -> list[Event]:
        """The events that a task's result is in."""
        return [event for event in self.events if "res" in event.get("event_data", {})]

    def diffs(self) -> dict[str, list[str]]:
        """Host -> the files whose difference was told, in order."""
        told: dict[str, list[str]] = {}
        for data in self.of("runner_on_file_diff"):
            diff = data["diff"] if isinstance(data["diff"], list) else [data["diff"]]
            files = [each["after_header"].partition(" ")[0] for each in diff if "after_header" in each]
            if files:
                told.setdefault(data["host"], []).extend(files)
        return told


class Controller:
    """An AWX of one project, one inventory and one vault credential.

    Args:
        work: a folder of its own.
        project: the folder of playbooks, taken as AWX takes a checkout.
        collections: the folder with ansible_collections in it.
        hosts: the inventory.
        vault_password: what AWX types in when Ansible asks.
    """

    def __init__(
        self, work: Path, project: Path, collections: Path, hosts: dict[str, t.Any], vault_password: str
    ) -> None:
        self._work, self._project, self._collections, self._hosts = work, project, collections, hosts
        self._vault_password = vault_password
        self._jobs = 0

    def launch(self, playbook: str, *arguments: str, check: bool = False, **survey: t.Any) -> Job:
        """Run a job template to its end."""
        self._jobs += 1
        folder = self._work / f"awx_{self._jobs}"
        for name in ("env", "inventory"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(self._project, folder / "project")
        # A script, with the groups' variables in it.
        document = {"all": {"hosts": list(self._hosts)}, "_meta": {"hostvars": self._hosts}}
        script = folder / "inventory" / "hosts"
        script.write_text(f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(document)!r})\n")
        script.chmod(0o700)
        options = ["--check"] * check + ["--diff", "--ask-vault-pass", *arguments]
        (folder / "env" / "cmdline").write_text(" ".join(options))
        (folder / "env" / "extravars").write_text(extra_vars({**self._about(playbook), **survey}))
        (folder / "env" / "passwords").write_text(json.dumps({r"Vault password:\s*?$": self._vault_password}))
        (folder / "env" / "settings").write_text(json.dumps({"suppress_ansible_output": True, "job_timeout": 0}))
        (folder / "env" / "envvars").write_text(json.dumps(self._environment(folder)))
        done = ansible_runner.run(
            private_data_dir=str(folder), playbook=f"{playbook}.yml", ident=str(self._jobs), settings={}, quiet=True
        )
        artifacts = folder / "artifacts" / str(self._jobs)
        return Job(done.status, done.rc, (artifacts / "stdout").read_text(), list(done.events), artifacts)

    def _about(self, playbook: str) -> dict[str, t.Any]:
        """What AWX tells every job about itself (awx_meta_vars)."""
        about = {
            "job_id": self._jobs,
            "job_launch_type": "manual",
            "job_template_name": f"Nginx: {playbook}",
            "user_name": "alice",
            "inventory_name": "nginx fleet",
            "project_revision": "1234567",
        }
        return {f"{prefix}_{name}": value for name, value in about.items() for prefix in ("awx", "tower")}

    def _environment(self, folder: Path) -> dict[str, str]:
        return {
            "ANSIBLE_COLLECTIONS_PATH": str(self._collections),
            "ANSIBLE_FORCE_COLOR": "True",
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "AWX_HOST": "https://awx.example.com",
            "JOB_ID": str(self._jobs),
            "MAX_EVENT_RES": "700000",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PROJECT_REVISION": "1234567",
        }
