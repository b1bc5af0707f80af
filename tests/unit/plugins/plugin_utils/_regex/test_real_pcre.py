# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real nginx refuses what the parser refuses, and matches what the automata match.

Each round prints its seed; `FAILSAFE_SEED` repeats one, `FAILSAFE_SOAK=1` runs many.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import RegexError, byte_sets, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import Proven, Witness, matches, witness
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._regex.random_pattern import RandomPattern
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils.real_nginx import RealNginx

pytestmark = pytest.mark.nginx
SOAK = bool(os.environ.get("FAILSAFE_SOAK"))
ROUNDS = 60 if SOAK else 1
PATTERNS, SUBJECTS, REFUSALS = (400, 150, 400) if SOAK else (300, 80, 120)
STEPS = 20_000
#: Without its optimisations PCRE does what its documentation says; with them 10.42 errs here and there.
PLAIN = "(*NO_START_OPT)(*NO_AUTO_POSSESS)"
REQUEST_BYTES = byte_sets.invert(byte_sets.of(b"\0/."))


@dataclass(frozen=True)
class Candidate:
    source: str
    caseless: bool

    def directive(self, variable: str, options: str = "") -> str:
        text = self.source.replace("\\", "\\\\").replace('"', '\\"')
        return f'map $uri ${variable} {{ "~{"*" if self.caseless else ""}{options}{text}" y; default n; }}\n'


def seed_of(number: int) -> int:
    """The seed of a round: a new one, or the given one and those behind it."""
    given = os.environ.get("FAILSAFE_SEED")
    return int(given) + number if given else random.SystemRandom().randrange(10**9)


def usable(subject: bytes) -> bool:
    """Whether nginx leaves the path as it is."""
    return subject.startswith(b"/") and b"\0" not in subject and not re.search(rb"/\.{1,2}(/|$)", subject)


def block(candidates: list[Candidate], options: str = "") -> str:
    maps = "".join(each.directive(f"match{index}", options) for index, each in enumerate(candidates))
    fields = "".join(f"$match{index}," for index in range(len(candidates)))
    server = (
        f'server {{ listen 80; merge_slashes off; location / {{ default_type text/plain; return 200 "{fields}"; }} }}'
    )
    return f"variables_hash_max_size 8192;\n{maps}{server}"


def refusal(folder: Path, candidate: Candidate) -> str:
    """What nginx has against a pattern; empty where it takes it."""
    path = folder / "one.conf"
    path.write_text(
        f"pid {folder}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n{candidate.directive('m')}\n}}\n"
    )
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    run = subprocess.run(
        [binary, "-t", "-p", str(folder), "-c", str(path)], capture_output=True, timeout=60, check=False, env={}
    )
    if run.returncode == 0:
        return ""
    error = run.stderr.decode(errors="replace")
    return error if "pcre2_compile() failed" in error or "pcre_compile() failed" in error else ""


def accepted(candidate: Candidate) -> t.Any:
    try:
        return parse(candidate.source, caseless=candidate.caseless)
    except RegexError:
        return None


def ask(nginx: t.Any, subject: bytes) -> list[str]:
    answer = nginx.get(f"http://a.test{quote_from_bytes(subject)}")
    assert answer.status == 200, (subject, answer)
    return str(answer.body).split(",")


class Round:
    """Patterns of one seed, what nginx and the automata make of them, and where that differs."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.folder = folder
        self.generator = RandomPattern(random.Random(seed))  # noqa: S311 - patterns, no secrets
        self.mismatches: list[tuple[Candidate, bytes, bool]] = []
        self.comparisons = 0
        self.witnesses = 0
        self.proofs = 0

    def refusals(self, count: int) -> list[str]:
        """Soups that nginx and the parser judge differently."""
        found = []
        for _unused in range(count):
            candidate = Candidate(self.generator.soup(), caseless=False)
            if candidate.source.startswith("*"):
                continue
            pattern = accepted(candidate)
            error = refusal(self.folder, candidate)
            if bool(error) is (pattern is not None) and not (pattern and pattern.version_dependent):
                found.append(f"{candidate.source!r}: nginx {error!r}, parser {pattern}")
        return found

    def candidates(self, count: int) -> list[Candidate]:
        found = []
        while len(found) < count:
            candidate = Candidate(self.generator.sensible(), caseless=self.generator.random.random() < 0.2)
            pattern = accepted(candidate)
            if pattern and not pattern.not_regular and not pattern.version_dependent:
                found.append(candidate)
        return found

    def compare(self, nginx: t.Any, candidates: list[Candidate], subjects: t.Iterable[bytes]) -> None:
        patterns = [accepted(each) for each in candidates]
        for subject in subjects:
            for candidate, pattern, said in zip(candidates, patterns, ask(nginx, subject), strict=False):
                own = matches(pattern, subject, steps=STEPS)
                if own is None or not said:
                    continue
                self.comparisons += 1
                if own is not (said == "y"):
                    self.mismatches.append((candidate, subject, own))

    def pairs(self, nginx: t.Any, candidates: list[Candidate], subjects: list[bytes]) -> list[str]:
        """Witnesses that are none for nginx, and proofs that a subject contradicts."""
        wrong = []
        answers = [ask(nginx, subject) for subject in subjects]
        for index in range(len(candidates) - 1):
            first, second = (accepted(candidates[each]) for each in (index, index + 1))
            result = witness(
                matched_by=(first,), not_matched_by=(second,), prefix=b"/", alphabet=REQUEST_BYTES, steps=STEPS
            )
            if isinstance(result, Witness):
                self.witnesses += 1
                said = ask(nginx, result.text)
                if (
                    said[index : index + 2] != ["y", "n"]
                    and (candidates[index], result.text, True) not in self.mismatches
                ):
                    wrong.append(f"{candidates[index : index + 2]}: {result} is none, {said[index : index + 2]}")
            elif isinstance(result, Proven):
                self.proofs += 1
                wrong += [
                    f"{candidates[index : index + 2]}: {subject!r} contradicts {result}"
                    for subject, said in zip(subjects, answers, strict=True)
                    if said[index : index + 2] == ["y", "n"] and not set(subject[1:]) & set(b"\0/.")
                ]
        return wrong


def start(folder: Path, text: str) -> RealNginx:
    folder.mkdir()
    return RealNginx(folder, text)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_nginx_agrees(number: int, tmp_path: Path) -> None:
    seed = seed_of(number)
    sys.stdout.write(f"FAILSAFE_SEED={seed}\n")
    current = Round(seed, tmp_path)
    assert current.refusals(REFUSALS) == []
    candidates = current.candidates(PATTERNS)
    subjects = [subject for _unused in range(SUBJECTS) if usable(subject := current.generator.subject())]
    with start(tmp_path / "as-it-is", block(candidates)) as nginx:
        current.compare(nginx, candidates, subjects)
        wrong = current.pairs(nginx, candidates, subjects)
    doubtful = current.mismatches
    if doubtful or wrong:
        current.mismatches = []
        with start(tmp_path / "plain", block(candidates, PLAIN)) as nginx:
            current.compare(nginx, candidates, subjects)
            wrong = current.pairs(nginx, candidates, subjects)
    sys.stdout.write(
        f"{current.comparisons} comparisons, {current.witnesses} witnesses, {current.proofs} proofs, "
        f"{len(doubtful)} times PCRE's optimisations disagree with its documentation\n"
    )
    assert current.mismatches == []
    assert wrong == []
    assert len(doubtful) * 500 <= current.comparisons
    assert current.comparisons > PATTERNS * SUBJECTS // 3
    assert current.witnesses
    assert current.proofs


#: Where nginx compiles a pattern.
PLACES = {
    "location": 'server {{ listen 80; location ~ "{}" {{ return 204; }} }}',
    "if": 'server {{ listen 80; if ($arg_x ~ "{}") {{ return 204; }} }}',
    "rewrite": 'server {{ listen 80; rewrite "{}" /x; }}',
    "server_name": 'server {{ listen 80; server_name "~{}"; }}',
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("source", "valid"), [("^/(?<id>[0-9]+)$", True), ("^/(?<id>[0-9]+$", False), ("a**", False)])
def test_every_place_of_a_pattern_is_judged_alike(tmp_path: Path, place: str, source: str, *, valid: bool) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; {PLACES[place].format(source)} }}\n"
    )
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    run = subprocess.run([binary, "-t", "-p", str(tmp_path), "-c", str(path)], capture_output=True, check=False, env={})
    assert ("compile() failed" not in run.stderr.decode()) is valid
    assert (accepted(Candidate(source, caseless=False)) is not None) is valid
