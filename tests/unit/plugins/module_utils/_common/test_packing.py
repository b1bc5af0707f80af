# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import (
    PackingError,
    pack,
    pack_bytes,
    unpack,
    unpack_bytes,
)

TEXTS = st.text(st.characters())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES, st.integers(1, 9))
def test_what_is_packed_is_unpacked(value: object, level: int) -> None:
    text = pack(value, level=level)
    assert text.isascii()
    assert unpack(text) == value


@given(st.binary())
def test_bytes_are_packed_as_they_are(data: bytes) -> None:
    assert unpack_bytes(pack_bytes(data)) == data


@pytest.mark.parametrize(
    "text", ["", "%", "eHl6", pack_bytes(b""), pack_bytes(b"{"), pack_bytes(b"\xff"), pack_bytes(b"[" * 10**5), "ä"]
)
def test_what_was_not_packed_is_refused(text: str) -> None:
    with pytest.raises(PackingError):
        unpack(text)
