# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on what could not be read: nothing may be judged fine that was not understood."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import ProblemKind

    from .context import Context
    from .finding import Finding


def _error(rule: str, summary: str) -> Rule:
    return Rule(rule, "error", summary, unreadable=True)


BY_KIND: t.Final[dict[ProblemKind, Rule]] = {
    "syntax": _error("syntax-error", "The file is not in nginx's grammar"),
    "include-missing": _error("include-missing", "An included file does not exist"),
    "include-cycle": _error("include-cycle", "A file includes itself, directly or through others"),
    "unreadable": _error("file-unreadable", "A file cannot be read"),
    "encoding": _error("file-encoding", "A file is not UTF-8 text"),
    "context": _error("wrong-context", "A directive stands where nginx does not allow it"),
    "arguments": _error("wrong-arguments", "A directive has arguments that nginx does not accept"),
    "unresolved": _error("include-unresolved", "What an include stands for cannot be seen from here"),
    "unknown-directive": Rule("unknown-directive", "advice", "A directive of a third-party or newer module"),
}
RULES: t.Final = tuple(BY_KIND.values())


def check(context: Context) -> Iterator[Finding]:
    """The loader's problems, and `listen` addresses that nginx would refuse."""
    for problem in context.config.problems:
        places = [related(message, place) for message, place in problem.related]
        yield BY_KIND[problem.kind].at(problem.place, problem.message, places)
    for server in context.router.servers:
        for directive, message in server.unreadable:
            place = Place(directive.file, directive.line, directive.column)
            yield BY_KIND["arguments"].at(place, message)
