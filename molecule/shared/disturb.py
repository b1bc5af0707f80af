# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command, and does something to it or to containers at a certain point of what happens on them.

disturb.py --when CONTAINER EVENT --do ACTION TARGET [--when ... --do ...] -- COMMAND...
disturb.py --when CONTAINER EVENT --run JSON -- COMMAND...

EVENT is one of the journal's; it counts from the command's start on. ACTION is a signal for the command (TARGET is then
`command`) or pause, kill, restart or start for the container TARGET; pause:N and kill:N let it go on after N seconds.
JSON is another command, as a list.
Prints the output of all commands, and ends with status 0 once they have ended and everything was done.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t

JOURNAL = "/var/lib/failsafe-nginx/journal.jsonl"
LONGEST = 900  # seconds: a hang ends, a slow machine does not
SOON = 60  # seconds
# Tells once it knows what is there, and again with the first line that is new and of the event. It waits in the
# container, because a client that asked again and again would see the event late on a machine that is busy.
WATCH = r"""
lines=$(cat "$1" | wc -l)
echo ready
tail -n "+$((lines + 1))" -F "$1" | { grep -q -m 1 -F "\"event\": \"$2\"" && echo happened; }
"""


class Disturbance(threading.Thread):
    """One thing that is done when one host's journal tells of one event."""

    def __init__(self, container: str, event: str, action: str, target: str) -> None:
        super().__init__(daemon=True)
        self.container, self.event, self.action, self.target = container, event, action, target
        self.process: subprocess.Popen[bytes] | None = None
        self.done = False
        command = ["docker", "exec", container, "sh", "-c", WATCH, "watch", JOURNAL, event]
        self._watch = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._expect("ready")

    def _expect(self, word: str) -> None:
        assert self._watch.stdout is not None
        line = self._watch.stdout.readline().strip()
        if line != word:
            raise RuntimeError(f"{self.container} cannot be watched: {line or 'no answer'} instead of {word}")

    def run(self) -> None:
        """Wait for the event, then act."""
        self._expect("happened")
        say(f"{self.container}: {self.event}, so: {self.action}")
        action, _unused, seconds = self.action.partition(":")
        if action == "run":
            done = subprocess.run(json.loads(self.target), stdin=subprocess.DEVNULL, timeout=LONGEST, check=False)
            say(f"the other command ended with {done.returncode}")
        elif self.target == "command":
            assert self.process is not None
            os.killpg(self.process.pid, signal.Signals[f"SIG{action}"])
        else:
            docker(action, self.target)
            say(f"{self.container}: {action} is done")
            if seconds:
                time.sleep(float(seconds))
                docker({"pause": "unpause", "kill": "start"}[action], self.target)
        self.done = True

    def end(self) -> None:
        """Wait until it is done; what has not begun soon after the command's end never will."""
        self.join(timeout=SOON)
        self._watch.kill()
        self.join(timeout=LONGEST)


def docker(action: str, container: str) -> None:
    """Do something to a container, at once."""
    wait = ["--time", "0"] if action == "restart" else []
    command = ["docker", action, *wait, container]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=LONGEST)


def parsed(arguments: list[str]) -> tuple[list[Disturbance], list[str]]:
    """What is asked for."""
    found = []
    while arguments and arguments[0] == "--when":
        _when, container, event, how, *arguments = arguments
        action = "run" if how == "--run" else arguments.pop(0)
        found.append(Disturbance(container, event, action, arguments.pop(0)))
    return found, arguments[1:]


def main() -> int:
    """Run, disturb, tell."""
    disturbances, command = parsed(sys.argv[1:])
    process: subprocess.Popen[t.Any] = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    for disturbance in disturbances:
        disturbance.process = process
        disturbance.start()
    try:
        status = process.wait(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        sys.exit("the command did not end")
    for disturbance in disturbances:
        disturbance.end()
    missed = [f"{one.container} {one.event}" for one in disturbances if not one.done]
    if missed:
        sys.exit(f"never happened: {', '.join(missed)}")
    say(f"the command ended with {status}")
    return 0


def say(line: str) -> None:
    """Print it now, between what the commands print."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
