# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state survives writing and reading, with the keys of newer versions."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._release import state as stored
from ansible_collections.failsafe.nginx.plugins.module_utils._release.journal import JournalLine
from ansible_collections.failsafe.nginx.plugins.module_utils._release.manifest import Release
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.tree_entry import TreeEntry

JSON: st.SearchStrategy[t.Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
EXTRA = st.dictionaries(st.sampled_from(["newer", "origin", "target", "transaction"]), JSON, max_size=2)
OBJECT = st.dictionaries(st.text(max_size=3), JSON, max_size=2)
TEXT, MAYBE = st.text(max_size=4), st.none() | st.text(max_size=4)
NUMBER = st.integers(0, 9) | st.floats(0, 9)
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
FACTS = st.builds(
    stored.ConfigFacts, TEXTS, TEXTS, TEXT, st.none() | st.integers(), st.booleans(), st.booleans(), TEXTS, EXTRA
)
GATES = st.builds(
    stored.GateOptions, st.none() | st.lists(OBJECT, max_size=2), st.none() | st.lists(OBJECT, max_size=2),
    st.none() | NUMBER, st.none() | st.integers(1, 3), st.none() | NUMBER, st.none() | NUMBER,
    st.none() | st.lists(OBJECT, max_size=2), st.none() | st.lists(TEXT, max_size=2),
    st.none() | st.lists(OBJECT, max_size=2), EXTRA,
)  # fmt: skip
TRIALS = st.builds(
    stored.Trial, TEXT, TEXT, TEXT, st.booleans(), st.booleans(), st.none() | FACTS, st.lists(OBJECT, max_size=2), GATES,
    EXTRA,
)  # fmt: skip
SETTINGS = st.builds(Settings, binary=MAYBE, lease=NUMBER, metadata=st.none() | OBJECT, extra=EXTRA)
STATES = st.builds(
    stored.HostState,
    owner=st.builds(stored.Owner, MAYBE, TEXT, EXTRA),
    confirmed=TEXT,
    adopted=TEXT,
    active=st.none() | TRIALS,
    staged=st.none() | st.builds(stored.Staged, TEXT, TEXT, EXTRA),
    running=st.none() | st.builds(stored.Generation, MAYBE, st.integers(), NUMBER, TEXT, EXTRA),
    switched=st.none() | st.builds(stored.Moment, TEXT, NUMBER, EXTRA),
    settings=SETTINGS,
    transaction=st.none() | st.builds(stored.Transaction, TEXT, TEXT, TEXT, TEXT, EXTRA),
    previous=MAYBE,
    trouble=MAYBE,
    version=st.just(stored.VERSION),
    extra=EXTRA,
)
LEASES = st.builds(
    stored.Lease, TEXT, TEXT, NUMBER, TEXT, MAYBE, TEXT, NUMBER, TEXT, MAYBE, st.none() | st.integers(),
    st.none() | st.integers(), EXTRA,
)  # fmt: skip
RESERVATIONS = st.builds(stored.Reservation, TEXT, TEXT, TEXT, NUMBER, TEXT, NUMBER, EXTRA)
LINES = st.builds(JournalLine, TEXT, st.integers(), TEXT, MAYBE, OBJECT, OBJECT, EXTRA)
ENTRIES = st.builds(
    TreeEntry, TEXT, TEXT, st.integers(), st.integers(), st.integers(), TEXT, st.integers(), st.booleans(), st.booleans(),
    MAYBE, st.booleans(), MAYBE, EXTRA,
)  # fmt: skip
TREES = st.lists(ENTRIES, max_size=3).map(lambda entries: {entry.path: entry for entry in entries})
RELEASES = st.builds(Release, TEXT, TEXT, TEXT, TEXT, TREES, st.none() | FACTS, st.none() | OBJECT, EXTRA)
LEAST = stored.HostState(
    owner=stored.Owner(None, "/etc/nginx"), confirmed="r-1", adopted="r-1", active=None, staged=None, running=None,
    switched=None, settings=Settings(), transaction=None,
)  # fmt: skip


def written(data: t.Any) -> t.Any:
    """The data after a way through a file."""
    return json.loads(json.dumps(data))


@given(STATES)
def test_a_state_survives(state: stored.HostState) -> None:
    assert stored.HostState.from_json(written(state.to_json())) == state


@given(LEASES | RESERVATIONS | LINES)
def test_notes_and_journal_lines_survive(note: t.Any) -> None:
    assert decode(type(note), written(encode(note))) == note


@given(RELEASES)
def test_a_manifest_survives(release: Release) -> None:
    assert Release.read(release.data()) == release


def test_a_state_without_a_version_is_of_the_first_one() -> None:
    data = LEAST.to_json()
    assert data.pop("version") == stored.VERSION
    assert stored.HostState.from_json(data).version == "0.1.0"


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(stored.HostState)])
def test_each_missing_key_is_named(name: str) -> None:
    name = {"transaction": "txn"}.get(name, name)
    data = LEAST.to_json()
    optional = name in ("previous", "trouble", "schema", "version", "extra")
    data.pop(name, None)
    if optional:
        stored.HostState.from_json(data)
        return
    with pytest.raises(FieldError, match=f"^{name}: is missing$"):
        stored.HostState.from_json(data)
