# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests through every host of a scenario while something happens to them, as their clients would send them.

load.py start RESULT CONTAINER...   begins and returns once every container has answered
load.py stop RESULT                 ends, and writes what came of every request to RESULT
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from clients import address, ask

URLS = ("https://www.example.test/", "https://www.example.test/api/profile")
PAUSE = 0.02  # seconds between two requests to one container
LONGEST = 1800  # seconds until a forgotten one ends
ANSWER = 30  # seconds; a busy machine is slow, and that is no error
KEPT = 20  # failures that are kept in full


class Client(threading.Thread):
    """Asks one container again and again. A request without an answer fails, and so does an answer of 500 and above."""

    def __init__(self, container: str, over: threading.Event) -> None:
        super().__init__()
        self.container = container
        self.results: Counter[str] = Counter()
        self.failures: list[dict[str, str | float]] = []
        self._over = over

    def run(self) -> None:
        """Ask until it is over."""
        where = address(self.container)
        while not self._over.wait(PAUSE):
            for url in URLS:
                self._ask(where, url)

    def _ask(self, where: str, url: str) -> None:
        try:
            status = ask(where, url, timeout=ANSWER).status
            result, failed = str(status), status >= http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException) as error:
            result, failed = type(error).__name__, True
        self.results[result] += 1
        if failed and len(self.failures) < KEPT:
            self.failures.append({"time": time.time(), "url": url, "result": result})

    def told(self) -> dict[str, object]:
        """What came of it."""
        good = sum(number for result, number in self.results.items() if result.isdigit() and int(result) < 500)
        total = sum(self.results.values())
        return {"requests": total, "failed": total - good, "results": dict(self.results), "failures": self.failures}


def run(result: Path, containers: list[str]) -> None:
    """Ask all of them until SIGTERM."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_unused: over.set())
    clients = [Client(container, over) for container in containers]
    for client in clients:
        client.start()
    while not all(client.results for client in clients) and not over.wait(0.05):
        pass
    _pid(result).write_text(str(os.getpid()))
    over.wait(LONGEST)
    over.set()
    for client in clients:
        client.join()
    result.write_text(json.dumps({client.container: client.told() for client in clients}, indent=2))
    _pid(result).unlink()


def start(result: Path, containers: list[str]) -> None:
    """Begin in the background."""
    for path in (result, _pid(result)):
        path.unlink(missing_ok=True)
    command = [sys.executable, __file__, "run", str(result), *containers]
    with result.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    while not _pid(result).exists():
        if process.poll() is not None:
            sys.exit(f"load.py ended at once, see {log.name}")
        time.sleep(0.05)


def stop(result: Path) -> None:
    """End it and print what came of it."""
    os.kill(int(_pid(result).read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 2 * ANSWER
    while _pid(result).exists():
        if time.monotonic() > deadline:
            sys.exit("load.py does not end")
        time.sleep(0.05)
    print(result.read_text())  # noqa: T201 - its output


def _pid(result: Path) -> Path:
    return result.with_suffix(".pid")


if __name__ == "__main__":
    action, place, *names = sys.argv[1:]
    {"start": start, "run": run, "stop": lambda path, _unused: stop(path)}[action](Path(place), names)
