# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action hands to the module on the host."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.release_task import module_options

LAUNCHED = {"awx_user_name": "alice", "awx_job_id": 7}


@pytest.mark.parametrize(
    ("given", "variables", "sent"),
    [
        ({}, {}, None),
        ({"metadata": {"why": "test"}}, {}, {"why": "test"}),
        ({}, LAUNCHED, {"who": "alice", "launch": {"user": "alice", "job": "7"}}),
        ({"metadata": {"who": "bob"}}, LAUNCHED, {"who": "bob", "launch": {"user": "alice", "job": "7"}}),
    ],
    ids=["nothing", "the task's", "AWX's", "both"],
)
def test_metadata_is_sent_where_there_is_any(
    given: dict[str, t.Any], variables: dict[str, t.Any], sent: dict[str, t.Any] | None
) -> None:
    arguments = module_options({"state": "unlocked", **given}, variables, "")
    # A module refuses a dictionary that is None.
    assert ("metadata" in arguments) is (sent is not None)
    found = arguments.get("metadata")
    assert found == sent
