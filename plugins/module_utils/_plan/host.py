# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the modules of a comparison do on this host: read both configurations, and run them in private worlds."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import typing as t
import zlib

from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import SandboxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance, NginxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.processes import find_master
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.validate import validate
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import World, available, run_worlds

from .trees import TreeError, Trees, write

#: The options of the module that say which nginx it is about.
INSTANCE = ("config_dir", "main", "binary", "prefix")

#: What these functions raise for a reason that a person can do something about.
ERRORS = (TreeError, NginxError, SandboxError, OSError)

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def instance_of(params: Params, job: Params) -> Instance:
    """The nginx that is running from this folder, else the one that would, and that one for files of no host.

    Raises:
        NginxError: there is none.
    """
    named = Instance(
        params["config_dir"], main=params["main"], binary=params["binary"] or None, prefix=params["prefix"] or None
    )
    master = None if _strange(job) else find_master(named)
    return master.instance(named) if master else named


def read(params: Params, job: Params) -> Result:
    """What nginx reads of each source: `dumps`, name -> the output of `nginx -T`, packed, or `refused` with its words.

    Raises:
        TreeError: a source is not there.
        NginxError: nginx cannot be asked.
    """
    instance = instance_of(params, job)
    dumps = {}
    with contextlib.closing(Trees(params["config_dir"], params["store"])) as trees:
        for name, spec in job["sources"].items():
            found = validate(instance, trees.folder(spec), dump=True)
            dumps[name] = {"refused": found.message} if found.dump is None else {"dump": _packed(found.dump)}
    build = instance.build()
    return {"dumps": dumps, "nginx_version": build.version, "modules": [*build.static_modules, *build.dynamic_modules]}


def run(params: Params, job: Params) -> Result:
    """The outcomes of the same probes with each source, in worlds that run at the same time: as `run_worlds`, packed.

    Raises:
        TreeError: a source is not there.
        NginxError: nginx cannot be asked.
    """
    instance = instance_of(params, job)
    reason = available()
    if reason:
        return {"worlds": {}, "unavailable": reason}
    with contextlib.closing(Trees(params["config_dir"], params["store"])) as trees:
        worlds = []
        for name, spec in job["sources"].items():
            folder = trees.folder(spec)
            worlds.append({"name": name, "tree": folder, "second": True})
            if job["again"] and name == "before":
                worlds.append({"name": "again", "tree": folder})
            if job["traced"].get(name):
                copy = trees.copy(folder)
                entries = job["traced"][name]
                write(copy, [entry for entry in entries if not entry[0].startswith("/")])
                replaced = {entry[0]: entry[3] for entry in entries if entry[0].startswith("/")}
                kept = {"second": True, "fields": ["id", "trace"], "replaced": replaced}
                worlds.append({"name": name + "-traced", "tree": copy, "trace": True, **kept})
        settings = {name: job[name] for name in ("probes", "listens", "edge")}
        return run_worlds(
            {
                **settings,
                "packed": True,
                "deadline": params["timeout"],
                "fs": _view(params, job),
                "instance": _arguments(instance),
                "worlds": worlds,
            }
        )


class Asker:
    """Asks probes of one folder after another, each in a world of its own."""

    def __init__(self, params: Params, job: Params) -> None:
        self._instance = instance_of(params, job)
        self._job = job
        self._fs = _view(params, job)
        self._end = time.monotonic() + params["timeout"]

    def __call__(self, folder: str, probes: t.List[t.Dict[str, t.Any]]) -> t.Optional[t.List[t.Dict[str, t.Any]]]:
        """The outcomes, None where nginx does not start with this folder.

        Raises:
            SandboxError: no world came about, or the time is up.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise SandboxError("the time for the search is up", "failed")
        try:
            with World(
                self._instance, folder, listens=self._job["listens"], edge=self._job["edge"], deadline=left, fs=self._fs
            ) as world:
                if self._job.get("create"):
                    world.create_files(self._job["create"])
                return world.probe(probes)
        except SandboxError as error:
            if error.kind == "refused":
                return None
            raise


def unpack(payload: t.Optional[str]) -> t.Dict[str, t.Any]:
    """What the action plugin ships: base64 of zlib of JSON.

    Raises:
        TreeError: it is something else.
    """
    try:
        value = json.loads(zlib.decompress(base64.b64decode(payload or "", validate=True)).decode("utf-8"))
    except (ValueError, zlib.error) as error:
        raise TreeError(
            f"what the controller sent cannot be read ({error}): run this module by its action plugin, as a task"
        ) from None
    if not isinstance(value, dict):
        raise TreeError("what the controller sent is no object")
    return value


def pack(value: t.Any) -> str:
    """The answer in the same form, since outcomes are many and alike."""
    return base64.b64encode(zlib.compress(json.dumps(value).encode("utf-8"))).decode("ascii")


def _packed(dump: bytes) -> str:
    return base64.b64encode(zlib.compress(dump)).decode("ascii")


def _view(params: Params, job: Params) -> str:
    return t.cast("str", params["fs"] or ("empty" if _strange(job) else "host"))


def _strange(job: Params) -> bool:
    # What machine the controller's files are for is not known: this one's nginx, pages and logs are not theirs.
    return all(spec["kind"] == "files" and spec["over"] is None for spec in job["sources"].values())


def _arguments(instance: Instance) -> Result:
    return {name: getattr(instance, name) for name in (*INSTANCE, "globals_")}
