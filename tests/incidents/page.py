# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/incidents.md from the folders below `cases`."""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.failsafe.nginx.tests.incidents.incident import KINDS

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.tests.incidents.incident import Incident

PAGE: t.Final = Path(__file__).resolve().parents[2] / "docs" / "incidents.md"
_HEAD: t.Final = """\
<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Made of tests/incidents/cases: make incidents WRITE=1 -->
# Incidents

Each change below took a site down, or nearly, somewhere in public. It is told in our own words and rebuilt with small inputs of our own,
so a report of a configuration with hundreds of lines became a few. Each is deployed by the tests to two nginx instances, with default
options, while clients ask both all the time. The first host is the canary.

| what the deploy does | hosts | clients that see an error |
| --- | --- | --- |
| **Refused** | none changes | none |
| **Rolled back** | the canary has the change for moments, the other host never | those of the canary may |
| **Told** | both get the change, since it is meant as often as not; the console says what clients notice | none |

Below each stands what the console said, shortened to its first lines (`…`) and to the first host where hosts differ by their address only.
`tests/incidents` holds every line against a new run. `make incidents` plays a sample of them, `make soak` all. What no tool of this
collection can see is listed in [What it cannot see](blind-spots.md).
"""
_VERDICTS: t.Final = {
    "refused": "**Refused** before any host changed.",
    "rolled back": "**Rolled back**: the health gate of the canary saw it.",
    "deployed": "**Told** on the console; it does not stop.",
}
_ACCEPTED: t.Final = " Where it is meant, the printed line accepts it."


def page(incidents: Sequence[Incident]) -> str:
    """Return the text of docs/incidents.md."""
    return "\n".join([_HEAD, *_contents(incidents), *(line for kind in KINDS for line in _section(kind, incidents))])


def slug(title: str) -> str:
    """Return the anchor of a heading, as GitHub and myst-parser make it."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\- ]", "", title.lower()))


def _of_kind(kind: str, incidents: Sequence[Incident]) -> list[Incident]:
    return sorted((each for each in incidents if each.kind == kind), key=lambda each: each.name)


def _contents(incidents: Sequence[Incident]) -> Iterator[str]:
    for kind, heading in KINDS.items():
        yield f"- [{heading}](#{slug(heading)})"
        yield from (f"  - [{each.title}](#{slug(each.title)})" for each in _of_kind(kind, incidents))
    yield ""


def _section(kind: str, incidents: Sequence[Incident]) -> Iterator[str]:
    yield f"## {KINDS[kind]}\n"
    for each in _of_kind(kind, incidents):
        yield f"### {each.title}\n"
        yield f"{each.happened}\n"
        yield f"Reported at {_sources(each.sources)}; played as `{each.name}`.\n"
        yield f"{_VERDICTS[each.verdict]}{_ACCEPTED if each.key else ''}\n"
        if each.transcript.exists():
            yield f"```text\n{each.transcript.read_text().rstrip()}\n```\n"


def _sources(addresses: list[str]) -> str:
    """Name each address by its host, numbered where two have the same one."""
    hosts = [(urlsplit(each).hostname or each).removeprefix("www.") for each in addresses]
    total, seen = Counter(hosts), Counter[str]()
    links = []
    for host, address in zip(hosts, addresses, strict=True):
        seen[host] += 1
        links.append(f"[{host}{f' ({seen[host]})' if total[host] > 1 else ''}]({address})")
    return ", ".join(links)
