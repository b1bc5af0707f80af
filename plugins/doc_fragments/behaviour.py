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
      - V(live) is what lies in O(config_dir) on the host; the id of a release such as V(r-0f3c66d1a2b4) is that release in
        O(store) on the host; anything else is a folder, a main file or the output of C(nginx -T) on the controller. A relative
        path starts at the playbook's folder, then at the current one.
      - A folder on the controller is all of the configuration, keys and password files included.
    type: str
    default: live
  after:
    description:
      - The configuration from after, named as in O(before).
      - Exactly one of O(after) and O(src) is needed.
    type: str
  src:
    description:
      - A source folder on the controller that is rendered with the host's variables, as M(failsafe.nginx.nginx_release) does
        it, over what is not managed on the host.
    type: path
  exclude:
    description:
      - Names in a folder that are left out, as shell patterns. The default is that of M(failsafe.nginx.nginx_release).
    type: list
    elements: str
  plan:
    description:
      - What O(failsafe.nginx.nginx_release#module:state=staged) of the same run returned as RV(failsafe.nginx.nginx_release#module:plan).
        Then the host is not asked again what nginx reads of O(before=live) and of the candidate; and hosts with the same
        plan share one answer.
    type: dict
  expect:
    description:
      - A file on the controller that says what requests should get, see C(docs/expectations.md).
    type: path
  timeout:
    description:
      - Seconds for everything that is run on the host.
    type: float
    default: 300
  fs:
    description:
      - What nginx sees of the host's files in the private world. V(host) shows them read-only, V(empty) nothing of V(/var),
        V(/srv), V(/home) and the like.
      - The default is V(empty) if both sides are files of the controller, else V(host).
      - Nothing that nginx writes there stays, in either case.
    type: str
    choices: [host, empty]
"""
