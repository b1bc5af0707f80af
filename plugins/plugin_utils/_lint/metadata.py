# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Name, version and rule pages of the linter."""

from __future__ import annotations

import os
import typing as t

from . import registry
from .errors import LintError

NAME: t.Final = "failsafe-lint"
#: The collection's version, that of galaxy.yml.
VERSION: t.Final = "0.1.0"
HOME: t.Final = "https://example.invalid/failsafe/nginx"
#: The collection's folder, or what stands for it in the Python package.
_ROOT: t.Final = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


def page_url(rule: str) -> str:
    """Return the web address of a rule's page."""
    return f"{HOME}/docs/rules/{rule}.md"


def page(rule: str) -> str:
    """Read a rule's page in Markdown: what nginx does, why it breaks, a bad and a good example.

    Raises:
        LintError: there is no such rule, or the pages are not installed.
    """
    if rule not in registry.MODULES:
        raise LintError(registry.no_such_rule(rule))
    path = os.path.join(_ROOT, "docs", "rules", f"{rule}.md")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        msg = f"the page of {rule} cannot be read: {error}; it is at {page_url(rule)}"
        raise LintError(msg) from error
