# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The lines to paste that accept the groups for which a change is refused."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import GateFailure

#: The first line of a refusal, and the begin of the line with an entry of routes.yml.
REFUSED: t.Final = "The change would break requests; nothing was changed."
ROUTES_LINE: t.Final = "    routes.yml:"
#: Days until which the proposed entry of routes.yml counts.
_DAYS: t.Final = 30


def keys_of(guilty: Iterable[GateFailure]) -> list[str]:
    """Return the keys of the groups for which a change is refused, in the order of the report."""
    groups = (each.reason for each in guilty if isinstance(each.reason, BehaviourChange))
    return list(dict.fromkeys(group.key for group in groups if group.key))


def variable_line(keys: Sequence[str]) -> str:
    """Return the option of ansible-playbook that accepts these keys."""
    return f"-e nginx_deploy_accept={','.join(keys)}"


def brief_refusal(guilty: Sequence[GateFailure], given: Sequence[str]) -> str:
    """Return a refusal in one line and, where keys accept it, the line to paste; what stops is told elsewhere.

    It has no word of one host, so hosts that are refused for the same groups have the same text.
    """
    classes = Counter(each.name for each in guilty if isinstance(each.reason, BehaviourChange))
    number, others = classes.total(), len(guilty) - classes.total()
    stops = []
    if number:
        listed = ", ".join(f"{count} {name}" for name, count in classes.items())
        stops.append(f"{counted(number, 'group')} {'stops' if number == 1 else 'stop'} ({listed})")
    if others:
        stops.append(f"{counted(others, 'reason')} {'stops' if others == 1 else 'stop'} that no key accepts")
    keys = keys_of(guilty)
    paste = [f"If all of this is meant: {variable_line(list(dict.fromkeys([*given, *keys])))}"] if keys else []
    return "\n".join([f"{REFUSED} {' and '.join(stops)}; see what changes for clients.", *paste])


def accept_lines(
    guilty: Sequence[GateFailure], given: Sequence[str], *, deploys: bool, today: dt.date | None = None
) -> list[str]:
    """Return what to do about a refusal: entries to paste, the shortest last; nothing where no group is guilty.

    Args:
        guilty: why the change is refused.
        given: the keys that the task was given. An extra variable replaces them, so the line has them too.
        deploys: the task belongs to a playbook of this collection, which takes the variable; else the option is shown.
        today: the day to count from. Default: today, in UTC.
    """
    keys = keys_of(guilty)
    if not keys:
        return []
    until = (today or dt.datetime.now(tz=dt.UTC).date()) + dt.timedelta(days=_DAYS)
    listed = ", ".join(keys)
    meant = "this is" if len(keys) == 1 else f"these {len(keys)} groups are"
    lines = [f"If {meant} meant, accept exactly that:"]
    others = sum(not isinstance(each.reason, BehaviourChange) for each in guilty)
    if others:
        lines[0] = f"{counted(others, 'reason')} above cannot be accepted. The rest, if it is meant:"
    lines.append(f"{ROUTES_LINE}  accept: [{{key: [{listed}], until: {until}, reason: ...}}]")
    everything = list(dict.fromkeys([*given, *keys]))
    if deploys:
        return [*lines, f"    this run:    {variable_line(everything)}"]
    return [*lines, f"    this task:   accept: [{', '.join(everything)}]"]
