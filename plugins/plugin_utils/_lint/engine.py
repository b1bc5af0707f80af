# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Run the rules over a configuration."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused

from . import registry
from .analysis.suppressions import suppressions
from .context import Context
from .errors import LintError
from .target import Target

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config

    from .finding import Finding
    from .suppression.project import Project

#: The rules on suppressions, which need the findings of all others.
_LAST: t.Final = registry.FAMILIES["suppressions"]


@collector_paused()
def lint(
    config: Config,
    *,
    ignore: Collection[str] = (),
    target: Target | None = None,
    project: Project | None = None,
) -> list[Finding]:
    """Run the rules over a configuration; return the findings sorted by file, line and rule.

    Args:
        config: a loaded configuration, whatever is wrong with it.
        ignore: ids of rules that are left out.
        target: the nginx that it is for; rules about other versions are left out.
        project: suppressions out of a project file.

    Raises:
        LintError: `ignore` names an unknown rule, or one about input that could not be read.
    """
    target = target or Target()
    for rule in ignore:
        if registry.rule(rule).unreadable:
            msg = f"{rule} cannot be ignored: what was not read was not checked"
            raise LintError(msg)
    silent = set(ignore)
    if target.version is not None:
        silent.update(rule for rule in registry.MODULES if not registry.rule(rule).applies(target))
    context = Context(config, target, project=project, silent=silent)
    kept = _check(context, (rule for rule in registry.MODULES if rule not in _LAST))
    for source in suppressions(context):
        kept = source.keep(kept)
    # A snippet that is included twice says the same thing once.
    unique = dict.fromkeys(kept)
    unique.update(dict.fromkeys(_check(context, _LAST)))
    return sorted(
        unique, key=lambda finding: (finding.file, finding.line, finding.rule, finding.column, finding.message)
    )


def _check(context: Context, rules: Iterable[str]) -> Iterator[Finding]:
    for module in registry.modules(rule for rule in rules if rule not in context.silent):
        yield from module.check(context)
