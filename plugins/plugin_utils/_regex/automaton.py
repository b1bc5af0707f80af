# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

r"""Run a program over bytes as a deterministic automaton that is built only as far as it is used.

A thread is an instruction with obligations: the lookaheads that it passed and that later bytes have to decide. A state is the
set of all threads before their next byte. Since `\b`, `$` and lookarounds depend on the bytes on both sides of a place, threads
are followed up to that byte only when it is known.
"""

from __future__ import annotations

import typing as t

from . import byte_sets
from .nodes import AnchorKind, Pattern
from .program import Op, Program, compile_program

#: What stands before the present place.
_START, _NEWLINE, _WORD, _OTHER = range(4)
#: The byte that stands for the end of the subject.
END: t.Final = -1
_LINE_FEED: t.Final = 10


class Exhausted(Exception):  # noqa: N818 - a budget that is used up is no error
    """The steps that were allowed are used up."""


class Budget:
    """Count down the steps that a search may take; a step follows one thread to its next instruction."""

    def __init__(self, steps: int) -> None:
        self.allowed = steps
        self.left = steps

    @property
    def used(self) -> int:
        """Return the steps taken so far."""
        return self.allowed - self.left

    def spend(self, steps: int) -> None:
        """Take steps off.

        Raises:
            Exhausted: none are left.
        """
        self.left -= steps
        if self.left < 0:
            self.left = 0
            raise Exhausted


class Obligation(t.NamedTuple):
    """A lookahead that is not decided yet: one of the threads has to arrive, or none may (`negated`)."""

    negated: bool
    threads: frozenset[Thread]


class Thread(t.NamedTuple):
    """An instruction that may come next, and what else has to come true."""

    instruction: int
    obligations: frozenset[Obligation]


_FREE: t.Final[frozenset[Obligation]] = frozenset()
#: Instructions that no program has: pass a line feed, and arrive at the end of the subject.
_PASS_LINE_FEED, _ARRIVE_AT_END = -1, -2
#: The obligation of a "$" before a line feed.
_ENDS: t.Final = Obligation(negated=False, threads=frozenset((Thread(_PASS_LINE_FEED, _FREE),)))


class _State(t.NamedTuple):
    """The threads that are left after the bytes so far."""

    threads: frozenset[Thread]
    behinds: tuple[frozenset[Thread], ...]
    before: int


#: The number of the state that is reached once nothing can change the match any more.
MATCHED: t.Final = 0


class Automaton:
    """Match subjects as nginx does: a match may begin anywhere, unless the pattern is anchored.

    States are numbers; `start` is the first one.
    """

    def __init__(self, pattern: Pattern, budget: Budget) -> None:
        self.program: Program = compile_program(pattern)
        self._budget = budget
        self._budget.spend(len(self.program.code))
        nothing: frozenset[Thread] = frozenset()
        first = _State(nothing, (nothing,) * len(self.program.behinds), self._before(END))
        #: By number; that of `MATCHED` is never followed.
        self._states = [first, first]
        self._numbers = {first: 1}
        self._steps: list[dict[int, int]] = [{}, {}]
        self._ends: dict[int, bool] = {MATCHED: True}
        self.start = 1

    def step(self, state: int, byte: int) -> int:
        """Return the state after one more byte."""
        if state == MATCHED:
            return state
        found = self._steps[state].get(byte)
        if found is None:
            found = self._steps[state][byte] = self._step(state, byte)
        return found

    def accepts(self, state: int) -> bool:
        """Tell whether the subject matches that ends in this state."""
        found = self._ends.get(state)
        if found is None:
            found = self._ends[state] = self._place(state, END).main()[0]
        return found

    def matches(self, subject: bytes) -> bool:
        """Tell whether the pattern matches the subject."""
        state = self.start
        for byte in subject:
            state = self.step(state, byte)
        return self.accepts(state)

    def _step(self, state: int, byte: int) -> int:
        place = self._place(state, byte)
        matched, threads = place.main()
        if matched:
            return MATCHED
        following = _State(threads, place.behinds, self._before(byte))
        number = self._numbers.setdefault(following, len(self._states))
        if number == len(self._states):
            self._states.append(following)
            self._steps.append({})
        return number

    def _place(self, state: int, byte: int) -> _PlaceRun:
        return _PlaceRun(self.program, self._budget, self._states[state], byte)

    def _before(self, byte: int) -> int:
        if not self.program.sees_context:
            return _OTHER
        if byte == END:
            return _START
        if byte == _LINE_FEED:
            return _NEWLINE
        return _WORD if byte_sets.WORD >> byte & 1 else _OTHER


class _PlaceRun:
    """Follow threads at one place, between what is known before it and the byte after it."""

    def __init__(self, program: Program, budget: Budget, state: _State, byte: int) -> None:
        self._program = program
        self._code = program.code
        self._budget = budget
        self._state = state
        self._before = state.before
        self._byte = byte
        self._obligations: dict[Obligation, Obligation | bool] = {}
        self._holds: list[bool] = []
        behinds = []
        # An inner lookbehind has a lower index than the one around it.
        for first, threads in zip(program.behinds, state.behinds, strict=True):
            arrived, left = self.run(threads | self.begin(first), to_end=True)
            self._holds.append(arrived)
            behinds.append(left)
        self.behinds: tuple[frozenset[Thread], ...] = tuple(behinds)

    def main(self) -> tuple[bool, frozenset[Thread]]:
        """Follow the threads of the state and those that begin here, as `run()` does."""
        return self.run(self._state.threads | self.begin(self._program.start))

    def begin(self, start: int) -> frozenset[Thread]:
        """Return the threads that begin at an instruction."""
        return frozenset([Thread(each, _FREE) for each in self._program.heads(start)])

    def run(self, threads: frozenset[Thread], *, to_end: bool = False) -> tuple[bool, frozenset[Thread]]:
        """Follow threads over the byte.

        Returns:
            Whether one arrived here, and those that passed the byte; with `to_end` also when one arrived.
        """
        stack = list(threads)
        seen = set(stack)
        passed: set[Thread] = set()
        arrived = False
        self._budget.spend(len(stack))
        while stack:
            thread = stack.pop()
            for follower in self._follow(thread, passed):
                if follower is None:
                    arrived = True
                    if not to_end:
                        return True, frozenset()
                elif follower not in seen:
                    self._budget.spend(1)
                    seen.add(follower)
                    stack.append(follower)
        return arrived, frozenset(passed)

    def _follow(self, thread: Thread, passed: set[Thread]) -> t.Iterable[Thread | None]:
        """Return the threads that this one becomes before the byte, None for arrival; add what passes the byte."""
        pc, obligations = thread
        if pc == _PASS_LINE_FEED:
            passed.add(Thread(_ARRIVE_AT_END, _FREE))
            return ()
        if pc == _ARRIVE_AT_END:
            return (None,) if self._byte == END else ()
        op, operand, follow = self._code[pc]
        if op is Op.BYTE:
            if self._byte != END and operand >> self._byte & 1:
                kept = self._decide(obligations) if obligations else obligations
                if kept is not None:
                    passed.update([Thread(each, kept) for each in self._program.heads(follow)])
            return ()
        if op is Op.ACCEPT:
            return self._accept(thread, passed)
        if op is Op.ASSERT:
            holds, more = self._at_place(operand)
            obligations |= more
        elif op is Op.AHEAD:
            first, negated = operand
            holds = True
            obligations |= {Obligation(negated, self.begin(first))}
        else:
            index, negated = operand
            holds = self._holds[index] != negated
        return [Thread(each, obligations) for each in self._program.heads(follow)] if holds else ()

    def _accept(self, thread: Thread, passed: set[Thread]) -> t.Iterable[None]:
        kept = self._decide(thread.obligations)
        if kept is None:
            return ()
        if not kept:
            return (None,)
        passed.add(Thread(thread.instruction, kept))
        return ()

    def _decide(self, obligations: frozenset[Obligation]) -> frozenset[Obligation] | None:
        """Return the obligations that remain after the byte; None where one is broken."""
        kept = set()
        for obligation in obligations:
            result = self._obligations.get(obligation)
            if result is None:
                result = self._obligations[obligation] = self._decide_one(obligation)
            if result is False:
                return None
            if result is not True:
                kept.add(result)
        return frozenset(kept)

    def _decide_one(self, obligation: Obligation) -> Obligation | bool:
        arrived, left = self.run(obligation.threads)
        if arrived or not left:
            return arrived != obligation.negated
        return Obligation(obligation.negated, left)

    def _at_place(self, place: AnchorKind) -> tuple[bool, frozenset[Obligation]]:
        """Tell whether an anchor holds here, and what later bytes have to decide."""
        before, byte = self._before, self._byte
        if place is AnchorKind.FINAL and byte == _LINE_FEED:
            return True, frozenset((_ENDS,))
        if place is AnchorKind.START:
            holds = before == _START
        elif place in (AnchorKind.END, AnchorKind.FINAL):
            holds = byte == END
        elif place is AnchorKind.LINE_START:
            holds = before == _START or (before == _NEWLINE and byte != END)
        elif place is AnchorKind.LINE_END:
            holds = byte in (END, _LINE_FEED)
        else:
            word_after = byte != END and bool(byte_sets.WORD >> byte & 1)
            holds = ((before == _WORD) is not word_after) is (place is AnchorKind.WORD)
        return holds, _FREE
