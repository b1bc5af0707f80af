# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shortens what a deploy printed to the lines that tell what became of an incident.

`cases/NAME/transcript.txt` keeps them, and docs/incidents.md shows them. Words of one machine or one run stand for all of their kind.
"""

from __future__ import annotations

import re
import textwrap
import typing as t

import yaml

if t.TYPE_CHECKING:
    from collections.abc import Iterator

#: Columns of a line, and lines in all.
WIDTH: t.Final = 132
LONGEST: t.Final = 14
_DOTS: t.Final = "…"
#: What is known of a fleet by its digits only.
_MACHINE_WORDS: t.Final = (
    (re.compile(r"\b127\.1\d\d\.[12]\d\d\.(\d+)\b"), r"198.51.100.\1"),
    # The console cuts long lines at both ends.
    (re.compile(r"…[\d.]*\b1\d\d\.[12]\d\d\.(\d+)\b"), r"…100.\1"),
    (re.compile(r"\b127(?:\.\d*)*…"), "…"),
    # The port `p6` is whichever was free.
    (re.compile(r"(?<=[\w\]]):[1-6]\d{4}\b"), ":10061"),
    (re.compile(r"/[^\s\"']*/incident-[^/\s\"']+/"), "/srv/"),
    (re.compile(r"\br-[0-9a-f]{12}\b"), "r-0123456789ab"),
    (re.compile(r"\bcertificate [0-9a-f]{12}\b"), "certificate 0123456789ab"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "2027-01-31"),
)
#: A key is a digest of its cause, which may name a folder of one run.
_DIGEST_OF_KEY: t.Final = re.compile(r"\b([a-z]+(?:-[a-z]+)*)-[0-9a-f]{10}\b")
_NUMBER_OF_PROBES: t.Final = re.compile(r"\b\d+(?= (?:of \d+ )?requests?\b)|(?<=\bof )\d+(?= requests?\b)")


def shorten(output: str) -> str:
    """Return the lines of a run's output that tell what became of it, for the first kind of hosts.

    Args:
        output: of `ansible-playbook`, results in YAML.
    """
    output = normalise(output)
    told = list(_without_guilty(_first_kind(_message(output, "Print what changes for clients")).splitlines()))
    verdict = [
        line
        for each in _verdict(output)
        if not each.startswith(("record: ", "report: "))
        for line in each.splitlines()[:1]
    ]
    if told and verdict and verdict[0].endswith("refused"):
        # The verdict says once more what was printed before.
        verdict = []
    lines = list(_wrapped(told))
    end = list(_wrapped(verdict))
    # The last lines of what was printed say how many requests fail and what can be accepted.
    closing = next((number for number, line in enumerate(lines) if number and not line.startswith(" ")), len(lines))
    room = LONGEST - len(end) - (len(lines) - closing)
    if closing > room:
        lines[room - 1 : closing] = [f"  {_DOTS}"]
    return "".join(f"{line}\n" for line in lines + end)


def normalise(text: str) -> str:
    """Replace addresses, folders, release ids and dates of one run."""
    for pattern, word in _MACHINE_WORDS:
        text = pattern.sub(word, text)
    return text


def comparable(text: str) -> str:
    """Return a transcript without what may differ although the product says the same.

    That is how many probes were made, digests of bodies and in keys, where long lines were cut, and where they were wrapped. The place of
    what does not stop is left out too: what stops has its cause.
    """
    joined = re.sub(rf"\s*[^\s{_DOTS}]*{_DOTS}\S*", _DOTS, normalise(" ".join(text.split())))
    joined = re.sub(r"nginx behaviour: [^;]*; ", "nginx behaviour: ", joined)
    # The content of a made-up file is its path, which has the folder of this run in it.
    joined = re.sub(r"\bsha256 [0-9a-f]{12}\b", "sha256", joined)
    joined = re.sub(r"nginx says: .*?(?=; guilty|$)", "nginx says", joined)
    joined = re.sub(r"(requests?) \S+:\d+(?: and \d+ more)?(?= )", r"\1", joined)
    joined = _DIGEST_OF_KEY.sub(r"\1-N", joined)
    return _NUMBER_OF_PROBES.sub("N", joined)


def _task(output: str, name: str) -> str:
    found = re.search(
        rf"^TASK \[{re.escape(name)}[^\n]*\n(.*?)(?=^(?:TASK|PLAY|RUNNING HANDLER) |\Z)",
        output,
        re.MULTILINE | re.DOTALL,
    )
    return found[1] if found else ""


def _result(output: str, name: str) -> t.Any:
    """Return the message of a debug task, which the callback prints as YAML."""
    found = re.search(r"^ok: \[\w+\] => *\n((?:(?: .*)?\n)*)", _task(output, name), re.MULTILINE)
    return yaml.safe_load(textwrap.dedent(found[1]))["msg"] if found else None


def _message(output: str, name: str) -> str:
    return str(_result(output, name) or "")


def _verdict(output: str) -> list[str]:
    return [str(each) for each in _result(output, "Print the verdict") or []]


def _first_kind(text: str) -> str:
    """Drop the lines of all kinds of hosts but the first; those of the whole run stand at the end."""
    heads = [match.start() for match in re.finditer(r"^web\d[\w, ]*: ", text, re.MULTILINE)]
    end = re.search(r"^(?!web\d[\w, ]*: is |web\d[\w, ]*: has )\S", text, re.MULTILINE)
    if len(heads) > 1 and end and end.start() > heads[1]:
        return text[: heads[1]] + text[end.start() :]
    return text


def _without_guilty(lines: list[str]) -> Iterator[str]:
    """Drop the guilty lines, which mostly are the causes above them, and the entry for routes.yml."""
    inside = False
    for line in lines:
        inside = line.startswith("  guilty") or (inside and line.startswith("      "))
        if not inside and not line.startswith("  routes.yml: "):
            yield line


def _wrapped(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if "piece of advice" in line or "pieces of advice" in line:
            continue
        indent = re.match(r" *", line)[0]  # type: ignore[index]
        yield from textwrap.wrap(
            line,
            WIDTH,
            subsequent_indent=f"{indent}      ",
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        ) or [""]
