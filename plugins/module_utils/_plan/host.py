# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's half of a comparison: read both configurations, and run them in private worlds."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from .._common.json_fields import FieldError, decode, encode
from .._common.packing import PackingError, pack, pack_bytes, unpack
from .._namespaces.namespaces import SandboxError
from .._nginx.instance import Instance, NginxError
from .._nginx.processes import find_master
from .._nginx.validate import validate
from .folders import Dump, FolderSpec, ReadAnswer, ReadJob
from .trees import TreeError, Trees

#: Errors of these functions whose reason a person can do something about.
ERRORS = (TreeError, NginxError, SandboxError, OSError)

T = t.TypeVar("T")


@dataclass
class HostOptions:
    """The options of a module that the host needs, as the module documents them.

    Attributes:
        timeout: seconds for all worlds.
        fs: "host" or "empty", see `World`; None: as the sources demand.
        limit: tests of a search, at most; None: any number.
    """

    config_dir: str
    main: str = "nginx.conf"
    store: str = "/var/lib/failsafe-nginx"
    binary: t.Optional[str] = None
    prefix: t.Optional[str] = None
    timeout: float = 300.0
    fs: t.Optional[str] = None
    limit: t.Optional[int] = None

    @classmethod
    def of(cls, params: t.Mapping[str, t.Any]) -> HostOptions:
        """Take them from a module's options."""
        names = ("config_dir", "main", "store", "binary", "prefix", "timeout", "fs")
        return cls(**{name: params[name] for name in names}, limit=params.get("limit"))


def find_instance(options: HostOptions, sources: t.Mapping[str, FolderSpec]) -> Instance:
    """Return the nginx that runs from this folder; one that would where none does, or the files are of no host.

    Raises:
        NginxError: there is none.
    """
    named = Instance(
        options.config_dir, main=options.main, binary=options.binary or None, prefix=options.prefix or None
    )
    master = None if _is_foreign(sources) else find_master(named)
    return master.instance(named) if master else named


def unpack_job(kind: t.Type[T], payload: t.Optional[str]) -> T:
    """Read the job that the action plugin packed.

    Raises:
        TreeError: it is something else.
    """
    try:
        return decode(kind, unpack(payload or ""))
    except (PackingError, FieldError) as error:
        raise TreeError(
            f"what the controller sent cannot be read ({error}): run this module by its action plugin, as a task"
        ) from None


def pack_answer(answer: object) -> str:
    """Write the answer for the action plugin."""
    return pack(encode(answer))


def view_of(options: HostOptions, sources: t.Mapping[str, FolderSpec]) -> str:
    """Return the files that a world shows of this host: `fs` of `World`."""
    return options.fs or ("empty" if _is_foreign(sources) else "host")


def _is_foreign(sources: t.Mapping[str, FolderSpec]) -> bool:
    # The controller's files are for a machine that is not known: this one's nginx, pages and logs say nothing about it.
    return all(spec.kind == "files" and spec.over is None for spec in sources.values())


def read(options: HostOptions, job: ReadJob) -> ReadAnswer:
    """Read each source with this host's nginx.

    Raises:
        TreeError: a source is not there.
        NginxError: nginx cannot be run.
    """
    instance = find_instance(options, job.sources)
    dumps = {}
    with contextlib.closing(Trees(options.config_dir, options.store)) as trees:
        for name, spec in job.sources.items():
            found = validate(instance, trees.folder(spec), dump=True)
            dumps[name] = Dump(refused=found.message) if found.dump is None else Dump(dump=pack_bytes(found.dump))
    build = instance.build()
    return ReadAnswer(dumps, build.version, [*build.static_modules, *build.dynamic_modules])
