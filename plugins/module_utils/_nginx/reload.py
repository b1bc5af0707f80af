# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reload of nginx, and the proof that the new configuration runs."""

from __future__ import annotations

import os
import signal
import time
import typing as t

from .facts import RuntimeFacts
from .instance import Instance, NginxError
from .logs import Line, Log, fatal, named_workers, reason
from .processes import Master, find_master

POLL = 0.025  # seconds; old workers are told to quit 100 ms after the new ones were started (ngx_master_process_cycle)


class Before:
    """The state before a reload: the master, its workers and the ends of its logs. For one process and one reload."""

    def __init__(self, master: Master, logs: t.Sequence[Log], limits: t.Sequence[str]) -> None:
        self.master = master
        self.workers = {**master.workers, **master.shutting_down, **master.untitled}
        self.logs = tuple(logs)
        self.limits = tuple(limits)


class Proof(t.NamedTuple):
    """The result of a reload or start. `reason` is nginx's own line where it wrote one, "" if `ok`."""

    ok: bool
    reason: str
    seconds: float
    master_pid: t.Optional[int]
    workers: t.Tuple[int, ...]
    old_workers_left: int
    log_lines: t.Tuple[str, ...]
    limits: t.Tuple[str, ...]


def snapshot(instance: Instance, facts_list: t.Sequence[RuntimeFacts]) -> Before:
    """Record the state right before a reload.

    Args:
        instance: which nginx.
        facts_list: of the old and the new configuration: nginx writes syntax errors to the old error log, and what
            happens after it opened its files to the new one.

    Raises:
        NginxError: no master runs it, or it runs or shall run without one.
    """
    refuse_single(instance, facts_list)
    master = find_master(instance, facts_list[0].pid_path if facts_list else None)
    if not master:
        raise NginxError(f"no nginx master runs {instance.conf}: start it first")
    logs, limits = follow_logs(facts_list)
    return Before(master, logs, [*limits, *outdated(master)])


def reload_and_prove(
    instance: Instance, before: Before, *, facts: t.Optional[RuntimeFacts], timeout: float = 10.0
) -> Proof:
    """Send HUP to the recorded master; wait until the new configuration is proven to run, or to have failed.

    The signal goes to the master itself, whatever manages the service: `nginx -s reload`, init scripts and systemd's
    `ExecReload=` look for the master in the pid file that the *new* configuration names, and return 0 before anything
    happened.

    Proven is: the same master, none of the old workers accepts, as many new ones accept as the configuration asks for,
    and the logs, old and new, have no emerg, alert or crit line of the load. A worker accepts from when it has its own
    title, which nginx gives it after its init.

    Args:
        instance: which nginx.
        before: from `snapshot`.
        facts: of the configuration that is now on disk; without them one worker is enough.
        timeout: seconds. nginx alone takes 2.5 for a port that stays taken.
    """
    master = before.master
    alive = master.refresh()
    # A worker that died since the snapshot and was born again still has the old configuration.
    old = {**before.workers, **master.workers, **master.shutting_down, **master.untitled}
    watch = Watch(master, old, before.logs, before.limits, facts)
    if not alive:
        return watch.proof(f"the nginx master of {instance.conf} (pid {master.pid}) is gone")
    try:
        os.kill(master.pid, signal.SIGHUP)
    except OSError as error:
        return watch.proof(f"the nginx master (pid {master.pid}) cannot be signalled: {error.strerror}")
    return watch.until(timeout)


def expected_workers(facts: t.Optional[RuntimeFacts], master: Master) -> int:
    """Return the number of workers that the master must have at least.

    `auto` is the number of CPUs online (ngx_os_init); musl counts those that the process may use instead, so the
    smaller number is asked for.
    """
    if facts is None:
        return 1
    if facts.worker_processes is not None:
        return max(facts.worker_processes, 1)
    try:
        return max(min(os.sysconf("SC_NPROCESSORS_ONLN"), len(os.sched_getaffinity(master.pid))), 1)
    except OSError:
        return 1


class Watch:
    """A watch on the master, its workers and its logs, until they prove success or failure."""

    def __init__(
        self,
        master: Master,
        old: t.Dict[int, int],
        logs: t.Sequence[Log],
        limits: t.Sequence[str],
        facts: t.Optional[RuntimeFacts],
    ) -> None:
        self._master = master
        self._old = old
        self._logs = logs
        self._limits = limits
        self._expected = expected_workers(facts, master)
        self._began = time.monotonic()
        self._lines: t.List[Line] = []
        self._born: t.Set[int] = set()

    def until(self, timeout: float) -> Proof:
        while True:
            # Processes first: what made a worker end was written before it ended.
            alive = self._master.refresh()
            for log in self._logs:
                self._lines += log.read()
            if not alive:
                return self.proof(self._words("the nginx master is gone"))
            fresh = self._fresh(self._master.workers)
            self._born.update(fresh, self._fresh(self._master.untitled), named_workers(self._lines, self._master.pid))
            final = self._fatal()
            if final:
                return self.proof(reason(final, self._lines))
            if len(fresh) >= self._expected and not self._old_accepting():
                return self.proof("")
            if time.monotonic() - self._began > timeout:
                return self.proof(self._words(self._late(len(fresh), timeout)))
            time.sleep(POLL)

    def proof(self, why: str) -> Proof:
        """Close the logs; return the result, a success where `why` is ""."""
        for log in self._logs:
            log.close()
        old = self._old.items() & {**self._master.workers, **self._master.shutting_down}.items()
        return Proof(
            ok=not why,
            reason=why,
            seconds=time.monotonic() - self._began,
            master_pid=self._master.pid,
            workers=tuple(sorted(self._fresh(self._master.workers))),
            old_workers_left=len(old),
            log_lines=tuple(str(line) for line in self._lines),
            limits=(*self._limits, *(log.limit for log in self._logs if log.limit)),
        )

    def _fresh(self, workers: t.Mapping[int, int]) -> t.Set[int]:
        return {pid for pid, started in workers.items() if self._old.get(pid) != started}

    def _old_accepting(self) -> int:
        return len(self._old.items() & self._master.workers.items())

    def _fatal(self) -> t.List[Line]:
        return fatal(self._lines, master=self._master.pid, workers=self._born, old=self._old)

    def _words(self, otherwise: str) -> str:
        # nginx's own line if there is one, also one that would not decide anything by itself.
        final = self._fatal() or [line for line in self._lines if not line.connection]
        return f"{otherwise}: {reason(final, self._lines)}" if final else otherwise

    def _late(self, fresh: int, timeout: float) -> str:
        if self._old_accepting():
            return f"after {timeout:g} s nginx still runs its old workers: it did not load the configuration"
        return f"after {timeout:g} s nginx has {fresh} of {self._expected} workers"


def outdated(master: Master) -> t.List[str]:
    """Return a warning about a master whose binary was upgraded since its start: a reload does not load the new one."""
    if not master.exe_deleted:
        return []
    since = f"the nginx binary was replaced since its master (pid {master.pid}) started"
    return [f"{since}: the old one runs until nginx is restarted, and modules of the new one may not load into it"]


def refuse_single(instance: Instance, facts_list: t.Sequence[RuntimeFacts]) -> None:
    if not all(facts.master_process for facts in facts_list):
        raise NginxError(
            f"{instance.conf} has master_process off: an nginx without a master cannot be reloaded safely;"
            " remove that directive"
        )


def follow_logs(facts_list: t.Sequence[RuntimeFacts]) -> t.Tuple[t.List[Log], t.List[str]]:
    logs = [Log(path) for path in dict.fromkeys(path for facts in facts_list for path in facts.error_logs)]
    limits = dict.fromkeys(f"{name} cannot be followed" for facts in facts_list for name in facts.untailable)
    return logs, list(limits)
