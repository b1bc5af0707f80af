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
import sys
import typing as t
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "compatibility.md"
VERSIONS = ROOT / "requirements" / "matrix.txt"
BEGIN, END = "<!-- written by make matrix -->\n", "<!-- end -->\n"

Runs = dict[str, list[dict[str, t.Any]]]


def versions() -> dict[str, str]:
    """Version -> where it is run."""
    lines = [line.split() for line in VERSIONS.read_text().splitlines() if not line.startswith("#")]
    return {version: f"Debian {suite}" if suite != "-" else "" for version, suite in lines}


def scenarios(folder: Path) -> dict[str, tuple[int, int]]:
    """Scenario -> how many of its tests passed, of how many."""
    found: dict[str, tuple[int, int]] = {}
    for case in ET.parse(folder / "junit.xml").iter("testcase"):  # noqa: S314 - our own pytest wrote it
        names = [each.get("value", "") for each in case.iter("property") if each.get("name") == "scenario"]
        passed = not {child.tag for child in case} & {"failure", "error", "skipped"}
        for name in names:
            good, all_ = found.get(name, (0, 0))
            found[name] = (good + passed, all_ + 1)
    return found


def runs(folder: Path) -> Runs:
    """Test -> what each of its runs told."""
    found: Runs = {}
    for line in (folder / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        found.setdefault(run.pop("test"), []).append(run)
    return found


def table(told: dict[str, dict[str, tuple[int, int]]]) -> str:
    """The table of the docs."""
    rows = list(dict.fromkeys(name for scenarios in told.values() for name in scenarios))
    head = ["scenario", *(f"{version} {place}".strip() for version, place in versions().items())]
    lines = [head, ["---"] * len(head)]
    for name in rows:
        cells = [told[version].get(name, (0, 0)) for version in versions()]
        lines.append([name, *("same" if good == all_ > 0 else f"FAILED ({good} of {all_})" for good, all_ in cells)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def differences(all_runs: dict[str, Runs]) -> list[str]:
    """What one version told otherwise than the first one."""
    first, *others = all_runs
    return [
        f"{test}: {first} told {all_runs[first].get(test)}, {other} {all_runs[other].get(test)}"
        for other in others
        for test in sorted({*all_runs[first], *all_runs[other]})
        if all_runs[first].get(test) != all_runs[other].get(test)
    ]


def main() -> int:
    """Compare; 1 for a difference."""
    work, write = Path(sys.argv[1]), "--write" in sys.argv[2:]
    missing = [version for version in versions() if not (work / version / "junit.xml").exists()]
    if missing:
        sys.stderr.write(f"matrix: no result of {', '.join(missing)}\n")
        return 1
    wrong = differences({version: runs(work / version) for version in versions()})
    text = table({version: scenarios(work / version) for version in versions()})
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
