# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two folders, compared in real private worlds with all that travels between controller and host."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, read_answer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange, RouteCheckReport

Files = dict[str, bytes]
OPTIONS = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0)


def folder(main: str, more: Files | None = None, head: str = "") -> ConfigSource:
    """Return a folder whose nginx.conf holds `main` behind `head` and an `events` block."""
    files = {"nginx.conf": f"{head}events {{ worker_connections 64; }}\n{main}\n".encode(), **(more or {})}
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(files, config_dir="/etc/nginx"), files)


def compare_folders(before: ConfigSource, after: ConfigSource) -> tuple[RouteCheck, RouteCheckReport]:
    """Send the probes of both folders to both, and judge."""
    one = RouteCheck(before, after)
    job = host.unpack_job(RouteCheckJob, pack(encode(one.job())))
    return one, one.judge(read_answer(unpack(host.pack_answer(run(OPTIONS, job)))))


def told(changes: list[BehaviourChange], port: int) -> set[tuple[str, str]]:
    """Return class and listener of the changes at a port."""
    return {(each.name, listener) for each in changes for listener in each.listeners if listener.endswith(f":{port}")}
