# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say which nginx of a host a module means."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments: the options of one nginx."""

    INSTANCE = r"""
attributes:
  action_group:
    description: Use C(group/failsafe.nginx.nginx) or C(group/failsafe.nginx.instance) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - failsafe.nginx.nginx
      - failsafe.nginx.instance
options:
  config_dir:
    description:
      - The configuration folder on the host.
    type: path
    default: /etc/nginx
  main:
    description:
      - The main configuration file, below O(config_dir).
    type: str
    default: nginx.conf
  store:
    description:
      - The folder on the host that keeps the releases, the journal and the lock. Only its owner can read it.
      - Every nginx on a host needs a store of its own.
    type: path
    default: /var/lib/failsafe-nginx
  binary:
    description:
      - Path or name of the nginx binary. The default is the first one in the usual places.
    type: str
  prefix:
    description:
      - The prefix (C(-p)) that nginx runs with. The default is the compiled-in one.
    type: path
"""
