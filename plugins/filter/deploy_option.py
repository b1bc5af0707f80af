# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: deploy_option
short_description: Read a variable of a deploy in its type
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Converts the value of a variable of P(failsafe.nginx.nginx_deploy#role) or of the collection's playbooks to the variable's type.
    Fails if that is not possible; the message says what arrived and what to do.
  - The answers of an AWX survey arrive as text that ansible-core 2.19 and newer read once more, so that V(0123) arrives as the number 83,
    V(yes) as a boolean and an empty answer as null. An empty answer is the variable's default.
positional: name
options:
  _input:
    description: The value as it arrived.
    type: raw
    required: true
  name:
    description: The name of the variable.
    type: string
    required: true
"""

EXAMPLES = r"""
- name: Print the batches as a play takes them, [1, '10%', '100%']
  ansible.builtin.debug:
    msg: "{{ '1, 10%, 100%' | failsafe.nginx.deploy_option('nginx_deploy_serial') }}"
"""

RETURN = r"""
_value:
  description: The value.
  type: raw
"""

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from jinja2 import Undefined

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError


def deploy_option(value: t.Any, name: str) -> t.Any:
    """Return the value that a variable was meant to have."""
    try:
        read = variables.read(name, None if isinstance(value, Undefined) else value)
    except RolloutError as error:
        raise AnsibleFilterError(str(error)) from None
    # The items of a text are no more to be trusted than the text.
    return read if read is value else wrap_var(read)


class FilterModule:
    """The collection of this file's filter, as Ansible asks for it."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"deploy_option": deploy_option}
