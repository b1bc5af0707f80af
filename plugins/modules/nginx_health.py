#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_health
short_description: Check the health of a web server
version_added: 0.1.0
description:
  - Sends requests from the host it runs on, compares the answers with what is expected, and fails when they differ.
  - The checks run in rounds. The module succeeds when all of them passed O(successes) times in a row and then went on
    passing for O(soak) seconds.
  - It fails early when one check gets a wrong answer in three rounds in a row. Refused and lost connections,
    missing answers and slow answers may end until O(timeout).
  - The module M(failsafe.nginx.nginx_release) runs the same checks after a reload. This module runs them at any other time,
    for example after an upgrade or from a load balancer's point of view.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
requirements:
  - Python 3.7 or newer on the host
extends_documentation_fragment:
  - failsafe.nginx.attributes
  - failsafe.nginx.checks
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so it does the same in check mode.
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
  interval:
    description:
      - Seconds from the beginning of one round to the beginning of the next.
    type: float
    default: 0.2
  successes:
    description:
      - How many rounds in a row have to pass.
    type: int
    default: 2
  timeout:
    description:
      - Seconds within which these rounds have to pass. The O(soak) begins afterwards.
    type: float
    default: 10
  soak:
    description:
      - Seconds for which the checks have to go on passing. The first failure is final here.
    type: float
    default: 0
  error_logs:
    description:
      - Error logs of nginx on the host. A line of level C(emerg), C(alert) or C(crit) that is added to one of them while the
        module runs is a failure.
      - Lines about one connection, which have its number after a C(*), don't count.
      - A log that is not there yet is watched for. One that cannot be read is a warning and part of RV(unwatched).
    type: list
    elements: path
    default: []
seealso:
  - module: failsafe.nginx.nginx_release
"""

EXAMPLES = r"""
- name: The login page answers on this host, whatever DNS says
  failsafe.nginx.nginx_health:
    checks:
      - name: login page
        url: https://www.example.com/login
        address: 127.0.0.1:443
        status: 200
        body: '<form[^>]+action="/login"'
        headers:
          Strict-Transport-Security: "~max-age="
          X-Powered-By: null

- name: Plain HTTP redirects, the API answers quickly, the certificate lasts
  failsafe.nginx.nginx_health:
    checks:
      - url: http://www.example.com/a?b=c
        address: 127.0.0.1:80
        status: 301
        location: https://www.example.com/a?b=c
      - url: https://api.example.com/api/profile
        address: 127.0.0.1:443
        request_headers:
          Authorization: "Bearer {{ api_token }}"
        max_latency: 0.5
      - certificate: 127.0.0.1:443
        sni: www.example.com
        min_days: 14
      - tcp: 127.0.0.1:9000
    soak: 30
    error_logs:
      - /var/log/nginx/error.log
"""

RETURN = r"""
reason:
  description: The reason of a failure, or how many checks passed, in one sentence.
  returned: always
  type: str
  sample: "login page: GET https://www.example.com/login via 127.0.0.1:443: expected status 200, got 500"
failures:
  description: The results that made the module fail.
  returned: always
  type: list
  elements: dict
results:
  description: The result of each check in the last round.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The check's name.
      type: str
      returned: always
      sample: login page
    ok:
      description: The answer was as expected.
      type: bool
      returned: always
    reason:
      description: The expected answer and the one that came.
      type: str
      returned: always
      sample: "GET https://www.example.com/login via 127.0.0.1:443: expected status 200, got 500"
    failure:
      description:
        - The kind of failure, V(null) if there is none.
        - V(wrong) is an answer other than expected, V(slow) one that took too long, V(connection) is none at all,
          V(refused) means that nothing listened there.
      type: str
      returned: always
      sample: wrong
    status:
      description: The last answer's status code, V(null) without an answer.
      type: int
      returned: always
      sample: 500
    location:
      description: The last answer's C(Location) header, V(null) without one.
      type: str
      returned: always
      sample: https://www.example.com/a?b=c
    latency_ms:
      description: Milliseconds from connecting to the end of the answer's header, V(null) without an answer.
      type: float
      returned: always
      sample: 12.3
    address:
      description: The address that the check connected to.
      type: str
      returned: always
      sample: 127.0.0.1:443
    url:
      description: The check's URL, V(null) if it has none.
      type: str
      returned: always
      sample: https://www.example.com/login
unwatched:
  description: The O(error_logs) that could not be read, each with the reason.
  returned: always
  type: list
  elements: str
  sample: ["/var/log/nginx/error.log: Permission denied"]
rounds:
  description: The number of rounds.
  returned: always
  type: int
  sample: 2
seconds:
  description: The seconds that it took.
  returned: always
  type: float
  sample: 0.21
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._health.check import HealthError
from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import CHECK_OPTIONS
from ansible_collections.failsafe.nginx.plugins.module_utils._health.gate import Gate


def main() -> None:
    """Run a gate without probes and without a baseline."""
    module = AnsibleModule(
        argument_spec={
            "checks": {"type": "list", "elements": "dict", "required": True, "options": CHECK_OPTIONS},
            "interval": {"type": "float", "default": 0.2},
            "successes": {"type": "int", "default": 2},
            "timeout": {"type": "float", "default": 10},
            "soak": {"type": "float", "default": 0},
            "error_logs": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    settings = {key: module.params[key] for key in ("interval", "successes", "timeout", "soak", "error_logs")}
    try:
        gate = Gate(module.params["checks"], **settings)
        verdict = gate.run()
    except HealthError as exc:
        module.fail_json(msg=str(exc))
    result = {key: getattr(verdict, key) for key in ("reason", "unwatched", "rounds", "seconds")}
    result.update(failures=list(map(encode, verdict.failed)), results=list(map(encode, gate.results)))
    for warning in [*verdict.unwatched, *([verdict.reason] if verdict.skipped else [])]:
        module.warn(warning)
    if not verdict.ok:
        module.fail_json(msg=verdict.reason, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
