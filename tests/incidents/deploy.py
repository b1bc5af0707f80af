# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The deploy playbook, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.tests.incidents.hosts import Instance

ROOT: t.Final = Path(__file__).resolve().parents[2]
BIN: t.Final = Path(sys.executable).parent
_ACTIVATION: t.Final = re.compile(r"^TASK \[[^\]]*Activate the release\].*\n((?:(?!^$).*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What a run said and how it ended."""

    rc: int
    output: str

    @property
    def flat(self) -> str:
        """Return the output with every run of white space as one blank."""
        return re.sub(r"\s+", " ", self.output)

    @property
    def activated(self) -> list[str]:
        """Return the hosts on which the candidate became live, be it for a moment."""
        tasks = "".join(match[1] for match in _ACTIVATION.finditer(self.output))
        return sorted(set(re.findall(r"^changed: \[(\w+)\]", tasks, re.MULTILINE)))


class Deploy:
    """Deploys of the folder `src` below `top` to these instances, the canary first."""

    def __init__(self, top: Path, instances: Sequence[Instance]) -> None:
        self._top, self._instances = top, instances
        collections = top / "collections" / "ansible_collections" / "failsafe"
        collections.mkdir(parents=True)
        (collections / "nginx").symlink_to(ROOT)
        (top / "ansible.cfg").write_text("[connection]\npipelining = true\n")
        hosts = {f"web{number}": instance.variables() for number, instance in enumerate(instances, 1)}
        (top / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))

    def run(self, playbook: str = "deploy", **variables: object) -> Run:
        """Run a playbook of the collection."""
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(self._top / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self._top / "collections"),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_HOME": str(self._top / "ansible-home"),
            "ANSIBLE_LOCAL_TEMP": str(self._top / "ansible-local"),
            "ANSIBLE_REMOTE_TEMP": str(self._top / "ansible-remote"),
        }
        extra = {"nginx_deploy_src": str(self._top / "src"), "nginx_deploy_serial": [1, "100%"], **variables}
        done = subprocess.run(
            [
                *(BIN / "ansible-playbook", "-i", self._top / "inventory.json", f"failsafe.nginx.{playbook}"),
                *("-e", json.dumps(extra)),
            ],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self._top,
            check=False,
            timeout=300,
        )
        return Run(done.returncode, done.stdout + done.stderr)
