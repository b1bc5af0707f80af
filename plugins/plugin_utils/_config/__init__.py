# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""nginx configuration as one tree: see model.py for what crosses to other rooms."""

from __future__ import annotations

from ._loader import config_folder, load_dump, load_files, load_path, load_text
from ._snippets import parse_context
from .model import Comment, Config, ConfigError, Directive, Place, Problem, ProblemKind, flatten, walk

__all__ = [
    "Comment",
    "Config",
    "ConfigError",
    "Directive",
    "Place",
    "Problem",
    "ProblemKind",
    "config_folder",
    "flatten",
    "load_dump",
    "load_files",
    "load_path",
    "load_text",
    "parse_context",
    "walk",
]
