# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd is asked for, by stand-ins for its commands; containers with a real one are in molecule/."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._release import boot_unit, watchdog
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.state import Watchdog

COMMAND = """\
#!/bin/sh
echo "${0##*/} $*" >> "%(top)s/calls"
if [ -e "%(top)s/fail-${0##*/}" ]; then echo "Failed to connect to bus" >&2; exit 1; fi
"""


class Systemd:
    """Folders and commands that look like systemd's."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.top, self.units = top, top / "units"
        for name in ("bin", "run", "transient", "units", "store"):
            (top / name).mkdir()
        for name in ("systemd-run", "systemctl"):
            (top / "bin" / name).write_text(COMMAND % {"top": top})
            (top / "bin" / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{top}/bin:/usr/bin:/bin")
        monkeypatch.setattr(watchdog, "_SYSTEMD", str(top / "run"))
        monkeypatch.setattr(watchdog, "_TRANSIENT", str(top / "transient"))
        monkeypatch.setattr(boot_unit, "UNITS", str(self.units))
        self.settings = Settings(store=str(top / "store"), config_dir="/etc/nginx")
        self.archive = top / "store/failsafe-nginx.pyz"
        self.archive.write_text("import sys; sys.exit('it waits for nothing')")

    def calls(self) -> list[str]:
        place = self.top / "calls"
        return place.read_text().splitlines() if place.exists() else []

    def fail(self, command: str) -> None:
        (self.top / f"fail-{command}").touch()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    return Systemd(tmp_path, monkeypatch)


@pytest.mark.root
def test_a_timer_is_monotonic_and_runs_isolated_python(systemd: Systemd) -> None:
    armed = watchdog.start(str(systemd.archive), "abc", 180)
    assert armed == Watchdog("systemd", unit="failsafe-nginx-lease-abc")
    call = systemd.calls()[0]
    assert "--on-active=180.000s" in call
    assert "--unit=failsafe-nginx-lease-abc" in call
    assert call.endswith(f"-- {sys.executable} -I {systemd.archive} watch abc")
    assert watchdog.alive(armed) is False
    (systemd.top / "transient/failsafe-nginx-lease-abc.timer").touch()
    assert watchdog.alive(armed) is True


@pytest.mark.parametrize("acting", [True, False])
def test_the_unit_that_acts_does_not_stop_itself(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch, *, acting: bool
) -> None:
    (systemd.top / "transient/u.timer").touch()
    if acting:
        monkeypatch.setattr(sys, "argv", ["failsafe-nginx.pyz", "expire", "abc"])
    watchdog.stop(Watchdog("systemd", unit="u"), "abc")
    assert systemd.calls() == [f"systemctl stop --quiet u.timer{'' if acting else ' u.service'}"]


@pytest.mark.root
def test_without_a_timer_and_a_watcher_the_lease_is_refused(systemd: Systemd) -> None:
    systemd.fail("systemd-run")
    with pytest.raises(ReleaseError, match=r"Failed to connect to bus; it waits for nothing.*require_lease=false"):
        watchdog.start(str(systemd.archive), "abc", 180)
    with pytest.raises(ReleaseError, match="is not there: stage again"):
        watchdog.start(str(systemd.archive) + ".gone", "abc", 180)


def test_recovery_comes_before_nginx(systemd: Systemd) -> None:
    assert boot_unit.install(systemd.settings) == ""
    name = boot_unit.unit(systemd.settings.store)
    text = (systemd.units / name).read_text()
    assert "Before=nginx.service" in text
    assert "WantedBy=nginx.service" in text
    assert f"ExecStart={sys.executable} -I {systemd.archive} recover --boot\n" in text
    assert systemd.calls() == ["systemctl daemon-reload", f"systemctl enable --quiet {name}"]
    (systemd.units / "nginx.service.wants").mkdir()
    (systemd.units / "nginx.service.wants" / name).symlink_to(f"../{name}")
    assert boot_unit.install(systemd.settings) == ""
    assert len(systemd.calls()) == 2
    boot_unit.install(dataclasses.replace(systemd.settings, service="openresty.service"))
    assert "Before=openresty.service\n" in (systemd.units / name).read_text()
    assert boot_unit.uninstall(systemd.settings.store) is True
    assert f"systemctl disable --quiet {name}" in systemd.calls()
    assert not (systemd.units / name).exists()
    assert boot_unit.uninstall(systemd.settings.store) is False


def test_every_store_has_a_unit_of_its_own() -> None:
    assert boot_unit.unit("/var/lib/failsafe-nginx") == "failsafe-nginx-recover.service"
    assert boot_unit.unit("/srv/a") != boot_unit.unit("/srv/b")


def test_what_recovery_at_boot_lacks_is_said(systemd: Systemd) -> None:
    systemd.fail("systemctl")
    assert "no recovery at boot: Failed to connect" in boot_unit.install(systemd.settings)
    assert list(systemd.units.iterdir()) == []
    assert "cannot be written into a unit" in boot_unit.install(dataclasses.replace(systemd.settings, store="/srv/a b"))
    assert boot_unit.install(dataclasses.replace(systemd.settings, service_manager="none")) == ""


def test_a_unit_that_cannot_be_disabled_stays(systemd: Systemd) -> None:
    boot_unit.install(systemd.settings)
    systemd.fail("systemctl")
    with pytest.raises(ReleaseError, match="cannot be disabled"):
        boot_unit.uninstall(systemd.settings.store)
