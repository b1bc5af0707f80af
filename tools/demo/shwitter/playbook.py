# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the collection's playbooks against the example's inventory, with the whole output in a log file."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

from .fleet import EXAMPLE, ROOT
from .host import DemoError
from .machine import ANSIBLE_PLAYBOOK

#: The task of playbooks/deploy.yml that tells what became of every host.
VERDICT = "Print the verdict"


@dataclass(frozen=True)
class Run:
    """One finished ansible-playbook."""

    output: str
    status: int
    seconds: float

    @property
    def verdict(self) -> list[str]:
        """The lines of the verdict that playbooks/deploy.yml prints, empty when it never came to that."""
        _sep, _sep, rest = self.output.partition(f"TASK [{VERDICT}]")
        section = itertools.takewhile(str.strip, rest.splitlines()[1:])
        # One host speaks for all; those that are skipped may be listed before it and after it.
        block = [line for line in section if line.startswith(" ")]
        result = yaml.safe_load("\n".join(block)) or {}
        return [line for text in result.get("msg", ()) for line in text.splitlines()]

    @property
    def report(self) -> Path:
        """The page that the verdict names.

        Raises:
            DemoError: it names none.

        """
        for line in self.verdict:
            if line.startswith("report: "):
                return Path(line.removeprefix("report: ").partition(" (and")[0])
        raise DemoError("not as told: the deploy left no report")


class Playbooks:
    """ansible-playbook of the checkout, for one fleet."""

    def __init__(self, log: Path, variables: dict[str, t.Any], *, verbose: bool) -> None:
        self.log = log
        self._variables = log.parent / "variables.json"
        self.records = log.parent / "records"
        variables = {**variables, "nginx_deploy_record": f"{self.records}/"}
        self._variables.write_text(json.dumps(variables, indent=2))
        self._verbose = verbose

    def command(self, playbook: str, source: Path) -> list[str]:
        """Return the command line, as a user would type it in the checkout."""
        return [
            str(ANSIBLE_PLAYBOOK.relative_to(ROOT)),
            f"playbooks/{playbook}.yml",
            "-i",
            str((EXAMPLE / "inventory").relative_to(ROOT)),
            "-e",
            f"@{self._variables}",
            "-e",
            f"nginx_deploy_src={source}",
        ]

    def run(self, playbook: str, source: Path) -> Run:
        """Run a playbook to its end, whatever comes of it."""
        command = self.command(playbook, source)
        started = time.monotonic()
        environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"}
        environment["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "yaml"
        lines = []
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            try:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            except OSError as error:
                raise DemoError(f"{command[0]}: {error.strerror}") from error
            try:
                for line in process.stdout or ():
                    lines.append(line)
                    log.write(line)
                    if self._verbose:
                        sys.stdout.write(f"    | {line}")
            except BaseException:
                # Ctrl-C reaches it too, a signal to the demo alone does not.
                process.terminate()
                raise
            finally:
                process.wait()
        return Run("".join(lines), process.returncode, time.monotonic() - started)
