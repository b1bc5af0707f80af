# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what the scenarios told with each ansible-core, and their table in the docs.

Usage: compare.py WORK [--write]

WORK has a folder for each version, with pytest's junit.xml and runs.jsonl, a line for each run of a playbook over
scripted hosts.
"""

from __future__ import annotations

import json
import signal
import sys
import typing as t
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "compatibility.md"
VERSIONS = ROOT / "requirements" / "matrix.txt"
BEGIN, END = "<!-- written by make matrix -->\n", "<!-- end -->\n"

Runs = dict[str, list[dict[str, t.Any]]]


class Scenario(t.NamedTuple):
    """The tests of a scenario: how many passed, and which they are."""

    passed: int
    tests: list[str]


def versions() -> dict[str, str]:
    """Version -> where it is run."""
    lines = [line.split() for line in VERSIONS.read_text().splitlines() if not line.startswith("#")]
    return {version: f"Debian {suite}" if suite != "-" else "" for version, suite in lines}


def scenarios(folder: Path) -> dict[str, Scenario]:
    """Scenario -> its tests."""
    found: dict[str, Scenario] = {}
    for case in ET.parse(folder / "junit.xml").iter("testcase"):  # noqa: S314 - our own pytest wrote it
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        good = not {child.tag for child in case} & {"failure", "error", "skipped"}
        for each in case.iter("property"):
            if each.get("name") == "scenario":
                passed, tests = found.get(each.get("value", ""), Scenario(0, []))
                found[each.get("value", "")] = Scenario(passed + good, [*tests, test])
    return found


def runs(folder: Path) -> Runs:
    """Test -> what each of its runs told."""
    found: Runs = {}
    for line in (folder / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        found.setdefault(run.pop("test"), []).append(run)
    return found


def table(told: dict[str, dict[str, Scenario]], ran: dict[str, Runs]) -> str:
    """The table of the docs."""
    rows = sorted({name for scenarios in told.values() for name in scenarios})
    head = ["scenario", *(f"{version} {place}".strip() for version, place in versions().items())]
    lines = [head, ["---"] * len(head)]
    lines += [[name, *(_cell(told[version].get(name), ran[version]) for version in versions())] for name in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(scenario: Scenario | None, ran: Runs) -> str:
    if scenario is None or scenario.passed < len(scenario.tests):
        return "FAILED"
    statuses = sorted({run["rc"] for test in scenario.tests for run in ran.get(test, ())}, reverse=True)
    # Python tells a signal that ended a process as a negative number.
    told = [signal.Signals(-status).name if status < 0 else f"exit {status}" for status in statuses]
    return ", ".join(["same", *told])


def differences(ran: dict[str, Runs]) -> list[str]:
    """What one version told otherwise than the first one; statuses other than 0 may differ, and stand in the table."""
    first, *others = ran
    wrong = []
    for other in others:
        for test in sorted({*ran[first], *ran[other]}):
            one, two = (
                [{**run, "rc": run["rc"] != 0} for run in ran[version].get(test, ())] for version in (first, other)
            )
            if one != two:
                wrong.append(f"{test}: {first} told {ran[first].get(test)}, {other} {ran[other].get(test)}")
    return wrong


def main() -> int:
    """Compare; 1 for a difference."""
    work, write = Path(sys.argv[1]), "--write" in sys.argv[2:]
    missing = [
        version
        for version in versions()
        if not all((work / version / name).exists() for name in ("junit.xml", "runs.jsonl"))
    ]
    if missing:
        sys.stderr.write(f"matrix: no result of {', '.join(missing)}\n")
        return 1
    ran = {version: runs(work / version) for version in versions()}
    wrong = differences(ran)
    text = table({version: scenarios(work / version) for version in versions()}, ran)
    sys.stdout.write(text)
    head, _begin, rest = DOCUMENT.read_text().partition(BEGIN)
    old, _end, tail = rest.partition(END)
    if write:
        DOCUMENT.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")
    elif old.strip() != text.strip():
        wrong.append("the table in docs/compatibility.md is another one: make matrix WRITE=1")
    for line in wrong:
        sys.stderr.write(f"matrix: {line}\n")
    return int(bool(wrong) or "FAILED" in text)


if __name__ == "__main__":
    sys.exit(main())
