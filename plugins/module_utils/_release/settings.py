# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the engine on one host."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .._common.json_fields import unknown_fields
from .errors import ReleaseError

#: Seconds of a lease, and of the trial where nothing on the host watches it.
DEFAULT_LEASE = 180.0
#: Where the store usually is. Another one has files of its own outside of it.
USUAL_STORE = "/var/lib/failsafe-nginx"
#: The name in the store of the engine as one file.
ARCHIVE = "failsafe-nginx.pyz"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Options of the engine. The state keeps them for the command line on the host.

    Attributes:
        owner: the inventory name of the host, None on the host itself.
        reload_timeout, lease, rollout_ttl: seconds.
        rollout: the id of the run that reserves the host.
        metadata: what the journal says about the run, such as its user and its reason.
    """

    store: str = USUAL_STORE
    config_dir: str = "/etc/nginx"
    main: str = "nginx.conf"
    binary: t.Optional[str] = None
    prefix: t.Optional[str] = None
    service: str = "nginx"
    service_manager: str = "auto"
    reload_timeout: float = 10
    owner: t.Optional[str] = None
    on_drift: str = "fail"
    require_rollback: bool = True
    keep: int = 5
    file_mode: int = 0o644
    directory_mode: int = 0o755
    lease: float = DEFAULT_LEASE
    require_lease: bool = True
    rollout: t.Optional[str] = None
    rollout_ttl: float = 3600
    metrics_dir: t.Optional[str] = None
    metadata: t.Optional[t.Dict[str, object]] = None
    extra: t.Dict[str, object] = unknown_fields()


def check_folders(settings: Settings) -> None:
    """Refuse relative paths, and a store and a configuration folder that lie in each other."""
    named = (("store", settings.store), ("config_dir", settings.config_dir), ("prefix", settings.prefix))
    for name, path in named:
        if path and not os.path.isabs(path):
            raise ReleaseError(f"{name} has to be an absolute path, not {path!r}", "options")
    store, config = os.path.realpath(settings.store), os.path.realpath(settings.config_dir)
    if os.path.commonpath([store, config]) in (store, config):
        raise ReleaseError(
            f"the store {settings.store} and the configuration folder {settings.config_dir} may not lie in each other:"
            " every release would hold the others",
            "options",
        )
