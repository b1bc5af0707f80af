# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts of one run share: asked once, whatever runs at the same time."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.run_cache import RunCache, key_of


def test_content_is_found_by_its_digest(tmp_path: Path) -> None:
    shared = RunCache(str(tmp_path))
    digest = shared.keep(b"dump")
    assert RunCache(str(tmp_path)).kept(digest) == b"dump"
    assert shared.keep(b"dump") == digest
    assert stat.S_IMODE((tmp_path / "failsafe-nginx").stat().st_mode) == 0o700


@pytest.mark.parametrize("digest", [None, "", "0" * 64, "../../etc/passwd", "x" * 64])
def test_what_was_not_kept_is_none(tmp_path: Path, digest: str | None) -> None:
    assert RunCache(str(tmp_path)).kept(digest) is None


def test_of_many_hosts_at_once_one_works_and_all_have_its_answer(tmp_path: Path) -> None:
    worked: list[int] = []
    answers: list[object] = []

    def host(number: int) -> None:
        with RunCache(str(tmp_path)).alone("key") as answer:
            if answer.value is None:
                worked.append(number)
                answer.value = {"by": number}
        answers.append(answer.value)

    threads = [threading.Thread(target=host, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worked) == 1
    assert answers == [{"by": worked[0]}] * 8


def test_a_host_that_fails_leaves_the_work_to_the_next(tmp_path: Path) -> None:
    shared = RunCache(str(tmp_path))
    with pytest.raises(ZeroDivisionError), shared.alone("key") as answer:
        answer.value = 1 / 0
    with shared.alone("key") as answer:
        assert answer.value is None


def test_another_key_is_another_answer() -> None:
    assert key_of("a", {"x": 1, "y": [2]}) == key_of("a", {"y": [2], "x": 1})
    assert len({key_of("a"), key_of("b"), key_of("a", None), key_of(["a"])}) == 4
