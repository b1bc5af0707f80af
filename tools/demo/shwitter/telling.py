# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the demo: plain lines, claims that are checked, seconds per step, a summary."""

from __future__ import annotations

import shlex
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .host import DemoError, Host

WIDTH = 118


class Teller:
    """The demo's output: steps as they happen, and what the summary needs of them."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, float, str]] = []

    @contextmanager
    def step(self, title: str, outcome: str) -> Iterator[None]:
        """Run one step; `outcome` is the summary's word for it once all its claims held."""
        print(f"\n== {title} {'=' * (WIDTH - len(title) - 4)}", flush=True)
        started = time.monotonic()
        yield
        self._steps.append((title, time.monotonic() - started, outcome))

    def say(self, text: str) -> None:
        """Print text, wrapped; its own line breaks stay."""
        for line in text.splitlines():
            indent = " " * (len(line) - len(line.lstrip()))
            print(textwrap.fill(line, WIDTH, initial_indent="   ", subsequent_indent=f"     {indent}"), flush=True)

    def command(self, command: Iterable[str]) -> None:
        """Print a command line, an option with its value per line."""
        lines = shlex.join(command).replace(" -", " \\\n     -")
        print(f"   $ {lines}", flush=True)

    def served(self, when: str, answers: dict[str, dict[str, str]]) -> None:
        """Print host -> URL -> answer. Hosts that serve the same share a line."""
        print(f"   served {when}:")
        urls = next(iter(answers.values()))
        width = max(map(len, urls))
        for url in urls:
            by_answer: dict[str, list[str]] = {}
            for host, answer in answers.items():
                by_answer.setdefault(answer[url], []).append(host)
            for text, names in by_answer.items():
                print(f"     {_range(names):9}  {url:{width}}  {text}"[:WIDTH], flush=True)

    def compared(self, before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> None:
        """Print what each host served before and serves now, once where nothing changed."""
        if before == after:
            self.served("before and after", after)
        else:
            self.served("before", before)
            self.served("after", after)

    def must(self, claim: str, holds: bool) -> None:  # noqa: FBT001  reads as a sentence
        """Print a claim that holds.

        Raises:
            DemoError: it does not.

        """
        if not holds:
            raise DemoError(f"not as told: {claim}")
        print(f"   ok  {claim}", flush=True)

    def sum_up(self) -> None:
        """Print what happened."""
        print(f"\n== Summary {'=' * (WIDTH - 11)}")
        for title, seconds, outcome in self._steps:
            print(f"   {seconds:5.1f} s  {title}\n            {outcome}")
        print(
            f"   {sum(seconds for _unused, seconds, _unused in self._steps):5.1f} s  in all; everything happened as told"
        )


def answers_of(hosts: Iterable[Host], urls: Iterable[str]) -> dict[str, dict[str, str]]:
    """Map each host to its URLs and their answers."""
    urls = list(urls)
    return {host.name: {url: host.ask(url).summary for url in urls} for host in hosts}


def _range(hosts: list[str]) -> str:
    """Return `web1`, `web1,3` or `web2-5`."""
    numbers = [int(host.removeprefix("web")) for host in hosts]
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):  # noqa: PLR2004  a pair is no range
        return f"web{numbers[0]}-{numbers[-1]}"
    return f"web{','.join(map(str, numbers))}"
