# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the simulation and a real nginx the same, and proves every cycle and loop that lint reports."""

from __future__ import annotations

import http.client
import re
import typing as t
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import conditions
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import simulate as simulation
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import Chain, Follower
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Outcome, Request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CYCLES = ("rewrite-cycle", "try-files-cycle", "error-page-cycle")
CYCLE = "rewrite or internal redirection cycle"
HOPS = 20
_ASSUMPTIONS = ("is_file", "is_folder", "is_missing")
_WEB = {80, 443}


@dataclass
class Result:
    """`counts` of outcomes, findings and what was left out; `mismatches` in words."""

    counts: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)


class Disk:
    """What the simulation takes for existing and for absent, to be created for nginx."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.absent: set[str] = set()

    @contextmanager
    def watch(self) -> Iterator[None]:
        saved = [(room, name) for room in (simulation, conditions) for name in _ASSUMPTIONS if hasattr(room, name)]
        functions = [getattr(room, name) for room, name in saved]
        for (room, name), function in zip(saved, functions, strict=True):
            setattr(room, name, self._watched(function, inverted=name == "is_missing"))
        try:
            yield
        finally:
            for (room, name), function in zip(saved, functions, strict=True):
                setattr(room, name, function)

    def _watched(self, function: t.Any, *, inverted: bool) -> t.Any:
        def call(path: str, missing: frozenset[str]) -> bool:
            answer = bool(function(path, missing))
            (self.absent if answer is inverted else self.present).add(re.sub("//+", "/", path))
            return answer

        return call

    def contradicts(self, absent: set[str]) -> bool:
        """Whether what one request takes for absent is there, as a file or as a folder, for the sake of another."""
        there = {path.rstrip("/") for path in self.present}
        gone = {path.rstrip("/") for path in absent} - {""}
        return any(path in there or any(each.startswith(f"{path}/") for each in there) for path in gone)

    def create(self, root: Path) -> None:
        for path in root.iterdir():
            path.unlink()
        for path in sorted({*self.present, "/"}, key=lambda path: (-path.count("/"), path)):
            target = root / path.strip("/")
            folder = target if path.endswith("/") else target.parent
            if (
                path.startswith("/")
                and len(path) < 200
                and not any(each.is_file() for each in (folder, *folder.parents))
            ):
                folder.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    target.write_text("file")
                (folder / "index.html").touch()


class Asked(t.NamedTuple):
    url: str
    outcome: Outcome
    chain: Chain
    absent: set[str]


class Comparison:
    """One configuration, simulated and run."""

    def __init__(self, block: str) -> None:
        self.block = block
        self.config = load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}}}\n".encode()}, config_dir="/etc/nginx")
        assert self.config.problems == []
        self.router, self.definitions = Router(self.config), Definitions(self.config)
        self.disk = Disk()
        self.result = Result()
        self.nginx: t.Any = None

    def run(self, requests: t.Iterable[tuple[str, int, str, str]], made_up: t.Collection[str], start: t.Any) -> Result:
        """Asks for (scheme, port, host, path) of each request; `start` runs the inside of an http block."""
        with self.disk.watch():
            asked = [each for request in requests if (each := self._simulate(*request, made_up)) is not None]
            self.disk.absent = set()
            findings = [finding for finding in lint(self.config) if finding.severity == "error"]
        self.nginx = start(self.block)
        users = self.nginx.folder / "auth"
        users.write_text("u:{PLAIN}p\n")
        path = self.nginx.folder / "nginx.conf"
        text = re.sub(r"\bAUTH\b", str(users), path.read_text())
        path.write_text(re.sub(r"(\$server_port = |proxy_pass http://127\.0\.0\.1:)(\d+)", self._moved, text))
        self.disk.create(self.nginx.folder / "html")
        with self.nginx:
            for each in asked:
                self._check(each)
            for finding in findings:
                self._prove(finding)
        return self.result

    def _moved(self, match: re.Match[str]) -> str:
        return match[1] + str(self.nginx.ports.get(int(match[2]), match[2]))

    def _simulate(self, scheme: str, port: int, host: str, path: str, made_up: t.Collection[str]) -> Asked | None:
        listener = self.router.listener("*", port)
        if listener is None:
            return None
        uri, _sep, args = path.partition("?")
        request = Request(listener, host, uri, args, frozenset(uri.split("/")) & frozenset(made_up))
        self.disk.absent = set()
        outcome = simulation.simulate(self.router, self.definitions, request)
        chain = Follower(self.router, self.definitions).follow(request)
        authority = host if port in _WEB else f"{host}:{port}"
        return Asked(f"{scheme}://{authority}{path}", outcome, chain, self.disk.absent)

    def _check(self, asked: Asked) -> None:
        counts = self.result.counts
        if self.disk.contradicts(asked.absent):
            counts["left out: files that cannot be there and absent at once"] += 1
            return
        counts[asked.outcome.kind] += 1
        if asked.outcome.kind == "unknown":
            return
        said = self._differs(asked)
        if said:
            self.result.mismatches.append(f"{asked.url}: {asked.outcome}, nginx says {said}")
        elif asked.outcome.kind == "redirect":
            self._check_chain(asked)

    def _differs(self, asked: Asked) -> str:
        """What nginx answers, where that is something else."""
        outcome, before = asked.outcome, self._cycles()
        try:
            answer = self.nginx.get(asked.url)
        except (OSError, http.client.HTTPException) as error:
            return "" if outcome.status == 444 else repr(error)
        said = f"{answer.status} {answer.location}"
        if outcome.kind == "redirect":
            location = absolute(asked.url, answer.location)
            same = answer.status == outcome.status and plain(location) == plain(outcome.location or "")
            return "" if same else said
        if outcome.kind == "internal-cycle" and answer.status == 500:
            return "" if self._cycles() > before else f"{said} without a cycle"
        # A folder gets its slash; nginx answers 400 itself for what rewrites made of a proxied request.
        same = answer.status == outcome.status or self.nginx.is_folder(answer)
        return "" if same or (outcome.kind == "content" and answer.status == 400) else said

    def _check_chain(self, asked: Asked) -> None:
        urls = self.follow(asked.url)
        endless = len(urls) > HOPS
        if asked.chain.loops is endless:
            self.result.counts["loops"] += endless
        elif asked.chain.loops:
            self.result.mismatches.append(f"{asked.url}: no loop, nginx says {urls}")
        elif asked.chain.hops[-1].outcome.kind == "unknown":
            self.result.counts["left out: a loop that is undecided"] += 1
        elif any(self.nginx.is_folder(self.nginx.get(url)) for url in urls[-4:]):
            self.result.counts["left out: a loop over a folder's slash"] += 1
        else:
            self.result.mismatches.append(f"{asked.url}: a missed loop, nginx says {urls[:5]}")

    def _prove(self, finding: t.Any) -> None:
        self.result.counts[finding.rule] += 1
        match = re.search(r"GET (\S+)", finding.message)
        if match is None:
            return
        if finding.rule in CYCLES:
            before = self._cycles()
            holds = self.nginx.get(match[1]).status == 500 and self._cycles() > before
        else:
            holds = len(self.follow(match[1])) > HOPS
        if not holds and self.disk.contradicts(self.disk.absent):
            self.result.counts["left out: a finding on files that are there"] += 1
        elif not holds:
            self.result.mismatches.append(f"not true: {finding.rule} at line {finding.line}: {finding.message}")

    def _cycles(self) -> int:
        return int(self.nginx.log().count(CYCLE))

    def follow(self, url: str) -> list[str]:
        """The URLs of a redirect chain, as far as the configuration answers them."""
        urls = [url]
        while len(urls) <= HOPS:
            try:
                answer = self.nginx.get(urls[-1])
            except (OSError, http.client.HTTPException):
                break
            target = absolute(urls[-1], answer.location)
            if (
                answer.status not in simulation.REDIRECTS
                or not answer.location
                or not self._leads_here(urls[-1], target)
            ):
                break
            urls.append(target)
        return urls

    def _leads_here(self, url: str, target: str) -> bool:
        parts = urlsplit(target)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        listener = self.router.listener("*", port)
        if listener is None or not host.strip("_-") or listener.ssl is not (parts.scheme == "https"):
            return False
        found = [self.router.listener("*", each) for each in (_WEB if port in _WEB else {port})]
        return host == urlsplit(url).hostname or any(each and each.names.find(host)[0] for each in found)


def absolute(url: str, location: str) -> str:
    """A Location as a client resolves it; an URL without a host stays one."""
    return location if "://" in location else urljoin(url, location)


def plain(location: str) -> str:
    """A URL without its scheme's own port."""
    location = re.sub(r"^(http://[^/?]*):80(?=[/?]|$)", r"\1", location)
    return re.sub(r"^(https://[^/?]*):443(?=[/?]|$)", r"\1", location)
