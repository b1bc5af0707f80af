# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install the systemd unit that recovers the host before nginx starts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys

from .disk import Folder
from .errors import ReleaseError
from .settings import USUAL_STORE, Settings
from .watchdog import booted_with_systemd, run

UNITS = "/etc/systemd/system"
_UNIT = """\
# Made by the Ansible collection failsafe.nginx. `failsafe-nginx uninstall` removes it.
[Unit]
Description=Bring nginx's configuration back to a whole, confirmed release
Before={service}.service
RequiresMountsFor={store} {config_dir}
ConditionPathExists={store}/state.json

[Service]
Type=oneshot
ExecStart={python} -I {store}/failsafe-nginx.pyz recover --boot
TimeoutStartSec=120

[Install]
WantedBy={service}.service
"""


def unit(store: str) -> str:
    """Return the unit's name; each store of a host has a unit of its own."""
    if os.path.realpath(store) == USUAL_STORE:
        return "failsafe-nginx-recover.service"
    return f"failsafe-nginx-recover-{hashlib.sha256(os.path.realpath(store).encode()).hexdigest()[:8]}.service"


def install(settings: Settings) -> str:
    """Write and enable the unit where systemd starts nginx; return why that cannot be done, or ""."""
    if settings.service_manager not in ("auto", "systemd"):
        return ""  # another program starts nginx: docs/recovery.md says what to add there
    if not booted_with_systemd():
        return ""
    service = settings.service[: -len(".service")] if settings.service.endswith(".service") else settings.service
    name, names = unit(settings.store), (settings.store, settings.config_dir, service)
    if any(set(word) & set(" \t\n\"'\\%$") for word in names):
        return f"no recovery at boot: {', '.join(map(repr, names))} cannot be written into a unit of systemd's"
    text = _UNIT.format(
        service=service,
        store=settings.store,
        config_dir=settings.config_dir,
        python=sys.executable or "/usr/bin/python3",
    ).encode()
    units = Folder(UNITS)
    try:
        wanted = units.entry(f"{service}.service.wants/{name}") is not None
        if wanted and units.entry(name) is not None and units.read(name) == text:
            return ""
        units.put(name, text, 0o644)
    except ReleaseError as error:
        return f"no recovery at boot: {error}"
    failure = run(["systemctl", "daemon-reload"])[1] or run(["systemctl", "enable", "--quiet", name])[1]
    if failure:
        with contextlib.suppress(ReleaseError):
            units.delete(name)  # so that the next run tries again
        return f"no recovery at boot: {failure}"
    return ""


def uninstall(store: str) -> bool:
    """Disable and delete the unit; return whether there was one."""
    name, units = unit(store), Folder(UNITS)
    if not os.path.isdir(UNITS) or units.entry(name) is None:
        return False
    failure = run(["systemctl", "disable", "--quiet", name])[1] if booted_with_systemd() else ""
    if failure:
        raise ReleaseError(f"{name} cannot be disabled: {failure}", "boot")
    units.delete(name)
    if booted_with_systemd():
        run(["systemctl", "daemon-reload"])
    return True
