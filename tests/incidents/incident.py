# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An incident as its folder below `cases` tells it. README.md beside this file describes the folders."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

CASES: t.Final = Path(__file__).resolve().parent / "cases"

#: What a deploy with default options has to do.
#:
#: - `refused`: it ends before any host changes.
#: - `rolled back`: the canary changes, and runs what it ran before at the end; no other host changes.
#: - `deployed`: it goes through, since what changes is meant as often as not; the console says what changes.
Verdict = t.Literal["refused", "rolled back", "deployed"]
VERDICTS: t.Final = t.get_args(Verdict)
#: Value of `kind` -> the heading of docs/incidents.md below which the incident stands.
KINDS: t.Final = {
    "listeners": "Listeners, names and certificates",
    "access": "Access",
    "redirects": "Redirects and rewrites",
    "files": "Locations and files",
    "upstreams": "Upstreams and applications",
    "headers": "Headers, caches and limits",
}
_README: t.Final = re.compile(
    r"# (?P<title>.+)\n\n(?P<happened>.+?)\n\nReported at:\n\n(?P<sources>(?:- <https?://\S+>\n)+)", re.DOTALL
)
_ADDRESS: t.Final = re.compile(r"<(\S+)>")


class IncidentError(Exception):
    """A folder below `cases` that cannot be read."""


@dataclass(frozen=True)
class Client:
    """A client that asks all the time.

    Attributes:
        path: of its request.
        host: its Host header, and the server name of TLS.
        port: the name of a port: `p`, `p2`, `ps` or `p6`.
        tls: it speaks TLS.
        ipv6: it asks at [::1].
    """

    path: str = "/"
    host: str = "shop.test"
    port: str = "p"
    tls: bool = False
    ipv6: bool = False


@dataclass(frozen=True)
class Backend:
    """The application behind nginx.

    Attributes:
        paths: what it serves, as beginnings of paths; others get 404.
        hosts: the Host headers that it takes, others get 400; None takes all.
    """

    paths: list[str] = field(default_factory=lambda: ["/"])
    hosts: list[str] | None = None


@dataclass(frozen=True)
class Incident:
    """One incident.

    Attributes:
        name: of its folder.
        title: one line.
        happened: what happened, in two or three sentences.
        sources: addresses of public reports.
        kind: a key of `KINDS`.
        verdict: what a deploy has to do.
        says: what the console has to say, each a part of a line.
        key: it goes through once the printed keys are accepted.
        certificates: name -> names in the certificate; `NAME.crt` and `NAME.key` in the folder `tls` of both sides.
        combined: names of those with certificate and key in one file too, `NAME.pem`.
        expired: names of those that the candidate gets out of date.
        managed: `before` is deployed first, so that a file which the candidate lacks leaves the hosts.
        modes: path below the host's folder -> its file mode, in octal.
        variables: further variables of the deploy.
    """

    name: str
    title: str
    happened: str
    sources: list[str]
    kind: str
    verdict: Verdict
    says: list[str] = field(default_factory=list)
    key: bool = False
    clients: list[Client] = field(default_factory=lambda: [Client()])
    backend: Backend | None = None
    certificates: dict[str, list[str]] = field(default_factory=dict)
    combined: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    managed: bool = False
    modes: dict[str, str] = field(default_factory=dict)
    variables: dict[str, t.Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the folder with `before`, `candidate` and `www`."""
        return CASES / self.name

    @property
    def transcript(self) -> Path:
        """Return the file with what the console said, see `transcript.py`."""
        return self.folder / "transcript.txt"


def load(folder: Path) -> Incident:
    """Read an incident.

    Raises:
        IncidentError: a key is unknown or missing, or the README has another shape.
    """
    data = yaml.safe_load((folder / "incident.yml").read_text())
    text = (folder / "README.md").read_text()
    told = _README.fullmatch(re.sub(r"\A<!--.*?-->\n", "", text))
    if told is None:
        raise IncidentError(f"{folder.name}: README.md has to be a heading, what happened, and a list of addresses")
    data = yaml.safe_load((folder / "incident.yml").read_text())
    known = {each.name for each in fields(Incident)} - {"name", "title", "happened", "sources"}
    strange = sorted(set(data) - known)
    if strange:
        raise IncidentError(f'{folder.name}: there is no "{strange[0]}", there are: {", ".join(sorted(known))}')
    for key, allowed in (("kind", KINDS), ("verdict", VERDICTS)):
        if data.get(key) not in allowed:
            raise IncidentError(f"{folder.name}/incident.yml: {key} has to be one of {', '.join(allowed)}")
    try:
        data["clients"] = [Client(**each) for each in data.get("clients", [{}])]
        data["backend"] = Backend(**data["backend"]) if "backend" in data else None
        return Incident(folder.name, told["title"], told["happened"], _ADDRESS.findall(told["sources"]), **data)
    except TypeError as error:
        raise IncidentError(f"{folder.name}: {error}") from error


def incidents() -> list[Incident]:
    """Return all incidents, by name."""
    return [load(path.parent) for path in sorted(CASES.glob("*/incident.yml"))]
