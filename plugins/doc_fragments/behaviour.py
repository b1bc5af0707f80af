# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that run two configurations side by side."""

from __future__ import annotations


class ModuleDocFragment:
    """The two sides, and the private worlds."""

    SIDES = r"""
options:
  before:
    description:
      - The configuration from before.
      - V(live) is the folder O(config_dir) on the host. The id of a release, such as V(r-0f3c66d1a2b4), is that release in
        O(store) on the host. Anything else is a folder, a main file, or the output of C(nginx -T) on the controller. A relative
        path starts at the playbook's folder, then at the current one.
      - A folder on the controller has to hold the whole configuration, keys and password files included.
    type: str
    default: live
  after:
    description:
      - The configuration from after, named as in O(before).
      - Exactly one of O(after) and O(src) is needed.
    type: str
  src:
    description:
      - A source folder on the controller. It is rendered with the host's variables, as by M(failsafe.nginx.nginx_release), and
        laid over the unmanaged files of the host.
    type: path
  exclude:
    description:
      - Names in a folder to leave out, as shell patterns. The default is that of M(failsafe.nginx.nginx_release).
    type: list
    elements: str
  plan:
    description:
      - The value RV(failsafe.nginx.nginx_release#module:plan) of O(failsafe.nginx.nginx_release#module:state=staged) in the same
        run. It spares the host reading O(before=live) and the candidate again, and hosts with the same plan share one result.
    type: dict
  expect:
    description:
      - A file on the controller with the expected outcomes of requests, see C(docs/expectations.md).
    type: path
  timeout:
    description:
      - The most seconds for the private worlds of a comparison or a search.
    type: float
    default: 300
  fs:
    description:
      - The files of the host that nginx sees in the private world. V(host) shows them read-only; V(empty) hides V(/var),
        V(/srv), V(/home) and the like.
      - The default is V(empty) if both sides are files of the controller, else V(host).
      - In either case, files that nginx writes there are discarded.
    type: str
    choices: [host, empty]
"""
