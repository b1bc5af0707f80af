# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The project file in memory: suppressions by path and rule."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    import datetime as dt

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

#: The name of the project file in the folder that is linted.
NAME: t.Final = ".failsafe-lint.yml"
#: The most bytes that a project file may have.
LARGEST: t.Final = 1_000_000


@dataclass(frozen=True)
class SuppressionEntry:
    """One valid entry: findings of `rule` in files that match `path` are not reported up to and including `expires`."""

    rule: str
    path: str
    reason: str
    place: Place
    expires: dt.date | None = None


@dataclass
class Project:
    """One project file."""

    file: str
    text: str
    entries: list[SuppressionEntry] = field(default_factory=list)
    #: What is wrong with it: (place, message).
    faults: list[tuple[Place, str]] = field(default_factory=list)
    #: The path that findings of a dump have before the paths that entries name.
    config_dir: str = ""
    #: False where only one file of the folder is linted: then no entry can be called unused.
    whole: bool = True
