# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible hands over becomes plain JSON, whatever its version marks it with."""

from __future__ import annotations

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plain_json import plain


class _Marked(str):
    """Text that stays what it is, as ansible-core 2.18 marks unsafe text."""

    __slots__ = ()

    def __str__(self) -> str:  # pylint: disable=invalid-str-returned
        return self


def test_marked_text_becomes_plain_text() -> None:
    found = plain({_Marked("key"): [_Marked("value"), 1, 1.5, True, None]})
    assert found == {"key": ["value", 1, 1.5, True, None]}
    assert isinstance(found, dict)
    assert [type(key) for key in found] == [str]
    assert [type(item) for item in found["key"]] == [str, int, float, bool, type(None)]
