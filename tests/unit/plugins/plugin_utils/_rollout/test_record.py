# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import limits
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.launch import Launch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.record import Record
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.record_files import (
    prune_records,
    read_record,
    record_path,
    to_json,
    write_record,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.verdict import FleetVerdict, HostVerdict

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = {"on_failure": "keep", "max_failures": 0, "serial": [1]}


def verdict(word: str = "stopped", **outcomes: str) -> FleetVerdict:
    rows = tuple(HostVerdict(host, outcome) for host, outcome in outcomes.items())
    return FleetVerdict(rows, verdict=word, ok=word == "deployed")


def outcomes(kept: Record) -> dict[str, str]:
    return {row.verdict.host: row.verdict.outcome for row in kept.hosts}


def test_every_version_but_the_last_says_interrupted() -> None:
    kept = Record.begin(["a", "b"], SETTINGS, moment=NOON)
    assert (kept.verdict, outcomes(kept)) == ("interrupted", {"a": "unknown", "b": "unknown"})
    kept = kept.with_batch(verdict(a="pending", b="pending"), ["a"], NOON)
    assert (kept.verdict, outcomes(kept)) == ("interrupted", {"a": "unknown", "b": "pending"})
    kept = kept.settled(verdict(a="confirmed", b="pending"), ["a"], NOON)
    assert (kept.verdict, outcomes(kept)) == ("interrupted", {"a": "unknown", "b": "pending"})
    kept = kept.ended(verdict("rolled_back", a="reverted", b="pending"), NOON)
    assert (kept.verdict, outcomes(kept)) == ("rolled_back", {"a": "reverted", "b": "pending"})


def test_a_host_of_the_batch_that_has_nothing_to_do_is_known() -> None:
    kept = Record.begin(["a"], SETTINGS, moment=NOON).with_batch(verdict(a="unchanged"), ["a"], NOON)
    assert outcomes(kept) == {"a": "unchanged"}


def test_a_batch_ends_when_the_next_one_begins() -> None:
    kept = Record.begin(["a", "b"], SETTINGS, moment=NOON).with_batch(verdict(), ["a"], NOON)
    kept = kept.with_batch(verdict(), ["b"], NOON + timedelta(seconds=5))
    assert [row.finished for row in kept.batches] == ["2026-11-22T12:00:05.000Z", None]


def test_two_runs_have_two_ids() -> None:
    ids = {Record.begin([], SETTINGS, moment=NOON).rollout for _unused in range(100)}
    assert len(ids) == 100
    assert all("/" not in name and " " not in name for name in ids)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept = Record.begin(["a"], SETTINGS)
    place = record_path(f"{tmp_path}/new/", kept.rollout)
    write_record(place, kept)
    assert read_record(place, kept.rollout) == kept
    assert [path.name for path in place.parent.iterdir()] == [f"{kept.rollout}.json"]


DAMAGED = [b"", b"{", b"[]", b'{"schema": 1, "rollout": "another"}', b'{"schema": 2, "rollout": "mine"}', b"\xff"]


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_no_record_of_this_run_is_not_gone_on_with(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    with pytest.raises(RolloutError, match="record"):
        read_record(tmp_path / "record", "mine")


def stored(tmp_path: Path, **changed: object) -> Path:
    """Store the record of a run with a batch, as a newer or a damaged one."""
    record = Record.begin(["a"], dict(SETTINGS), Launch(job="42"), NOON)
    data = to_json(record.with_batch(verdict(a="pending"), ["a"], NOON).with_evidence({}))
    path = tmp_path / "record"
    path.write_text(json.dumps({**data, **changed}))
    return path


def test_fields_of_a_newer_version_survive_reading_and_writing(tmp_path: Path) -> None:
    host = {"host": "a", "outcome": "unknown", "reason": "", "since": "2026-11-22T12:00:00.000Z", "newer": [1]}
    batch = {"hosts": ["a"], "started": "2026-11-22T12:00:00.000Z", "finished": None, "newer": {"x": 1}}
    path = stored(tmp_path, newer="field", hosts=[host], batches=[batch])
    write_record(path, read_record(path).ended(verdict("deployed", a="confirmed"), NOON))
    written = json.loads(path.read_text())
    assert (written["newer"], written["batches"][0]["newer"]) == ("field", {"x": 1})
    assert written["launch"] == {"job": "42"}
    path = stored(tmp_path, hosts=[host])
    write_record(path, read_record(path))
    assert json.loads(path.read_text())["hosts"][0]["newer"] == [1]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"batches": [{"hosts": [3], "started": ""}]}, r"batches\[0\]\.hosts\[0\]"),
        ({"ok": "yes"}, "ok"),
        ({"hosts": [{"host": "a"}]}, r"hosts\[0\]\.outcome"),
        ({"controller": None}, "controller"),
    ],
)
def test_a_damaged_record_names_the_field(tmp_path: Path, changed: dict[str, object], field: str) -> None:
    with pytest.raises(RolloutError, match=f"is damaged: {field}: "):
        read_record(stored(tmp_path, **changed))


def test_the_first_version_has_no_more_than_is_known() -> None:
    first = to_json(Record.begin(["a"], dict(SETTINGS), moment=NOON))
    assert first["hosts"] == [{"host": "a", "outcome": "unknown", "reason": "the run ended before this host was asked"}]
    assert not {"launch", "journals", "findings", "behaviour", "asked"} & set(first)


def test_a_verdict_of_something_else_names_the_field() -> None:
    with pytest.raises(RolloutError, match=r"hosts\[0\]\.host: is missing"):
        FleetVerdict.from_json({"hosts": [{"outcome": "failed"}]})


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RolloutError, match="cannot be written"):
        write_record(tmp_path / "file" / "record", Record.begin([], SETTINGS))
    (tmp_path / "folder").mkdir()
    with pytest.raises(RolloutError, match="cannot be written"):
        write_record(tmp_path / "folder", Record.begin([], SETTINGS))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_reader_never_sees_half_a_record(tmp_path: Path) -> None:
    place = tmp_path / "record"
    write_record(place, Record.begin(["a"], SETTINGS))
    with place.open() as before:
        write_record(place, Record.begin(["a"] * 1000, SETTINGS))
        assert len(json.load(before)["hosts"]) == 1


@pytest.mark.parametrize(
    ("value", "total", "allowed"), [(0, 9, 0), ("2", 9, 2), ("10%", 40, 4), ("10%", 9, 0), (" 100 % ", 7, 7)]
)
def test_a_budget(value: int | str, total: int, allowed: int) -> None:
    assert limits.failure_budget(value, total) == allowed


@pytest.mark.parametrize("value", [-1, 1.5, True, None, "", "x", "101%", "1%%", "\u0661", [1]])
def test_no_budget(value: object) -> None:
    with pytest.raises(RolloutError, match="nginx_deploy_max_failures"):
        limits.failure_budget(value, 10)


@pytest.mark.parametrize("serial", [1, "2", "10%", [1, "10%", "100%"], ["1"]])
def test_batches(serial: object) -> None:
    limits.check_limits(on_failure="keep", max_failures=0, serial=serial)


@pytest.mark.parametrize("serial", [0, -1, "0%", [], [[]], "many", 1.5, None, True, [1, None]])
def test_no_batches(serial: object) -> None:
    with pytest.raises(RolloutError, match="nginx_deploy_serial"):
        limits.check_limits(on_failure="keep", max_failures=0, serial=serial)


def test_a_folder_is_bounded_by_age_and_only_files_of_runs_are_deleted(tmp_path: Path) -> None:
    kept = [Record.begin(["a"], SETTINGS, moment=NOON + timedelta(minutes=number)) for number in range(5)]
    for row in reversed(kept):
        write_record(tmp_path / f"{row.rollout}.json", row)
        (tmp_path / f"{row.rollout}.html").touch()
    for name in ("notes.json", "mine.txt", f"{kept[0].rollout}"):
        (tmp_path / name).touch()
    prune_records(tmp_path, keep=2)
    runs = {f"{row.rollout}.{kind}" for row in kept[3:] for kind in ("json", "html")}
    assert {path.name for path in tmp_path.iterdir()} == runs | {"notes.json", "mine.txt", kept[0].rollout}
