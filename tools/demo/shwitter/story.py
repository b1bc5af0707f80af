# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outage, replayed: what is done, what is claimed, and whether the claims hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .fleet import EXAMPLE, Fleet, run_quietly
from .host import Host, Snapshot
from .playbook import Playbooks, Run
from .telling import Teller, answers_of

WELCOME = ("http://www.shwitter.example/",)
PAGES = (
    "http://www.shwitter.example/@alice",
    "https://www.shwitter.example/@alice",
    "https://www.shwitter.example/api/profile",
    "https://api.shwitter.example/api/profile",
    "https://api.shwitter.example/api/profile_list",
)
GUILTY = ("snippets/api.conf", "rewrite ^/api/profile")


@dataclass(frozen=True)
class Observed:
    """One instance as seen from outside."""

    state: Snapshot
    journal: str
    served: dict[str, str]


class Story:
    """The steps in their order. Each asserts what it tells and raises DemoError when that does not hold."""

    def __init__(self, fleet: Fleet, playbooks: Playbooks) -> None:
        self.fleet = fleet
        self.playbooks = playbooks
        self.teller = Teller()
        self.canary, *self.others = fleet.hosts

    def tell(self) -> None:
        """Everything, from five untouched instances to the summary."""
        self.fleet.prepare()
        with self.fleet.running():
            self.welcome()
            self.deploy_the_site()
            self.do_it_as_it_was_done_then()
            self.deploy_the_outage()
            self.deploy_the_early_cutover()
            self.deploy_the_fix()
        self.teller.sum_up()

    def welcome(self) -> None:
        """Five instances with a configuration that no tool made."""
        with self.teller.step("Five nginx instances", "every one runs the configuration it came with"):
            served = answers_of(self.fleet.hosts, WELCOME)
            self.teller.served("now", served)
            self.teller.must("every instance answers", _statuses(served) == [{"200"}])

    def deploy_the_site(self) -> None:
        """The first deployment."""
        with self.teller.step("Deploy the site", "all five serve it; one canary first, every host gated"):
            run = self._deploy(self.fleet.candidate())
            self.teller.must("exit status 0", run.status == 0)
            served = answers_of(self.fleet.hosts, PAGES)
            self.teller.served("after", served)
            expected = [{"301"}, {"200"}, {"200"}, {"200"}, {"200"}]
            self.teller.must("all five serve Shwitter", _statuses(served) == expected)

    def do_it_as_it_was_done_then(self) -> None:
        """The outage's change with nothing but `nginx -t` in its way."""
        with self.teller.step("The outage's change, as it was done then", "nginx -t passes, every page answers 500"):
            careless = self.fleet.outsider("outage")
            command = self.fleet.command(careless, "-t")
            self.teller.say(f"{careless.name} is an instance outside the fleet, with the site and the change.")
            self.teller.command(command)
            tested = run_quietly(command).strip().splitlines()[-1]
            self.teller.say(tested)
            self.teller.must("nginx -t alone would have passed it", tested.endswith("test is successful"))
            self.fleet.start(careless)
            served = answers_of([careless], PAGES[1:])
            self.teller.served(f"by {careless.name}", served)
            self.teller.must("everything that people look at answers 500", set.union(*_statuses(served)) == {"500"})

    def deploy_the_outage(self) -> None:
        """(a) Refused from the configuration alone."""
        place = f"{GUILTY[0]}:{_line_of(EXAMPLE / 'changes' / 'outage' / GUILTY[0], GUILTY[1])}"
        with self.teller.step("(a) Deploy the outage's change", f"refused at {place} before any host was touched"):
            before = self._observe()
            run = self._deploy(self.fleet.candidate("outage"))
            self.teller.served("after", _served(self._observe()))
            self.teller.must(f"exit status {run.status}, not 0", run.status != 0)
            self.teller.must(f"the refusal names {place}", place in run.output)
            self.teller.must(
                "all five: same files, same processes, same journal, same answers", before == self._observe()
            )

    def deploy_the_early_cutover(self) -> None:
        """(b) Valid and lint-clean; only its behaviour is wrong."""
        title, outcome = (
            "(b) Deploy a change that only its behaviour gives away",
            "the canary ran it and was rolled back",
        )
        with self.teller.step(title, f"{outcome}; the other four never saw it"):
            before = self._observe()
            run = self._deploy(self.fleet.candidate("early-cutover"))
            after = self._observe()
            self.teller.served("after", _served(after))
            self.teller.must(f"exit status {run.status}, not 0", run.status != 0)
            self.teller.must("the check that failed is named", "profile for applications" in run.output)
            was, now = before[self.canary.name], after[self.canary.name]
            self.teller.must(
                f"{self.canary.name} ran it: its workers are new", was.state.workers.isdisjoint(now.state.workers)
            )
            self.teller.must(
                f"{self.canary.name} was rolled back: its files and its answers are the old ones",
                (was.state.config, was.state.master, was.served) == (now.state.config, now.state.master, now.served),
            )
            got = [sum(line["status"] == "502" for line in host.access_log) for host in self.fleet.hosts]
            self.teller.must(
                f"{got[0]} answers of 502 in {self.canary.name}'s access log, all to its gate; none elsewhere",
                got[0] > 0 and not any(got[1:]),
            )
            for host in self.others:
                self._must_be_untouched(host, before[host.name], after[host.name])

    def deploy_the_fix(self) -> None:
        """(c) What the outage's change was meant to do."""
        with self.teller.step("(c) Deploy the right way to do it", "all five answer both names with the one call"):
            run = self._deploy(self.fleet.candidate("fix"))
            served = answers_of(self.fleet.hosts, PAGES)
            self.teller.served("after", served)
            self.teller.must("exit status 0", run.status == 0)
            reached = {answers[url] for answers in served.values() for url in PAGES[2:]}
            self.teller.must("both names reach the one call", reached == {"200 application: GET /api/profile_list"})

    def _deploy(self, source: Path) -> Run:
        self.teller.command(self.playbooks.command("deploy", source))
        run = self.playbooks.run("deploy", source)
        for line in run.verdict:
            self.teller.say(f"  {line}")
        return run

    def _observe(self) -> dict[str, Observed]:
        served = answers_of(self.fleet.hosts, PAGES)
        return {host.name: Observed(host.snapshot(), host.journal, served[host.name]) for host in self.fleet.hosts}

    def _must_be_untouched(self, host: Host, was: Observed, now: Observed) -> None:
        added = [json.loads(line)["event"] for line in now.journal.removeprefix(was.journal).splitlines()]
        self.teller.must(
            f"{host.name} never saw it: same files, same processes, same answers; journal since: {', '.join(added) or '-'}",
            (was.state, was.served) == (now.state, now.served) and set(added) <= {"staged"},
        )


def _served(observed: dict[str, Observed]) -> dict[str, dict[str, str]]:
    return {name: seen.served for name, seen in observed.items()}


def _statuses(served: dict[str, dict[str, str]]) -> list[set[str]]:
    """Per URL, the statuses that the instances answer."""
    return [{answers[url].split()[0] for answers in served.values()} for url in next(iter(served.values()))]


def _line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)
