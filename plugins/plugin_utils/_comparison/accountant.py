# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From probes and groups to the account of every change."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import (
    Answer,
    ByRequest,
    ChangedDirective,
    Invisible,
    Unexercised,
    is_decisive,
    sight_of_change,
)

from .accounting import AccountedGroup, ChangeAccount
from .exercises import Exercise, Exercises, has_need
from .probe_requests import SENT_AGAIN

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Need, Sight

    from .accounting import State
    from .attribution import SemanticChange, SemanticDiff
    from .coverage import ReachedBlocks
    from .exercises import Wanted
    from .report import BehaviourChange

#: A directive before and after.
Pair = tuple["Directive | None", "Directive | None"]

#: Blocks that requests end in.
_BLOCKS: t.Final = frozenset({"http", "server", "location", "if"})
_WHOLE: t.Final = frozenset({"added", "removed", "moved"})
_UNTRACED: t.Final = "blocks were not traced"
_APPROXIMATE: t.Final = "requests reach it, but show only approximately what a client gets"
_UNASKED: t.Final[dict[Need, str]] = {
    "passed": "no request passes a block where it holds",
    "peer": "no request is passed to it",
}
_NOWHERE: t.Final = "no request ends in a block where it holds"
#: The reasons where requests end in such a block.
_SHORT: t.Final[dict[Need | None, str]] = {
    "success": "no request that ends where it holds gets a status for which nginx adds headers",
    "upstream": "no request that ends where it holds is passed on",
    "file": "no request that ends where it holds looks for a file",
    "fresh": "no request that ends where it holds has a copy of the very time",
    "redirect": "no request that ends where it holds is redirected by nginx",
    "listing": "no request is for a folder without an index page",
}
_CERTIFICATE: t.Final = ("ssl_certificate", "ssl_certificate_key")
_NOT_HERE: t.Final = "its certificate is not on this host, a self-signed one stood for it"
_IN_BLOCK: t.Final = "no request ends in it"


@dataclass(frozen=True)
class Witnessed:
    """The witnesses of a plan.

    Attributes:
        probes: number of a change -> the ids of the probes that are its witnesses.
        reasons: number of a change -> why there are none.
    """

    probes: Mapping[int, Sequence[str]] = field(default_factory=dict)
    reasons: Mapping[int, str] = field(default_factory=dict)

    def by_probe(self) -> dict[str, tuple[int, ...]]:
        """Return id of a probe -> the numbers of the changes that it is a witness of."""
        found: dict[str, list[int]] = defaultdict(list)
        for number, probes in self.probes.items():
            for probe in probes:
                found[probe].append(number)
        return {probe: tuple(numbers) for probe, numbers in found.items()}


class _Finding(t.NamedTuple):
    """The account of one directive: of a change there are several where a snippet is included several times."""

    state: State
    groups: tuple[AccountedGroup, ...] = ()
    witnesses: tuple[str, ...] = ()
    kind: str = ""
    reason: str = ""


class Accountant:
    """Makes the accounts of one comparison.

    Args:
        diff: the semantic diff.
        probes: all requests.
        reached: the blocks that they passed, before and after.
        changed: indexes of the probes whose outcome is another one.
        groups: the groups of changed requests, accepted ones included.
        witnessed: the witnesses of the plan.
    """

    def __init__(
        self,
        diff: SemanticDiff,
        probes: Sequence[Probe],
        reached: tuple[ReachedBlocks, ReachedBlocks],
        *,
        changed: frozenset[int],
        groups: Sequence[BehaviourChange],
        witnessed: Witnessed,
    ) -> None:
        self._diff = diff
        self._probes = probes
        self._reached = reached
        self._changed = changed
        self._witnessed = witnessed
        self._indexes = {probe.id: index for index, probe in enumerate(probes)}
        self._by_cause: dict[int, list[AccountedGroup]] = defaultdict(list)
        self._by_probe: dict[str, list[AccountedGroup]] = defaultdict(list)
        for group in groups:
            label = AccountedGroup(group.name, group.server, group.where)
            for cause in group.causes:
                self._by_cause[id(cause)].append(label)
            for probe in group.probes:
                self._by_probe[probe].append(label)
        self._found: dict[Wanted, Exercise] = {}

    def accounts(self) -> list[ChangeAccount]:
        """Return the account of every change but the cosmetic ones, in the order of the diff."""
        told = [(number, each) for number, each in enumerate(self._diff.changes) if each.risk != "cosmetic"]
        self._exercise([(number, each) for number, each in told if id(each) not in self._by_cause])
        return [self._account(number, change) for number, change in told]

    def _exercise(self, changes: Iterable[tuple[int, SemanticChange]]) -> None:
        exercises = [Exercises(reached, self._probes, self._changed) for reached in self._reached]
        for number, change in changes:
            for position, pair in enumerate(change.directives):
                need = _need(change, pair)
                for side, directive in zip(exercises, pair, strict=True):
                    if directive is not None and need is not None:
                        _want(side, (number, position), directive, need)
        for side in exercises:
            side.collect(self._found)

    def _account(self, number: int, change: SemanticChange) -> ChangeAccount:
        groups = self._by_cause.get(id(change))
        if groups:
            return ChangeAccount(number, change, "shown", _once(groups), tuple(self._witnessed.probes.get(number, ())))
        findings = [self._finding(number, place, change, pair) for place, pair in enumerate(change.directives)]
        return ChangeAccount(number, change, *_joined(findings))

    def _finding(self, number: int, position: int, change: SemanticChange, pair: Pair) -> _Finding:
        sight = sight_of_change(*pair)
        if isinstance(sight, Invisible):
            return _Finding("not-visible", kind=sight.kind, reason=sight.reason)
        exercise = self._found.get((number, position), Exercise())
        if sight.maker or _is_by_request(sight, pair):
            self._add_witnesses(number, exercise, _need_of(sight), proves=self._proves(number, sight, pair))
        changed = _once(group for index in sorted(exercise.changed) for group in self._groups(index))
        if changed and (not exercise.unchanged or not _is_everywhere(change, sight, pair)):
            return _Finding("shown", changed, self._ids(exercise.changed))
        if exercise.unchanged and self._stands_in(pair, exercise.unchanged):
            return _Finding("not-exercised", reason=_NOT_HERE)
        if exercise.unchanged:
            return _Finding("without-effect", (), self._ids(exercise.unchanged))
        reason = _APPROXIMATE if exercise.approximate else self._reason(number, change, pair, sight)
        if exercise.short:
            reason = _SHORT.get(_need(change, pair) or _need_of(sight), reason)
        return _Finding("not-exercised", reason=reason)

    def _stands_in(self, pair: Pair, indexes: Iterable[int]) -> bool:
        """Return True for a change of a certificate that a self-signed one stood for in a private world."""
        if not any(each is not None and each.name in _CERTIFICATE for each in pair):
            return False
        facts = (side.side.outcomes[index].tls for index in indexes for side in self._reached)
        return any(each is not None and each.certificate is None for each in facts)

    def _proves(self, number: int, sight: Sight, pair: Pair) -> bool:
        """Return True if the probes that were made for a change prove that it has no effect where they did not change."""
        if isinstance(sight, Answer) and _is_decisive(pair):
            return True
        return not isinstance(sight, Unexercised) and number not in self._witnessed.reasons

    def _add_witnesses(self, number: int, exercise: Exercise, need: Need, *, proves: bool) -> None:
        """Add the probes that were made for a change; those that prove nothing count only where they changed.

        Args:
            number: of the change.
            exercise: takes them.
            need: what the outcome before or after must have where both are the same.
            proves: False where no request proves that the change has no effect.
        """
        for probe in self._witnessed.probes.get(number, ()):
            for index in map(self._indexes.get, (probe, *(probe + end for end in SENT_AGAIN))):
                if index is None:
                    continue
                if index in self._changed:
                    exercise.changed.add(index)
                elif not proves:
                    continue
                elif not any(has_need(need, side.side.outcomes[index], self._probes[index]) for side in self._reached):
                    exercise.short = True
                elif any(index in side.unstable or side.reasons(index) for side in self._reached):
                    exercise.approximate = True
                else:
                    exercise.unchanged.add(index)

    def _groups(self, index: int) -> list[AccountedGroup]:
        return self._by_probe.get(self._probes[index].id, [])

    def _ids(self, indexes: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._probes[index].id for index in sorted(indexes))

    def _reason(self, number: int, change: SemanticChange, pair: Pair, sight: Sight) -> str:
        if isinstance(sight, Unexercised):
            return sight.reason
        need = _need(change, pair)
        if need not in (None, "peer") and not all(side.side.is_traced for side in self._reached):
            return _UNTRACED
        if _is_by_request(sight, pair) or need is None:
            return self._witnessed.reasons.get(number, "no request was found for it")
        return _IN_BLOCK if _is_whole(change, pair) else _UNASKED.get(need, _NOWHERE)


def _need_of(sight: Sight) -> Need:
    return sight.need if isinstance(sight, (Answer, ByRequest)) else "any"


def _is_whole(change: SemanticChange, pair: Pair) -> bool:
    """Return True if a block that requests end in came, went or moved with all that is in it."""
    return change.kind in _WHOLE and any(
        each is not None and each.name in _BLOCKS and each.block is not None for each in pair
    )


def _is_by_request(sight: Sight, pair: Pair) -> bool:
    """Return True if only a request that was made for a change exercises it."""
    if isinstance(sight, Answer):
        return sight.need == "redirect" or not _is_decisive(pair)
    return isinstance(sight, ByRequest)


def _is_everywhere(change: SemanticChange, sight: Sight, pair: Pair) -> bool:
    """Return True if one unchanged request proves that the changed ones are so for another reason."""
    return isinstance(sight, Answer) and _is_decisive(pair) and not _is_whole(change, pair)


def _is_decisive(pair: Pair) -> bool:
    return is_decisive(ChangedDirective(0, *pair))


def _need(change: SemanticChange, pair: Pair) -> Need | None:
    """Return what a probe on the way of a change needs to exercise it; None where only a request made for it does."""
    if _is_whole(change, pair):
        return "any"
    sight = sight_of_change(*pair)
    if not isinstance(sight, Answer) or sight.need == "redirect" or not _is_decisive(pair):
        return None
    return sight.need


def _want(side: Exercises, wanted: Wanted, directive: Directive, need: Need) -> None:
    if need == "peer":
        upstream = directive if directive.name == "upstream" else directive.parent
        if upstream is not None:
            side.want_upstream(wanted, upstream)
    elif directive.block is not None:
        side.want_block(wanted, directive)
    else:
        side.want(wanted, directive, need)


def _joined(findings: Sequence[_Finding]) -> _Finding:
    """Return the account of a change: shown anywhere, or else as badly exercised as in the worst of its places."""
    shown = [each for each in findings if each.state == "shown"]
    if shown:
        return _Finding("shown", _once(group for each in shown for group in each.groups), shown[0].witnesses)
    missing = [each for each in findings if each.state == "not-exercised"]
    if missing and len(findings) > 1:
        return missing[0]._replace(reason=f"{missing[0].reason} in {len(missing)} of {len(findings)} places")
    return missing[0] if missing else findings[0]


def _once(groups: Iterable[AccountedGroup]) -> tuple[AccountedGroup, ...]:
    return tuple(dict.fromkeys(groups))
