# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action hands to the module on the host."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.release_task import (
    changed_contents,
    module_options,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate, Rendered

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


def candidate(certificate: bytes) -> Candidate:
    return Candidate(
        (Rendered("tls", "directory"), Rendered("tls/a.pem", "file", certificate), Rendered("b", "link", target="c"))
    )


def test_what_a_certificate_becomes_is_a_part_of_the_plan() -> None:
    """`nginx -T` prints none: without it hosts that get different ones would share one result."""
    staged = {"added": ["b"], "modified": ["tls/a.pem"], "removed": ["old.pem"]}
    one, other = (changed_contents(staged, candidate(each)) for each in (b"one", b"other"))
    assert sorted(one) == ["b", "old.pem", "tls/a.pem"]
    assert (one["b"], one["old.pem"]) == (other["b"], other["old.pem"])
    assert one["tls/a.pem"] != other["tls/a.pem"]
    assert changed_contents({"modified": []}, candidate(b"one")) == {}
