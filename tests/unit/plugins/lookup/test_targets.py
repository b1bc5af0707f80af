# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.failsafe.nginx.plugins.lookup.targets import LookupModule

GROUPS = {"all": ["web1", "web2", "db1"], "ungrouped": [], "web": ["web1", "web2"], "db": ["db1"]}


def targets(pattern: object, limit: str | None = None) -> list[str]:
    lookup = LookupModule(loader=DataLoader())
    variables = {"groups": GROUPS}
    if limit is not None:
        variables["ansible_limit"] = limit
    return lookup.run([pattern], variables)


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [("all", None), ("web", None), ("web:!web1", None), ("web", "web2"), ("web*", "all"), ("web1,db", "db1")],
)
def test_a_pattern_that_selects_a_host_is_returned_as_it_is(pattern: str, limit: str | None) -> None:
    assert targets(pattern, limit) == [pattern]


@pytest.mark.parametrize("pattern", ["web1\nweb2\n", ["web1", "web2"]])
def test_several_patterns_become_one(pattern: object) -> None:
    assert targets(pattern) == ["web1,web2"]


@pytest.mark.parametrize(
    ("pattern", "limit", "words"),
    [
        ("mail", None, "'mail' selects none of the 3 hosts"),
        ("web:!web*", None, "selects none"),
        ("web", "db", "--limit 'db' leaves none of the 2 hosts"),
        ("web1", "web2", "leaves none"),
        ("", None, "nothing arrived"),
        (" \n", None, "nothing arrived"),
        (None, None, "nothing arrived"),
        (83, None, "arrived as the number 83"),
        (True, None, "arrived as the boolean true"),
        (["web1", 83], None, "arrived as the number 83"),
    ],
)
def test_an_empty_set_of_hosts_is_an_error(pattern: object, limit: str | None, words: str) -> None:
    with pytest.raises(AnsibleError, match=words):
        targets(pattern, limit)
