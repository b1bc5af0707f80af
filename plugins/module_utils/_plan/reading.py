# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reading configuration folders with the nginx of this host."""

from __future__ import annotations

import contextlib

from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack_bytes
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.validate import validate

from .folders import Dump, ReadAnswer, ReadJob
from .host import HostOptions, find_instance
from .trees import Trees


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
