#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_release_info
short_description: Read the releases and the journal of a host
version_added: 0.1.0
description:
  - Reads the store of M(failsafe.nginx.nginx_release), the live files and the running nginx. It changes only the metrics, if
    O(failsafe.nginx.nginx_release#module:metrics_dir) is set, so that they show the drift of now.
  - A host that was never deployed to has an empty history.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
requirements:
  - Python 3.7 or newer on the host
extends_documentation_fragment:
  - failsafe.nginx.release.instance
  - failsafe.nginx.attributes
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so it does the same in check mode, where no metrics are written.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
options:
  limit:
    description:
      - The maximum number of journal entries to return.
    type: int
    default: 50
seealso:
  - module: failsafe.nginx.nginx_release
"""

EXAMPLES = r"""
- name: Read the releases of the host
  failsafe.nginx.nginx_release_info:
  register: info

- name: Fail if managed files were edited
  ansible.builtin.assert:
    that: info.drift == []
"""

RETURN = r"""
current:
  description: The state of the host.
  returned: always
  type: dict
  contains:
    confirmed:
      description: The release that a rollback returns to, V(null) where nothing was ever deployed.
      type: str
    previous:
      description: The release that was confirmed before that one, V(null) if there was none.
      type: str
    active:
      description: The release on trial, V(null) if there is none.
      type: str
    phase:
      description: Its phase, one of V(switched), V(running) and V(gated).
      type: str
    staged:
      description: The release that was validated and not activated yet.
      type: str
    trouble:
      description: Why the last rollback failed, V(null) if it did not. Such a host needs a person.
      type: str
    running:
      description: The release that nginx runs, V(null) if that is unknown or it does not run.
      type: str
    lease:
      description: The lease of the release on trial, V(null) if there is none.
      type: dict
      contains:
        release:
          description: That release.
          type: str
        mechanism:
          description: The mechanism that rolls back when it ends, one of V(systemd), V(watcher) and V(none).
          type: str
        seconds:
          description: Its length in seconds.
          type: float
        expires_in:
          description: Seconds that are left.
          type: float
        alive:
          description: Whether that mechanism is alive.
          type: bool
    rollout:
      description: The rollout that has reserved this host, V(null) if none has.
      type: dict
      contains:
        id:
          description: Its id.
          type: str
        holder:
          description: C(who) and C(why) of its metadata.
          type: str
        since:
          description: The time of the reservation, in UTC.
          type: str
        age:
          description: Seconds since then.
          type: int
        expires_in:
          description: Seconds until it ends by itself.
          type: int
    interrupted:
      description: Whether a run was killed while it replaced files.
      type: bool
    releases:
      description: All stored releases.
      type: list
      elements: str
history:
  description: The journal, newest first.
  returned: always
  type: list
  elements: dict
drift:
  description: Managed paths that differ from the active or else the confirmed release.
  returned: always
  type: list
  elements: str
drift_diff:
  description: The changes of these paths. Files that hold secrets appear as fingerprints.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The path.
      type: str
    change:
      description: The kind of change, one of V(modified), V(removed), V(added), V(replaced) (by a path of another type) and
        V(mode) (or owner).
      type: str
    added:
      description: The number of added lines.
      type: int
    removed:
      description: The number of removed lines.
      type: int
    diff:
      description: A unified diff, cut short.
      type: str
nginx:
  description: The nginx on the host.
  returned: always
  type: dict
  contains:
    version:
      description: Its version, V(null) if that is unknown.
      type: str
    modules:
      description: The modules that it was built with.
      type: list
      elements: str
    running:
      description: Whether it runs with this configuration.
      type: bool
    master_pid:
      description: The master's process id, V(null) if it does not run.
      type: int
    problem:
      description: The reason why nginx's version is unknown, empty if it is known.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._release.description import describe
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.host_files import HostFiles
from ansible_collections.failsafe.nginx.plugins.module_utils._release.inspection import Inspection
from ansible_collections.failsafe.nginx.plugins.module_utils._release.running_nginx import RunningNginx
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings


def main() -> None:
    """Read the releases of a host."""
    module = AnsibleModule(
        argument_spec={
            "config_dir": {"type": "path", "default": "/etc/nginx"},
            "main": {"default": "nginx.conf"},
            "store": {"type": "path", "default": "/var/lib/failsafe-nginx"},
            "binary": {},
            "prefix": {"type": "path"},
            "limit": {"type": "int", "default": 50},
        },
        supports_check_mode=True,
    )
    names = ("config_dir", "main", "store", "binary", "prefix")
    files = HostFiles(Settings(**{name: module.params[name] for name in names}))
    nginx = RunningNginx(files.settings)
    inspection = Inspection(files.store, nginx.master)
    try:
        result = {
            "current": inspection.status().to_json(),
            "history": [line.to_json() for line in inspection.history()[: module.params["limit"]]],
            "drift": files.drift.paths(),
            "drift_diff": [row.to_json() for row in files.drift.summaries()],
            "nginx": describe(nginx).to_json(),
        }
        if not module.check_mode:
            files.metrics.write()
    except ReleaseError as error:
        module.fail_json(msg=str(error), code=error.code)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}", code="file")
    for warning in files.warnings:
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
