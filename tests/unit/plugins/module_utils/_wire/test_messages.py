# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every message survives its way over the wire, and a wrong one is refused by the name of its field."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import folders, jobs, search_jobs
from ansible_collections.failsafe.nginx.plugins.module_utils._wire import outcomes, probes, worlds

MESSAGES = [
    kind
    for module in (probes, outcomes, worlds, folders, jobs, search_jobs)
    for kind in vars(module).values()
    if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
]


@st.composite
def entries(draw: st.DrawFn) -> folders.FolderEntry:
    kind = draw(st.sampled_from(["file", "directory", "link"]))
    return folders.FolderEntry(draw(st.text()), kind, draw(st.none() | st.integers()), draw(st.none() | st.text()))


st.register_type_strategy(folders.FolderEntry, entries())
st.register_type_strategy(object, st.integers() | st.text())
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=20)
@given(st.data())
def test_a_message_survives_the_wire(kind: type, data: st.DataObject) -> None:
    message = data.draw(st.from_type(kind))
    assert decode(kind, json.loads(json.dumps(encode(message)))) == message


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_an_unknown_field_is_refused_by_its_name(kind: type) -> None:
    with pytest.raises(FieldError, match=r"^colour: is unknown"):
        decode(kind, {"colour": "red"})


def test_a_generated_probe_is_written_as_hosts_know_it() -> None:
    probe = probes.Probe("p1", probes.ListenSocket("0.0.0.0", 80))
    assert encode(probe) == {
        "id": "p1",
        "origin": "generated",
        "why": "",
        "file": None,
        "line": None,
        "blocks": [],
        "listen": {"address": "0.0.0.0", "port": 80, "ssl": False, "http2": False, "proxy_protocol": False},
        "sni": None,
        "client": None,
        "method": "GET",
        "target": "/",
        "host": None,
        "headers": [],
        "body": "",
        "version": "1.1",
        "answers": [],
        "follow": False,
        "protocol": "http",
    }


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (["a", "file", None], "a list of path, type, mode and content"),
        ("a", "a list of path, type, mode and content"),
        (["a", "socket", None, ""], "'a' is no file, directory or link"),
        ([1, "file", None, ""], "1 is no file, directory or link"),
        (["a", "file", "0644", ""], "'a' has a mode that is no number"),
        (["a", "file", True, ""], "'a' has a mode that is no number"),
        (["a", "file", None, 1], "or a content that is no text"),
    ],
)
def test_a_wrong_entry_of_a_folder_is_refused(entry: t.Any, words: str) -> None:
    with pytest.raises(FieldError) as caught:
        decode(folders.FolderSpec, {"kind": "files", "entries": [["x", "directory", None, None], entry]})
    assert caught.value.path == "entries[1]"
    assert words in caught.value.reason
