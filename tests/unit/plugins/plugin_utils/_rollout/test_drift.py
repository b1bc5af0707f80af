# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.drift import drift_report
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError

ROW = {"path": "conf.d/a.conf", "change": "modified", "added": 1, "removed": 2, "diff": "-old\n+new"}
CLEAN = {"__nginx_deploy_status": {"drift": [], "drift_diff": []}}
EDITED = {"__nginx_deploy_status": {"drift": ["conf.d/a.conf"], "drift_diff": [ROW]}}
GONE = {"__nginx_deploy_status": {"unreachable": True, "msg": "no route to host"}}
ADOPTED = {**EDITED, "__nginx_deploy_adopted": {"changed": True, "release": "r-2"}}
REFUSED = {**EDITED, "__nginx_deploy_adopted": {"failed": True, "msg": "nginx refuses what is there"}}
SKIPPED = {**CLEAN, "__nginx_deploy_adopted": {"skipped": True, "changed": False}}

CASES = [
    (CLEAN, "fail", "clean", True, None),
    (EDITED, "fail", "drifted", False, "changed by hand: conf.d/a.conf (modified +1 -2)"),
    (EDITED, "warn", "drifted", True, "changed by hand: conf.d/a.conf"),
    (GONE, "warn", "unknown", False, "unknown: no route to host"),
    ({}, "warn", "unknown", False, "the host was not asked"),
    (ADOPTED, "adopt", "adopted", True, "adopted as r-2"),
    (REFUSED, "adopt", "drifted", False, "not adopted: nginx refuses what is there"),
    (SKIPPED, "adopt", "clean", True, None),
]


@pytest.mark.parametrize(("registered", "policy", "outcome", "ok", "words"), CASES)
def test_one_host(registered: dict, policy: str, outcome: str, ok: object, words: str | None) -> None:
    told = drift_report(["web1"], {"web1": registered}, policy=policy)
    assert (told.ok, told.hosts, list(told.failed)) == (ok, {"web1": outcome}, [] if ok else ["web1"])
    assert words is None or words in told.text[1]


def test_the_diff_is_shown_where_it_is_asked_for() -> None:
    hosts = {"web1": CLEAN, "web2": EDITED}
    assert "+new" not in drift_report(hosts, hosts).text
    text = drift_report(hosts, hosts, diff=True).text
    assert (text[0], text[-2:]) == ("1 clean, 1 drifted", ("-old", "+new"))


def test_no_host_is_not_fine() -> None:
    assert not drift_report([], {}).ok


def test_a_policy_that_there_is_not() -> None:
    with pytest.raises(RolloutError, match="nginx_deploy_drift_policy"):
        drift_report([], {}, policy="ignore")
