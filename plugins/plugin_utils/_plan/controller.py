# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Give a core the services of Ansible for one task on one host."""

# ruff: noqa: SLF001 - an action's services are protected members of Ansible's base class

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterable, Mapping, Sequence

from ansible import constants as C  # noqa: N812 - its usual name
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import PackingError, pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source, vaulted_values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import DEFAULT_EXCLUDE, find_source
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .errors import HostError
from .run_cache import RunCache

#: Errors of a host that a core may survive: its module failed, or it cannot be reached.
HOST_ERRORS: t.Final = (HostError, AnsibleConnectionFailure)


class ControllerFiles:
    """Files on the controller that the options of a task name.

    Args:
        action: the action plugin of the task.
        variables: the variables of the host.
    """

    def __init__(self, action: ActionBase, variables: Mapping[str, object]) -> None:
        self._action = action
        self._variables = variables

    @property
    def bases(self) -> tuple[str, str]:
        """Return the folders that relative paths begin at: the playbook's, then the current one."""
        return (self._action._loader.get_basedir(), os.getcwd())

    def existing(self, path: str) -> str | None:
        """Return the first existing path below `bases`, None without one."""
        paths = (os.path.join(base, os.path.expanduser(path)) for base in self.bases)
        return next((each for each in paths if os.path.exists(each)), None)

    def output(self, path: str) -> str:
        """Return the path of a file to write: a relative one begins at the playbook's folder."""
        return os.path.join(self.bases[0], os.path.expanduser(path))

    def render(self, src: str, exclude: Sequence[str] | None) -> tuple[str, Candidate]:
        """Render a source folder with the host's variables.

        Args:
            src: the folder.
            exclude: patterns of names that are left out; None for the usual ones.

        Returns:
            The folder's path, and the candidate.

        Raises:
            RenderError: the folder cannot be read, or a template fails.
        """
        folder = find_source(src, self.bases)
        candidate = render_source(
            folder,
            templar=self._action._templar,
            loader=self._action._loader,
            task_vars=self._variables,
            exclude=DEFAULT_EXCLUDE if exclude is None else exclude,
        )
        return folder, candidate


class Controller:
    """The services of Ansible for one task on one host.

    Args:
        action: the action plugin of the task.
        variables: the variables of the host.

    Attributes:
        files: the files on the controller.
    """

    def __init__(self, action: ActionBase, variables: Mapping[str, object]) -> None:
        self.files = ControllerFiles(action, variables)
        self._action = action
        self._variables = variables
        self._secrets: tuple[str, ...] = ()

    @property
    def check_mode(self) -> bool:
        """Tell whether the task must change nothing."""
        return bool(self._action._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Tell whether differences are shown."""
        return bool(self._action._task.diff)

    @property
    def host(self) -> str:
        """Return the name of the host in the inventory."""
        return str(self._variables.get("inventory_hostname", ""))

    @property
    def host_names(self) -> list[str]:
        """Return the names and addresses by which Ansible knows the host."""
        facts = self._variables.get("ansible_facts")
        known = facts if isinstance(facts, Mapping) else {}
        texts = [self._variables.get(name) for name in ("inventory_hostname", "ansible_host")]
        texts += [known.get(name) for name in ("hostname", "nodename", "fqdn")]
        texts += [*(known.get("all_ipv4_addresses") or ()), *(known.get("all_ipv6_addresses") or ())]
        return list(dict.fromkeys(str(text) for text in texts if text))

    @property
    def variables(self) -> Mapping[str, t.Any]:
        """Return the variables of the host."""
        return self._variables

    @property
    def temporary(self) -> str:
        """Return Ansible's temporary folder of this run."""
        return str(C.DEFAULT_LOCAL_TMP)

    @property
    def cache(self) -> RunCache:
        """Return the cache that the hosts of this run share."""
        return RunCache(self.temporary)

    def warn(self, text: str) -> None:
        """Show a warning without its secrets."""
        self._action._display.warning(self.redact(text))

    def tell(self, line: str) -> None:
        """Show a line beside the tasks' results, unless it is empty. It goes to standard error, which no program reads."""
        if line:
            self._action._display.display(line, stderr=True)

    # Secrets

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the known secret values."""
        return self._secrets

    def learn_vault(self) -> None:
        """Mask the values of the host's vaulted variables from now on.

        Raises:
            RenderError: a value cannot be decrypted.
        """
        self.learn(vaulted_values(self._variables, self._action._loader))

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these values from now on."""
        self._secrets += tuple(secrets)

    @property
    def redact(self) -> Redactor:
        """Return a function that masks the secrets in anything that JSON can hold."""
        return Redactor(self._secrets)

    # The host

    def run_module(self, name: str, arguments: Mapping[str, object]) -> dict[str, object]:
        """Run a module of this collection on the host; return its result, failed or not."""
        result = self._action._execute_module(
            module_name=f"failsafe.nginx.{name}", module_args=dict(arguments), task_vars=self._variables
        )
        return t.cast("dict[str, object]", result)

    def ask(self, name: str, step: str, job: object, arguments: Mapping[str, object]) -> object:
        """Have the host do one step of a comparison.

        Args:
            name: the module.
            step: `read` or `run`.
            job: a message of `module_utils/_plan/jobs.py`.
            arguments: the module's options that are set.

        Returns:
            The JSON of the answer.

        Raises:
            HostError: the module failed.
            RouteError: its answer cannot be read.
        """
        result = self.run_module(name, {**arguments, "_step": step, "_payload": pack(encode(job))})
        if "_answer" not in result:
            raise HostError(result)
        try:
            return unpack(str(result["_answer"]))
        except PackingError as error:
            raise RouteError(f"what the host answered cannot be read: {error}") from error
