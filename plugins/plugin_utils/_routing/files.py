# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Assumptions on files that the configuration does not show.

A simulated request asks for something that does not exist, so paths with one of its made-up segments do not exist. Of
what the configuration itself names, the last segment decides: with an extension it is a file that exists, ending in
a slash it is a folder that exists, anything else is neither. docs/rules/try-files-cycle.md tells users so.
"""

from __future__ import annotations

import re
import typing as t

from .template import Part, parse_template

if t.TYPE_CHECKING:
    from .variables import State

#: What follows a page's name is no path on disk: /index.php/posts
_BELOW_FILE: t.Final = re.compile(r"\.(php|html?)/")
_ROOTS: t.Final = frozenset({"document_root", "realpath_root"})


def is_missing(path: str, missing: frozenset[str]) -> bool:
    """Tell whether a path contains a made-up segment, by itself or with an extension put behind it."""
    if not path.startswith("/") or _BELOW_FILE.search(path):
        # nginx puts a relative one right behind the root: /var/wwwindex.html
        return True
    return bool(missing) and any(
        segment in missing or any(segment.startswith(f"{name}.") for name in missing) for segment in path.split("/")
    )


def is_file(path: str, missing: frozenset[str]) -> bool:
    """Tell whether a path below the root is taken for an existing file."""
    return not is_missing(path, missing) and "." in path.rsplit("/", 1)[-1].strip(".")


def is_folder(path: str, missing: frozenset[str]) -> bool:
    """Tell whether a path below the root is taken for an existing folder."""
    return not is_missing(path, missing) and path.endswith("/")


def is_switch(template: str) -> bool:
    """Tell whether the path that an `if (-f ...)` tests is the same for every request."""
    return all(part.capture < 0 and (not part.variable or part.variable in _ROOTS) for part in parse_template(template))


def below_root(template: str, state: State) -> str | None:
    """Return the path below the root that an `if (-f ...)` tests; None when it is unknown, or does not depend on the request.

    A fixed file is a switch that operators put there and take away, such as `$document_root/maintenance.html`.
    """
    parts: list[Part] = []
    rooted = False
    for part in parse_template(template):
        if part.variable in _ROOTS:
            rooted = True
        elif part.variable == "request_filename":
            rooted = True
            parts.append(Part(variable="uri"))
        else:
            parts.append(part)
    depends = any(part.variable or part.capture >= 0 for part in parts)
    return state.join(parts) if rooted and depends else None
