# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outage, replayed: the steps, their claims, and the checks of these claims."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from .fleet import EXAMPLE, ROOT, Fleet, run_quietly
from .host import DemoError, Host, Snapshot
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
KEPT = ROOT / "build" / "demo"
CUTOVER = ("sites-enabled/api.conf", "proxy_pass http://profiles")


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
        self.report: Path | None = None
        self.canary, *self.others = fleet.hosts

    def tell(self, *, brief: bool = False) -> None:
        """Run every step, from five untouched instances to the summary; `brief` leaves out what most of the time goes into.

        What is left is a deploy that is confirmed, one that is refused, and one that is rolled back.
        """
        self.fleet.prepare()
        with self.fleet.running():
            self.welcome()
            self.deploy_the_site()
            if not brief:
                self.do_it_as_it_was_done_then()
            self.deploy_the_outage()
            self.deploy_the_early_cutover()
            if not brief:
                self.deploy_the_fix()
            self.nothing_leaked()
        self.teller.sum_up()
        if self.report:
            self.teller.say(f"the report of (b), whose Markdown beside it is the draft of a postmortem:\n{self.report}")

    def welcome(self) -> None:
        """Start five instances with a configuration that no tool made."""
        with self.teller.step("Five nginx instances", "every one runs the configuration it came with"):
            served = answers_of(self.fleet.hosts, WELCOME)
            self.teller.served("now", served)
            self.teller.must("every instance answers", _statuses(served) == [{"503"}])

    def deploy_the_site(self) -> None:
        """Deploy for the first time."""
        with self.teller.step("Deploy the site", "all five serve it; one canary first, every host gated"):
            run = self._deploy(self.fleet.candidate())
            self.teller.must("exit status 0", run.status == 0)
            served = answers_of(self.fleet.hosts, PAGES)
            self.teller.served("after", served)
            expected = [{"301"}, {"200"}, {"200"}, {"200"}, {"200"}]
            self.teller.must("all five serve Shwitter", _statuses(served) == expected)

    def do_it_as_it_was_done_then(self) -> None:
        """Apply the outage's change with nothing but `nginx -t` in its way."""
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
        """Deploy change (a), which is refused from the configuration alone."""
        place = f"{GUILTY[0]}:{_line_of(EXAMPLE / 'changes' / 'outage' / GUILTY[0], GUILTY[1])}"
        with self.teller.step("(a) Deploy the outage's change", f"refused at {place} before any host was touched"):
            self.teller.say("location /api/ gets: rewrite ^/api/profile /api/profile_list last;")
            before = self._observe()
            run = self._deploy(self.fleet.candidate("outage"))
            after = self._observe()
            self.teller.compared(_served(before), _served(after))
            self.teller.must(f"exit status {run.status}, not 0", run.status != 0)
            self.teller.must(f"the refusal names {place}", place in run.output)
            self.teller.must("all five: same files, same processes, same journal, same answers", before == after)

    def deploy_the_early_cutover(self) -> None:
        """Deploy change (b), which is valid and lint-clean; only its behaviour is wrong."""
        title = "(b) Deploy a change that only its behaviour gives away"
        with self.teller.step(title, f"{self.canary.name} ran it and was rolled back; the other four never saw it"):
            self.teller.say("api.shwitter.example takes /api/profile from a new service, which is not started yet.")
            before = self._observe()
            run = self._deploy(self.fleet.candidate("early-cutover"))
            after = self._observe()
            self.teller.compared(_served(before), _served(after))
            self.teller.must(f"exit status {run.status}, not 0", run.status != 0)
            self.teller.must("the check that failed is named", "profile for applications" in run.output)
            template = EXAMPLE / "changes" / "early-cutover" / f"{CUTOVER[0]}.j2"
            place = f"{CUTOVER[0]}:{_line_of(template, CUTOVER[1])}"
            self.teller.must(f"the guilty line is named: {place}", place in run.output.partition("guilty")[2])
            self.report = _keep(run.report)
            named = place in self.report.with_suffix(".md").read_text()
            self.teller.must("the postmortem that the deploy drafted names it too", named)
            self._must_be_rolled_back(before[self.canary.name], after[self.canary.name])
            for host in self.others:
                self._must_be_untouched(host, before[host.name], after[host.name])
            names = f"{self.others[0].name} to {self.others[-1].name}"
            self.teller.must(
                f"{names} staged it and never ran it: same files, processes and answers, no 502", holds=True
            )

    def deploy_the_fix(self) -> None:
        """Deploy change (c), which does what the outage's change was meant to do."""
        with self.teller.step("(c) Deploy the right way to do it", "all five answer both names with the one call"):
            self.teller.say("New: location = /api/profile { rewrite ^ /api/profile_list last; }")
            before = answers_of(self.fleet.hosts, PAGES)
            run = self._deploy(self.fleet.candidate("fix"))
            after = answers_of(self.fleet.hosts, PAGES)
            self.teller.compared(before, after)
            self.teller.must("exit status 0", run.status == 0)
            reached = {answers[url] for answers in after.values() for url in PAGES[2:]}
            self.teller.must("both names reach the one call", reached == {"200 application: GET /api/profile_list"})

    def nothing_leaked(self) -> None:
        """Check that the key was deployed five times and shown nowhere."""
        key = self.fleet.certificate.with_suffix(".key").read_text().splitlines()[1]
        told = [self.playbooks.log.read_text(), *(host.journal for host in self.fleet.hosts)]
        told += [file.read_text() for file in self.playbooks.records.iterdir()]
        self.teller.must(
            "the private key is in no output, no journal, no record and no report",
            not any(key in text for text in told),
        )

    def _deploy(self, source: Path) -> Run:
        self.teller.command(self.playbooks.command("deploy", source))
        run = self.playbooks.run("deploy", source)
        for line in run.verdict:
            self.teller.say(f"  {line}")
        return run

    def _observe(self) -> dict[str, Observed]:
        served = answers_of(self.fleet.hosts, PAGES)
        return {host.name: Observed(host.snapshot(), host.journal, served[host.name]) for host in self.fleet.hosts}

    def _must_be_rolled_back(self, was: Observed, now: Observed) -> None:
        name = self.canary.name
        self.teller.say(f"{name}'s journal since: {', '.join(_events(was, now))}")
        self.teller.must(f"{name} ran it: its workers are new", was.state.workers.isdisjoint(now.state.workers))
        failures = _failures(self.canary)
        self.teller.must(f"{name} answered 502 to its gate, {failures} times", failures > 0)
        self.teller.must(
            f"{name} was rolled back: the same master with the old files gives the old answers",
            (was.state.config, was.state.master, was.served) == (now.state.config, now.state.master, now.served),
        )

    def _must_be_untouched(self, host: Host, was: Observed, now: Observed) -> None:
        same = (was.state, was.served) == (now.state, now.served)
        if not same or set(_events(was, now)) - {"staged", "unlocked"} or _failures(host):
            raise DemoError(f"not as told: {host.name} was touched")


def _keep(report: Path) -> Path:
    """Copy a report out of the work folder, which is deleted in the end; return the page's new place."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for ending in ("md", "html"):
        shutil.copyfile(report.with_suffix(f".{ending}"), KEPT / f"report.{ending}")
    return KEPT / "report.html"


def _events(was: Observed, now: Observed) -> list[str]:
    """Return the lines of the journal since `was`."""
    return [json.loads(line)["event"] for line in now.journal.removeprefix(was.journal).splitlines()]


def _failures(host: Host) -> int:
    """Count the requests in the site's access log that got a 502."""
    return sum(line["status"] == "502" for line in host.access_log)


def _served(observed: dict[str, Observed]) -> dict[str, dict[str, str]]:
    return {name: seen.served for name, seen in observed.items()}


def _statuses(served: dict[str, dict[str, str]]) -> list[set[str]]:
    """Map each URL to the statuses that the instances answer."""
    return [{answers[url].split()[0] for answers in served.values()} for url in next(iter(served.values()))]


def _line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)
