# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nginx of a host as it is: found, never changed."""

from __future__ import annotations

import contextlib
import typing as t

from .._nginx.instance import Instance, NginxError
from .._nginx.processes import Master, find_master
from .errors import ReleaseError
from .settings import Settings


@contextlib.contextmanager
def _translated() -> t.Iterator[None]:
    try:
        yield
    except NginxError as error:
        raise ReleaseError(str(error), "nginx") from error


class RunningNginx:
    """Find the nginx that the settings name. Raises `ReleaseError` where there is none."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._instance: Instance | None = None

    @property
    def instance(self) -> Instance:
        """Return its binary and command line."""
        if self._instance is None:
            settings = self.settings
            with _translated():
                self._instance = Instance(
                    settings.config_dir, main=settings.main, binary=settings.binary, prefix=settings.prefix
                )
        return self._instance

    def master(self) -> Master | None:
        """Return the running master process."""
        with _translated():
            return find_master(self.instance)
