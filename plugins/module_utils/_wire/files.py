# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about files that are made up in private worlds."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field


@dataclass
class MadeFile:
    """A file that a configuration looks for, and that is made up where the world has none.

    Attributes:
        path: absolute, or relative to nginx's prefix.
        named: the configuration names it, whatever the request: an index, a fallback, an error page.
        before: the old configuration looks for it.
        probes: positions of the probes on whose way it is.
    """

    path: str
    named: bool
    before: bool
    probes: t.List[int] = field(default_factory=list)


@dataclass
class FileStage:
    """Files that are made at one moment, and the probes that are sent then.

    Attributes:
        name: `named`, or `requested`.
        files: with absolute paths; those of earlier stages are still there.
        probes: positions of the probes on whose way one of them is.
    """

    name: str
    files: t.List[MadeFile]
    probes: t.List[int]


@dataclass
class MadeFiles:
    """The files of all worlds of one answer.

    Attributes:
        first: files that are there from the beginning.
        stages: what follows once all probes were sent.
    """

    first: t.List[MadeFile] = field(default_factory=list)
    stages: t.List[FileStage] = field(default_factory=list)
