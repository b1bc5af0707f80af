# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Runs the rules over a configuration."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused

from . import registry, suppression
from .context import Context
from .errors import LintError

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config

    from .finding import Finding, Rule
    from .project import Project
    from .target import Target

RULES: t.Final[dict[str, Rule]] = registry.load_all()


@collector_paused()
def lint(
    config: Config,
    *,
    ignore: Collection[str] = (),
    target: Target | None = None,
    project: Project | None = None,
) -> list[Finding]:
    """Everything there is to say about a configuration, sorted by file, line and rule.

    Args:
        config: a loaded configuration, whatever is wrong with it.
        ignore: ids of rules that are left out.
        target: the nginx that it is for; rules about other versions are left out.
        project: suppressions out of a project file.

    Raises:
        LintError: `ignore` names an unknown rule, or one about input that could not be read.
    """
    for rule in ignore:
        if rule not in RULES:
            raise LintError(registry.no_such_rule(rule))
        if RULES[rule].unreadable:
            msg = f"{rule} cannot be ignored: what was not read was not checked"
            raise LintError(msg)
    context = Context(config, target)
    silent = {*ignore, *(rule.id for rule in RULES.values() if not rule.applies(context.target))}
    found = _found(context, silent)
    # Whether a comment is of use is certain only where everything was given.
    editor = None if config.partial else context.editor
    kept = suppression.apply(found, config.comments, RULES, silent, editor)
    if project is not None:
        kept = project.apply(kept, config.texts, RULES, ignored=silent, partial=config.partial)
    # A snippet that is included twice says the same thing once.
    unique = dict.fromkeys(finding for finding in kept if finding.rule not in silent)
    return sorted(
        unique, key=lambda finding: (finding.file, finding.line, finding.rule, finding.column, finding.message)
    )


def _found(context: Context, silent: Collection[str]) -> Iterator[Finding]:
    for rule in registry.MODULES:
        if rule not in silent:
            yield from registry.module(rule).check(context)
