# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics of a host, read back with the grammar of Prometheus' text format."""

from __future__ import annotations

import json
import re
import stat
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release_world import World, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release import cli, metrics
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError

NEW = of({"conf.d/a.conf": "new"})
NEWER = of({"conf.d/a.conf": "newer"})

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
_SAMPLE = re.compile(rf"({_NAME})\{{((?:{_LABEL},?)*)\}} (-?[0-9.e+]+)")
_PLAIN = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Samples = dict[str, tuple[dict[str, str], float]]


def parse(text: str) -> Samples:
    """Name -> labels and value; asserts that every metric has its HELP and TYPE right before it."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    found: Samples = {}
    for head, kind, line in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert head.startswith(f"# HELP {match[1]} ")
        assert kind == f"# TYPE {match[1]} gauge"
        assert match[1] not in found
        labels = {
            name: re.sub(r"\\.", lambda part: _PLAIN[part[0]], value) for name, value in re.findall(_LABEL, match[2])
        }
        found[match[1]] = (labels, float(match[5]))
    return found


def read(folder: Path) -> Samples:
    """The metrics of the only file in a folder, without prefix and the label that all have."""
    (file,) = folder.iterdir()
    assert re.fullmatch(r"failsafe_nginx_[0-9a-f]{8}\.prom", file.name)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    return {
        name.removeprefix("failsafe_nginx_"): ({k: v for k, v in labels.items() if k != "config_dir"}, value)
        for name, (labels, value) in parse(file.read_text("utf-8")).items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "textfile"
    place.mkdir()
    return place


def events(world: World, event: str) -> float:
    return next(metrics.seconds(row["time"]) for row in world.engine().history() if row["event"] == event)


def test_without_a_folder_nothing_is_written(world: World) -> None:
    before = set(world.store.parent.iterdir())
    world.deploy(NEW)
    assert set(world.store.parent.iterdir()) - before == {world.store}
    assert not list(world.store.rglob("*.prom"))


def test_the_metrics_of_a_confirmed_release(world: World, folder: Path) -> None:
    release = world.deploy(NEW, metrics_dir=str(folder))
    found = read(folder)
    assert found["release_info"] == ({"release": release}, 1)
    assert found["release_confirmed_timestamp_seconds"][1] == pytest.approx(events(world, "confirmed"))
    assert found["trial_active"][1] == found["rollback_failed"][1] == found["drifted_files"][1] == 0
    assert "last_rollback_info" not in found
    assert "trial_start_timestamp_seconds" not in found


def test_a_trial_and_its_end_by_the_host_alone(world: World, folder: Path) -> None:
    old = world.deploy(NEW, metrics_dir=str(folder))
    release = world.engine(metrics_dir=str(folder)).stage(NEWER)["release"]
    world.engine().activate(release, reload=True)
    found = read(folder)
    assert (found["trial_active"][1], found["release_info"][0]) == (1, {"release": old})
    assert found["trial_start_timestamp_seconds"][1] == pytest.approx(events(world, "activated"), abs=1)
    note = world.store / "lease.json"
    lease = json.loads(note.read_text())
    note.write_text(json.dumps({**lease, "until": 0}))
    world.engine().expire(lease["token"])  # by what the store says alone
    found = read(folder)
    assert found["trial_active"][1] == 0
    assert found["last_rollback_info"] == ({"abandoned": release, "by": "lease"}, 1)
    assert found["last_rollback_timestamp_seconds"][1] == pytest.approx(events(world, "rolled_back"))


def test_a_recovery_at_boot_is_told(world: World, folder: Path) -> None:
    release = world.engine(metrics_dir=str(folder)).stage(NEW)["release"]
    world.engine().activate(release, reload=False)
    (world.store / "lease.json").unlink()
    world.engine().recover(boot=True)
    assert read(folder)["last_rollback_info"][0] == {"abandoned": release, "by": "boot"}


def test_a_rollback_that_fails_is_told_until_one_succeeds(world: World, folder: Path) -> None:
    world.deploy(NEW, metrics_dir=str(folder))
    release = world.engine(metrics_dir=str(folder)).stage(NEWER)["release"]
    world.engine().activate(release, reload=True)
    world.host.reload_ok = False
    with pytest.raises(ReleaseError, match="ROLLBACK FAILED"):
        world.engine().rollback()
    assert read(folder)["rollback_failed"][1] == 1
    world.host.reload_ok = True
    world.engine().rollback()
    assert read(folder)["rollback_failed"][1] == 0


def test_looking_refreshes_drift(world: World, folder: Path) -> None:
    world.deploy(NEW, metrics_dir=str(folder))
    world.put("conf.d/a.conf", "by hand")
    world.engine().measure()
    found = read(folder)
    assert found["drifted_files"][1] == 1
    assert found["drift_check_timestamp_seconds"][1] >= found["release_confirmed_timestamp_seconds"][1]


def test_a_deploy_that_changes_nothing_can_begin_move_and_end_them(world: World, folder: Path, tmp_path: Path) -> None:
    world.deploy(NEW)
    assert world.engine(metrics_dir=str(folder)).stage(NEW)["changed"] is False
    assert read(folder)["trial_active"][1] == 0
    other = tmp_path / "other"
    other.mkdir()
    world.engine(metrics_dir=str(other)).stage(NEW)
    assert list(folder.iterdir()) == []
    world.put("conf.d/a.conf", "by hand")
    world.engine().measure()
    assert read(other)["drifted_files"][1] == 1
    world.put("conf.d/a.conf", "new")
    world.engine().stage(NEW)
    assert list(other.iterdir()) == []


def test_what_cannot_be_written_is_a_warning(world: World, tmp_path: Path) -> None:
    for place, words in (("nowhere", "there is no folder"), ("file", "there is no folder"), ("", "absolute path")):
        (tmp_path / "file").touch()
        engine = world.engine(metrics_dir=str(tmp_path / place) if place else "relative")
        engine.stage(of({"conf.d/a.conf": f"for {place}"}))
        assert any(words in warning for warning in engine.warnings), engine.warnings


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(
    world: World, folder: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / metrics.file_name(str(world.store))).symlink_to(victim)
    world.deploy(NEW, metrics_dir=str(folder))
    assert victim.read_text() == "precious"
    assert read(folder)["trial_active"][1] == 0


def test_a_reader_without_the_lock_leaves_true_metrics_behind(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(NEW, metrics_dir=str(folder))
    looking, slow, times = world.engine(), metrics.write, []

    def write(*arguments: t.Any) -> None:
        times.append(len(times))
        if len(times) == 1:
            world.deploy(NEWER, metrics_dir=str(folder))
        slow(*arguments)

    monkeypatch.setattr(metrics, "write", write)
    looking.measure()
    assert read(folder)["release_info"][0] == {"release": world.engine().status()["confirmed"]}


def test_uninstalling_takes_them_along(world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.deploy(NEW, metrics_dir=str(folder))
    assert cli.main(["--store", str(world.store), "uninstall"]) == 0, capsys.readouterr()
    assert list(folder.iterdir()) == []


def test_the_usual_store_has_the_usual_file() -> None:
    assert metrics.file_name("/var/lib/failsafe-nginx") == "failsafe_nginx.prom"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_labels_survive_whatever_they_hold(config_dir: str, release: str) -> None:
    found = parse(metrics.text([("release_info", {"release": release}, 1)], config_dir))
    assert found == {"failsafe_nginx_release_info": ({"config_dir": config_dir, "release": release}, 1.0)}


def test_a_path_that_is_no_utf8_is_told_all_the_same() -> None:
    metrics.text([("trial_active", {}, 0)], "/etc/\udcff").encode("utf-8")


@pytest.mark.parametrize(
    ("moment", "number"),
    [("1970-01-01T00:00:01.500Z", 1.5), ("2026-11-22T19:01:00Z", 1795374060), ("1970-01-01T00:01:00.007Z", 60.007)],
)
def test_seconds(moment: str, number: float) -> None:
    assert metrics.seconds(moment) == number
