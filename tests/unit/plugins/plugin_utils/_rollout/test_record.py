# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import options, record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = {"on_failure": "keep", "max_failures": 0, "serial": [1]}


def verdict(word: str = "stopped", **outcomes: str) -> dict:
    rows = [{"host": host, "outcome": outcome, "reason": ""} for host, outcome in outcomes.items()]
    return {"verdict": word, "ok": word == "deployed", "counts": {}, "text": [], "hosts": rows}


def outcomes(kept: record.Record) -> dict[str, str]:
    return {row["host"]: row["outcome"] for row in kept["hosts"]}


def test_every_version_but_the_last_says_interrupted() -> None:
    kept = record.begin(["a", "b"], SETTINGS, NOON)
    assert (kept["verdict"], outcomes(kept)) == ("interrupted", {"a": "unknown", "b": "unknown"})
    kept = record.batch(kept, verdict(a="pending", b="pending"), ["a"], NOON)
    assert (kept["verdict"], outcomes(kept)) == ("interrupted", {"a": "unknown", "b": "pending"})
    kept = record.settle(kept, verdict(a="confirmed", b="pending"), ["a"], NOON)
    assert (kept["verdict"], outcomes(kept)) == ("interrupted", {"a": "unknown", "b": "pending"})
    kept = record.finish(kept, verdict("rolled_back", a="reverted", b="pending"), NOON)
    assert (kept["verdict"], outcomes(kept)) == ("rolled_back", {"a": "reverted", "b": "pending"})


def test_a_host_of_the_batch_that_has_nothing_to_do_is_known() -> None:
    kept = record.batch(record.begin(["a"], SETTINGS, NOON), verdict(a="unchanged"), ["a"], NOON)
    assert outcomes(kept) == {"a": "unchanged"}


def test_a_batch_ends_when_the_next_one_begins() -> None:
    kept = record.batch(record.begin(["a", "b"], SETTINGS, NOON), verdict(), ["a"], NOON)
    kept = record.batch(kept, verdict(), ["b"], NOON + timedelta(seconds=5))
    assert [row["finished"] for row in kept["batches"]] == ["2026-11-22T12:00:05.000Z", None]


def test_two_runs_have_two_ids() -> None:
    ids = {record.begin([], SETTINGS, NOON)["rollout"] for _unused in range(100)}
    assert len(ids) == 100
    assert all("/" not in name and " " not in name for name in ids)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept = record.begin(["a"], SETTINGS)
    place = record.place(f"{tmp_path}/new/", kept["rollout"])
    record.write(place, kept)
    assert record.read(place, kept["rollout"]) == kept
    assert [path.name for path in place.parent.iterdir()] == [f"{kept['rollout']}.json"]


DAMAGED = [b"", b"{", b"[]", b'{"schema": 1, "rollout": "another"}', b'{"schema": 2, "rollout": "mine"}', b"\xff"]


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_no_record_of_this_run_is_not_gone_on_with(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    with pytest.raises(options.RolloutError, match="record"):
        record.read(tmp_path / "record", "mine")


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(options.RolloutError, match="cannot be written"):
        record.write(tmp_path / "file" / "record", record.begin([], SETTINGS))
    (tmp_path / "folder").mkdir()
    with pytest.raises(options.RolloutError, match="cannot be written"):
        record.write(tmp_path / "folder", record.begin([], SETTINGS))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_reader_never_sees_half_a_record(tmp_path: Path) -> None:
    place = tmp_path / "record"
    record.write(place, record.begin(["a"], SETTINGS))
    with place.open() as before:
        record.write(place, record.begin(["a"] * 1000, SETTINGS))
        assert len(json.load(before)["hosts"]) == 1


@pytest.mark.parametrize(
    ("value", "total", "allowed"), [(0, 9, 0), ("2", 9, 2), ("10%", 40, 4), ("10%", 9, 0), (" 100 % ", 7, 7)]
)
def test_a_budget(value: int | str, total: int, allowed: int) -> None:
    assert options.budget(value, total) == allowed


@pytest.mark.parametrize("value", [-1, 1.5, True, None, "", "x", "101%", "1%%", "\u0661", [1]])
def test_no_budget(value: object) -> None:
    with pytest.raises(options.RolloutError, match="nginx_deploy_max_failures"):
        options.budget(value, 10)


@pytest.mark.parametrize("serial", [1, "2", "10%", [1, "10%", "100%"], ["1"]])
def test_batches(serial: object) -> None:
    options.check(on_failure="keep", max_failures=0, serial=serial)


@pytest.mark.parametrize("serial", [0, -1, "0%", [], [[]], "many", 1.5, None, True, [1, None]])
def test_no_batches(serial: object) -> None:
    with pytest.raises(options.RolloutError, match="nginx_deploy_serial"):
        options.check(on_failure="keep", max_failures=0, serial=serial)


def test_a_folder_is_bounded_by_age_and_only_files_of_runs_are_deleted(tmp_path: Path) -> None:
    kept = [record.begin(["a"], SETTINGS, NOON + timedelta(minutes=number)) for number in range(5)]
    for row in reversed(kept):
        record.write(tmp_path / f"{row['rollout']}.json", row)
        (tmp_path / f"{row['rollout']}.html").touch()
    for name in ("notes.json", "mine.txt", f"{kept[0]['rollout']}"):
        (tmp_path / name).touch()
    record.prune(tmp_path, keep=2)
    runs = {f"{row['rollout']}.{kind}" for row in kept[3:] for kind in ("json", "html")}
    assert {path.name for path in tmp_path.iterdir()} == runs | {"notes.json", "mine.txt", kept[0]["rollout"]}
